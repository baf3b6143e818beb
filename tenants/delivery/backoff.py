"""When to try again. Pure."""

from datetime import timedelta

# After the first failure, the second... The last one is followed by giving up: about two days in all.
SCHEDULE = [
    *(timedelta(seconds=seconds) for seconds in (2, 10, 30)),
    *(timedelta(minutes=minutes) for minutes in (2, 10, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 4, 8, 12, 24)),
]
# What a receiver means by it: not now. Everything else below 500 is its opinion of this very event.
TRY_LATER = frozenset({408, 425, 429})
# An event that the receiver refuses is not tried for two days: others wait behind it.
REFUSED_ATTEMPTS = 5
LONGEST_REST = timedelta(minutes=10)


def pause_after(attempts: int, status_code: int | None) -> timedelta | None:
    """How long to wait after so many failed attempts, the last with this status (None: no answer); None: give up."""
    refused = status_code is not None and 300 <= status_code < 500 and status_code not in TRY_LATER
    most = REFUSED_ATTEMPTS if refused else len(SCHEDULE)
    return SCHEDULE[attempts - 1] if attempts <= most else None


def rest_after(failures: int) -> timedelta:
    """How long an address that has failed so often in a row is left alone as a whole."""
    return min(SCHEDULE[min(failures, len(SCHEDULE)) - 1], LONGEST_REST)


def is_of_the_address(status_code: int | None) -> bool:
    """Whether the failure says something of the address, and not of the event."""
    return status_code is None or status_code >= 500 or status_code in TRY_LATER
