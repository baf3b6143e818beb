"""What is a difference between schedules, and what is only a station's way of putting it."""

from decimal import Decimal

import pytest

from smartcharging.profiles.shapes import CompositePeriod, Unit
from smartcharging.services.comparison import first_difference

Steps = list[tuple[int, float | None]]


def periods(steps: Steps) -> list[CompositePeriod]:
    return [CompositePeriod(start, None if limit is None else Decimal(str(limit)), None) for start, limit in steps]


def differs_at(ours: Steps, reported: Steps, unit: Unit = "A", until_s: int = 3600) -> int | None:
    found = first_difference(periods(ours), periods(reported), unit=unit, until_s=until_s)
    return None if found is None else found.start_s


@pytest.mark.parametrize(
    ("ours", "reported"),
    [
        ([(0, 16)], [(0, 16)]),
        # Rounded, to amperes and to seconds.
        ([(0, 8.3)], [(0, 8)]),
        ([(0, 16), (600, 10)], [(0, 16), (602, 10)]),
        # Cut up differently.
        ([(0, 16)], [(0, 16), (60, 16)]),
        # Its own hardware's limit.
        ([(0, 63)], [(0, 32)]),
        ([(0, 63), (600, 20)], [(0, 32), (600, 20)]),
        # Where nobody limits, it may say what it likes.
        ([(0, None)], [(0, 32)]),
        ([(0, None)], []),
        ([(0, 0)], [(0, 0)]),
    ],
)
def test_no_difference(ours: Steps, reported: Steps) -> None:
    assert differs_at(ours, reported) is None


@pytest.mark.parametrize(
    ("ours", "reported", "since"),
    [
        ([(0, 16)], [(0, 32)], 0),
        ([(0, 16)], [(0, 17)], 0),
        ([(0, 16)], [(0, None)], 0),
        ([(0, 16)], [], 0),
        ([(0, 16)], [(0, 6)], 0),
        ([(0, 32), (600, 6)], [(0, 32)], 600),
        ([(0, 32), (600, 6)], [(0, 32), (900, 6)], 600),
        ([(0, 16), (600, 32)], [(0, 16), (600, 10)], 600),
        ([(0, 0)], [(0, 6)], 0),
    ],
)
def test_a_difference(ours: Steps, reported: Steps, since: int) -> None:
    assert differs_at(ours, reported) == since


def test_only_what_both_speak_of_counts() -> None:
    assert differs_at([(0, 16), (600, 6)], [(0, 16)], until_s=600) is None


def test_watts_have_their_own_tolerance() -> None:
    assert differs_at([(0, 11040)], [(0, 11000)], "W") is None
    assert differs_at([(0, 11040)], [(0, 12000)], "W") == 0
