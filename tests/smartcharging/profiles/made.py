"""Random stacks of profiles for property tests: everything close to one instant, so that boundaries meet."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from smartcharging.profiles.shapes import Installed, Kind, Period, Profile, Purpose, Schedule, Unit
from tests.smartcharging.profiles.naive import Question

BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
# The instants at which clocks change by an hour (Berlin) or half an hour (Lord Howe), and one at which nothing happens.
PLACES = [
    (BERLIN, datetime(2026, 3, 29, 1, tzinfo=UTC)),
    (BERLIN, datetime(2026, 10, 25, 1, tzinfo=UTC)),
    (LORD_HOWE, datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    (LORD_HOWE, datetime(2026, 4, 4, 15, tzinfo=UTC)),
    (BERLIN, datetime(2026, 1, 31, 23, tzinfo=UTC)),
]
places = st.sampled_from(PLACES)
NEAR = 20
near = st.integers(-NEAR, NEAR)
DAY = 86_400
# Days of 23, 23.5, 24, 24.5 and 25 hours, and a week.
LONG = [DAY - 3600, DAY - 1800, DAY, DAY + 1800, DAY + 3600, 7 * DAY]
lengths = st.one_of(st.integers(1, NEAR), st.builds(int.__add__, st.sampled_from(LONG), near))
# Before and after, and often the very day.
DAYS = [0, 0, 0, 0, -1, -1, -2, -6, -7, -7, -8, -15, 1]
UNITS: list[Unit] = ["A", "W"]
KINDS: list[Kind] = ["absolute", "recurring", "recurring", "relative"]
PURPOSES: list[Purpose] = ["station_max", "tx_default", "tx_default", "tx"]
# Some W are no whole tenth of A, some are the very same limit in both units.
LIMITS = {
    "A": st.decimals("0", "40", places=1) | st.sampled_from([Decimal(10), Decimal(16)]),
    "W": st.sampled_from([Decimal(0), Decimal(3680), Decimal(6900), Decimal(11000), Decimal("11040.5")]),
}


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@st.composite
def instants(draw: st.DrawFn, middle: datetime, *, days: bool = False) -> datetime:
    """Close to `middle`; with `days`, some days before or after, and an hour or half an hour beside it (a repeated hour)."""
    at = middle + seconds(draw(near))
    if draw(st.integers(0, 9)) == 0:
        at += timedelta(milliseconds=draw(st.integers(1, 999)))
    if days:
        at += timedelta(days=draw(st.sampled_from(DAYS)), minutes=draw(st.sampled_from([0, 0, -60, -30, 30, 60])))
    return at


@st.composite
def schedules(draw: st.DrawFn, middle: datetime, kind: Kind) -> Schedule:
    starts = sorted({0, *draw(st.lists(lengths, max_size=4))})
    unit = draw(st.sampled_from(UNITS))
    phases = st.sampled_from([None, None, 1, 2, 3])
    return Schedule(
        unit=unit,
        periods=tuple(Period(start, draw(LIMITS[unit]), draw(phases)) for start in starts),
        duration_s=draw(st.none() | lengths),
        start_at=None if kind == "relative" else draw(instants(middle, days=True)),
    )


@st.composite
def profiles(draw: st.DrawFn, middle: datetime) -> Profile:
    kind, purpose = draw(st.sampled_from(KINDS)), draw(st.sampled_from(PURPOSES))
    limited = draw(st.integers(0, 3))
    return Profile(
        profile_id=0,
        stack_level=draw(st.integers(0, 6)),
        purpose=purpose,
        kind=kind,
        schedule=draw(schedules(middle, kind)),
        recurrency=draw(st.sampled_from(["daily", "weekly"])) if kind == "recurring" else "",
        valid_from=draw(instants(middle)) if limited & 1 else None,
        valid_to=draw(instants(middle)) if limited & 2 else None,
        transaction_id=draw(st.sampled_from([None, "7", "8"])) if purpose == "tx" else None,
    )


@st.composite
def stacks(draw: st.DrawFn, middle: datetime, *, most: int = 7) -> list[Installed]:
    """No two at the same place, as charge points hold them."""
    found = draw(st.lists(st.builds(Installed, st.sampled_from([0, 1, 1, 2]), profiles(middle)), max_size=most))
    by_place = {(item.evse_number, item.profile.purpose, item.profile.stack_level): item for item in found}
    return list(by_place.values())


@st.composite
def questions(draw: st.DrawFn, zone: ZoneInfo, middle: datetime) -> Question:
    session = draw(st.sampled_from(["none", "known", "unnamed", "unplaced"]))
    return Question(
        evse_number=draw(st.sampled_from([0, 1, 1, 1, 1])),
        unit=draw(st.sampled_from("AW")),
        zone=zone,
        session_start=draw(instants(middle)) if session in ("known", "unnamed") else None,
        transaction_id="7" if session in ("known", "unplaced") else None,
        voltage=draw(st.sampled_from([230, 231, 400])),
        default_phases=draw(st.sampled_from([1, 3, 3])),
    )


@st.composite
def cases(draw: st.DrawFn, *, most: int = 7) -> tuple[list[Installed], Question, datetime]:
    """What is installed, what is asked, and where the window starts."""
    zone, middle = draw(places)
    start = draw(instants(middle))
    return draw(stacks(middle, most=most)), draw(questions(zone, middle)), start
