"""Cursors: where a page ended, as `time~key~key`. Opaque to clients; with no character that a URL would have to escape."""

import re
from datetime import UTC, datetime

from rest_framework.exceptions import ValidationError

SEPARATOR = "~"
_NUMBER = re.compile(r"[0-9]{1,18}")


def bad_cursor() -> ValidationError:
    """What a client is told whose cursor no list of ours has given."""
    return ValidationError({"cursor": "Not a cursor of this list."})


def write_cursor(at: datetime, *keys: object) -> str:
    """`2026-11-01T12:00:00Z~17`."""
    moment = at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
    return SEPARATOR.join([moment, *map(str, keys)])


def split_cursor(cursor: str) -> tuple[datetime, list[str]]:
    """(time in UTC, keys). ValueError for text that isn't one, or a time that UTC can't express."""
    at, *keys = cursor.split(SEPARATOR)
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("a cursor's time has an offset")
    try:
        return moment.astimezone(UTC), keys
    except OverflowError:
        raise ValueError("a cursor's time is within the years 1 to 9999") from None


def read_cursor(cursor: str, *, keys: int = 1) -> tuple[datetime, list[int]]:
    """(time, so many whole numbers) of the last row seen. ValueError for text that isn't one."""
    at, given = split_cursor(cursor)
    if len(given) != keys or not all(_NUMBER.fullmatch(key) for key in given):
        raise ValueError("not the keys of this cursor")
    return at, [int(key) for key in given]
