"""When a profile holds within a window: whole seconds from the window's start, half-open. Pure.

A boundary that lies between two whole seconds of the window is moved up to the next one. A whole second `k` is then
inside a span if and only if its instant is inside the real one, so nothing is lost as long as one asks at whole seconds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from smartcharging.profiles.shapes import Profile

DAY_S = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP_DAYS = {"daily": 1, "weekly": 7}
# Later than anything in a window.
NEVER = 2**62

# (begin, end, anchor): from `begin` to before `end` the schedule holds that started at `anchor` (its periods count from
# there). A bare tuple: there are thousands of them.
Span = tuple[int, int, int]


@dataclass(slots=True)
class Window:
    """`length` seconds from `start`, at a site in `zone`, with the session that runs there (None: none)."""

    start: datetime
    length: int
    zone: ZoneInfo
    session_start: datetime | None = None
    # Seconds east of UTC on a day (an ordinal); None: they change on it.
    _east: dict[int, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Python subtracts times of the same zone by their wall clocks: with UTC on one side it can't.
        self.start = self.start.astimezone(UTC)

    def second_of(self, at: datetime) -> int:
        """The first whole second of the window at or after `at`; may be outside of the window."""
        apart = at - self.start
        return apart.days * DAY_S + apart.seconds + (apart.microseconds > 0)

    def seconds_of_days(self, days: Iterable[int], wall: timedelta) -> Iterator[int]:
        """As `second_of`, for the time of day `wall` at the site on each of `days`.

        A time that summer time skips is as much later; of one that it repeats the first counts.
        """
        apart = timedelta(days=-EPOCH.toordinal()) + wall - (self.start - EPOCH)
        without_zone = apart.days * DAY_S + apart.seconds + (apart.microseconds > 0)
        for day in days:
            try:
                east = self._east[day]
            except KeyError:
                east = self._east[day] = self._east_all(day)
            if east is None:
                yield self.second_of(_at_wall_clock(day, wall, self.zone))
            else:
                yield without_zone + day * DAY_S - east

    def _east_all(self, day: int) -> int | None:
        first = _east_of(_at_wall_clock(day, timedelta(0), self.zone))
        last = _east_of(_at_wall_clock(day, timedelta(days=1, microseconds=-1), self.zone))
        return first if first == last else None


def spans_of(profile: Profile, window: Window) -> Iterator[Span]:
    """When `profile` holds within `window`: in order, disjoint, none empty."""
    schedule = profile.schedule
    least, most = _bounds(profile, window)
    if least >= most or not schedule.periods:
        return
    lasts = NEVER if schedule.duration_s is None else schedule.duration_s
    # Before its first period (which starts at 0, if it was validated) a schedule says nothing.
    silent = schedule.periods[0].start_s
    for anchor, again in _anchors(profile, window, least, most):
        begin, end = anchor + silent, anchor + lasts
        begin = begin if begin > least else least
        end = end if end < again else again
        end = end if end < most else most
        if begin < end:
            yield begin, end, anchor


def _bounds(profile: Profile, window: Window) -> tuple[int, int]:
    """From where to where the profile may hold at all."""
    least, most = 0, window.length
    if profile.valid_from is not None:
        least = max(least, window.second_of(profile.valid_from))
    if profile.valid_to is not None:
        most = min(most, window.second_of(profile.valid_to))
    if profile.purpose == "tx" and window.session_start is not None:
        least = max(least, window.second_of(window.session_start))
    return least, most


def _anchors(profile: Profile, window: Window, least: int, most: int) -> Iterable[tuple[int, int]]:
    """Where the schedule starts, and where it starts again, as far as that matters between `least` and `most`."""
    start_at = profile.schedule.start_at
    if profile.kind == "recurring":
        if start_at is None or not profile.recurrency:
            return ()
        return _recurrences(start_at, STEP_DAYS[profile.recurrency], window, least, most)
    if profile.kind == "relative" or start_at is None:
        # Absolute without startSchedule is relative (OCPP 1.6 §7.13).
        start_at = window.session_start
    return () if start_at is None else ((window.second_of(start_at), NEVER),)


def _recurrences(start_at: datetime, step: int, window: Window, least: int, most: int) -> Iterator[tuple[int, int]]:
    """From `start_at` on, at the same time of day at the site."""
    first = window.second_of(start_at)
    if first >= most:
        return
    local = start_at.astimezone(window.zone)
    day = local.toordinal()
    wall = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    # Two days of slack: a zone is at most a day off UTC, and so is what it changes by.
    skipped = max((least - first) // DAY_S - 2, 0) // step * step
    following = window.seconds_of_days(count(day + skipped, step), wall)
    anchor = next(following)
    if not skipped:
        # The instant itself starts the first one: of a repeated hour it may be the second.
        anchor = first
    while anchor < most:
        again = next(following)
        if again > least:
            yield anchor, again
        anchor = again


def _at_wall_clock(day: int, wall: timedelta, zone: ZoneInfo) -> datetime:
    return datetime.combine(date.fromordinal(day), time(0)).replace(tzinfo=zone) + wall


def _east_of(at: datetime) -> int:
    offset = at.utcoffset()
    return 0 if offset is None else offset.days * DAY_S + offset.seconds
