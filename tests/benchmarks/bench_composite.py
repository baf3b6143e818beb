"""Milliseconds of CPU for the composite schedule of many profiles over a week, next to sorting the same boundaries.

Not a test: `scripts/bench composite --profiles 1000`. The baseline is what no sweep can do without: a sort of every
instant at which a profile begins, ends or changes its limit within the window.
"""

import argparse
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from smartcharging.profiles.composite import composite_schedule, limit_at
from smartcharging.profiles.shapes import (
    CompositePeriod,
    Installed,
    Kind,
    Period,
    Profile,
    Purpose,
    Recurrency,
    Schedule,
    Unit,
)
from smartcharging.profiles.spans import Window, spans_of

BERLIN = ZoneInfo("Europe/Berlin")
QUIET_WEEK = datetime(2026, 11, 16, tzinfo=UTC)
SUMMER_TIME_ENDS = datetime(2026, 10, 22, tzinfo=UTC)
WEEK_S = 7 * 86_400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15, help="how often each is repeated; the best counts")
    options = parser.parse_args()
    print(f"{'profiles over a week':44} {'ms':>8} {'bare ms':>8} {'ratio':>6} {'periods':>8}")
    for name, start, installed in cases(options.profiles):
        measure(name, start, installed, options.rounds)


def cases(count: int) -> list[tuple[str, datetime, list[Installed]]]:
    """What is measured: by name, the window's start and what is installed."""
    return [
        ("daily, short: nearly all show", QUIET_WEEK, stacks(count, "daily", 60, 900)),
        ("daily, short, summer time ends", SUMMER_TIME_ENDS, stacks(count, "daily", 60, 900)),
        ("daily, hours: most are covered", QUIET_WEEK, stacks(count, "daily", 3600, 36_000)),
        ("weekly", QUIET_WEEK, stacks(count, "weekly", 600, 36_000)),
        ("absolute, one after the other", QUIET_WEEK, one_after_the_other(count)),
        ("absolute, without end: only one shows", QUIET_WEEK, without_end(count)),
    ]


def stacks(count: int, recurrency: Recurrency, least_s: int, most_s: int) -> list[Installed]:
    """A tenth station maxima, a half defaults of connector 0, the rest the connector's; both units, three periods each."""
    chance = random.Random(1)
    installed = []
    for level in range(count):
        lasts = chance.randint(least_s, most_s)
        limits = tuple(Period(lasts * n // 3, Decimal(chance.randint(60, 320)) / 10) for n in range(3))
        start = SUMMER_TIME_ENDS - timedelta(days=30, seconds=chance.randint(0, WEEK_S))
        schedule = Schedule(chance.choice(("A", "W")), limits, lasts, start)
        purpose: Purpose = "station_max" if level % 10 == 0 else "tx_default"
        profile = Profile(level, level, purpose, "recurring", schedule, recurrency)
        installed.append(Installed(0 if level % 2 == 0 else 1, profile))
    return installed


def one_after_the_other(count: int) -> list[Installed]:
    step = WEEK_S // count
    return [absolute(level, "A", level * step, step) for level in range(count)]


def without_end(count: int) -> list[Installed]:
    return [absolute(level, "W", 0, None) for level in range(count)]


def absolute(level: int, unit: Unit, after_s: int, lasts: int | None) -> Installed:
    kind: Kind = "absolute"
    periods = (Period(0, Decimal(level % 30)),)
    start = QUIET_WEEK + timedelta(seconds=after_s)
    return Installed(1, Profile(level, level, "tx_default", kind, Schedule(unit, periods, lasts, start)))


def measure(name: str, start: datetime, installed: list[Installed], rounds: int) -> None:
    bounds = boundaries(installed, start)
    periods = composite(installed, start)
    assert all(before.start_s < after.start_s for before, after in pairwise(periods))
    took = best_ms(lambda: composite(installed, start), rounds)
    bare = best_ms(lambda: sorted(bounds), rounds)
    print(f"{name:44} {took:8.2f} {bare:8.2f} {took / bare:6.1f} {len(periods):8}")
    at = best_ms(lambda: limit_at(installed, evse_number=1, at=start, unit="A", zone=BERLIN), rounds)
    print(f"{'  one instant of it':44} {at:8.2f}")


def composite(installed: list[Installed], start: datetime) -> list[CompositePeriod]:
    return composite_schedule(installed, evse_number=1, start=start, duration_s=WEEK_S, unit="A", zone=BERLIN)


def boundaries(installed: list[Installed], start: datetime) -> list[int]:
    """Every begin, end and change of every profile, shuffled: as bare as the question can be."""
    window = Window(start, WEEK_S, BERLIN)
    bounds = []
    for item in installed:
        for begin, end, anchor in spans_of(item.profile, window):
            changes = (anchor + period.start_s for period in item.profile.schedule.periods)
            bounds += [begin, end, *(at for at in changes if begin < at < end)]
    random.Random(2).shuffle(bounds)
    return bounds


def best_ms(operation: Callable[[], object], rounds: int) -> float:
    operation()
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        operation()
        taken.append((time.process_time() - began) * 1000)
    return min(taken)


if __name__ == "__main__":
    main()
