"""When cars come, how long they stay, and what they take. Pure: chance comes from the generator that is given."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from csms.test_data.fleet import Outlet

# Of each habit: sessions on a weekday and on a day of the weekend, hours at which cars come (with weights), hours that they stay.
HABITS = {
    "work": (0.9, 0.1, [(7, 2), (8, 5), (9, 3), (13, 1)], (3.0, 8.5)),
    "depot": (1.0, 0.6, [(17, 2), (18, 4), (19, 3), (22, 1)], (6.0, 11.0)),
    "public": (1.4, 1.8, [(9, 1), (11, 2), (13, 2), (16, 3), (18, 3), (20, 1)], (0.7, 3.5)),
    "fast": (3.0, 3.6, [(8, 1), (10, 2), (12, 3), (15, 3), (17, 3), (19, 2), (22, 1)], (0.3, 0.8)),
}
READ_EVERY = timedelta(minutes=15)
READ_FAST_EVERY = timedelta(minutes=3)
# Above this share of what it wants, a car takes less and less.
TAPERS_FROM = 0.8


@dataclass(frozen=True, slots=True)
class PlannedReading:
    """A register (Wh) and the power (W) at one instant."""

    at: datetime
    register_wh: Decimal
    power_w: Decimal


@dataclass(frozen=True, slots=True)
class PlannedSession:
    """A session that is over; the first and the last reading are its begin and end."""

    outlet: Outlet
    token: str
    tag_id: int
    reason: str
    readings: list[PlannedReading]


def plan_sessions(
    outlet: Outlet, tags: list[tuple[str, int]], first: datetime, end: datetime, zone: ZoneInfo, rng: random.Random
) -> Iterator[PlannedSession]:
    """One outlet's sessions that begin and end between the two times, in order, none while another lasts."""
    weekday, weekend, hours, stay = HABITS[outlet.habit]
    register, free_from = Decimal(rng.randrange(200_000, 9_000_000)), first
    day = first.astimezone(zone).date()
    while day <= end.astimezone(zone).date():
        mean = weekend if day.weekday() >= 5 else weekday
        for arrival in sorted(_arrivals(mean, hours, rng)):
            begin = datetime.combine(day, time(), zone) + arrival
            leave = begin + timedelta(hours=rng.uniform(*stay))
            if begin < free_from or leave > end:
                continue
            token, tag_id = rng.choice(tags)
            readings = _readings(outlet, begin, leave, register, rng)
            yield PlannedSession(outlet, token, tag_id, rng.choice(["EVDisconnected", "Local", "Remote"]), readings)
            register, free_from = readings[-1].register_wh, leave + timedelta(minutes=5)
        day += timedelta(days=1)


def _arrivals(mean: float, hours: list[tuple[int, int]], rng: random.Random) -> list[timedelta]:
    """A number that varies around `mean` (Poisson's), each at one of the hours."""
    count, product, limit = 0, rng.random(), math.exp(-mean)
    while product > limit:
        count, product = count + 1, product * rng.random()
    chosen = rng.choices([hour for hour, _ in hours], [weight for _, weight in hours], k=count)
    return [timedelta(hours=hour, seconds=rng.randrange(3600)) for hour in chosen]


def _readings(
    outlet: Outlet, begin: datetime, leave: datetime, register: Decimal, rng: random.Random
) -> list[PlannedReading]:
    step = READ_FAST_EVERY if outlet.habit == "fast" else READ_EVERY
    most = outlet.power_w * rng.uniform(0.6, 0.97)
    wanted_wh = rng.uniform(8_000, 55_000)
    at, taken = begin, 0.0
    readings = [PlannedReading(begin, register, Decimal(0))]
    while at < leave:
        until = min(at + step, leave)
        power = _power(most, taken / wanted_wh)
        taken += power * ((until - at) / timedelta(hours=1))
        at = until
        shown = Decimal(0) if until == leave else Decimal(round(power))
        readings.append(PlannedReading(at, register + Decimal(round(taken)), shown))
    return readings


def _power(most: float, done: float) -> float:
    """What a car takes (W) that has had this share of what it wants."""
    if done >= 1:
        return 0.0
    return most if done < TAPERS_FROM else most * max(0.08, (1 - done) / (1 - TAPERS_FROM))
