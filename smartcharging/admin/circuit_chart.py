"""A tree's rounds over time, as data for the charts: capacity, allotted, at worst, measured, on each phase."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from smartcharging.admin.pictures import milliseconds
from smartcharging.circuit_selectors import rounds_between
from smartcharging.models import Circuit

PHASES = ("L1", "L2", "L3")
# Points of a line; of the rounds that fall on one the highest are shown.
POINTS = 700
MOST_ROUNDS = 50_000
# A round comes each minute: what is further apart has a gap between.
GAP = timedelta(minutes=5)


class Round(NamedTuple):
    at: datetime
    capacity: list[float]
    allotted: list[float]
    worst: list[float]
    actual: list[float]


def chart_data(root: Circuit, *, start: datetime, end: datetime, now: datetime) -> dict[str, Any]:
    """As `metering.admin.charts.charts_json` gives it; a chart for each phase that the circuit has."""
    step = max(timedelta(seconds=1), (end - start) / POINTS)
    found = list(_binned(_rounds(root, start, end), start, step))
    phases = (0,) if root.phases == 1 else (0, 1, 2)
    return {
        "start": milliseconds(start),
        "end": milliseconds(end),
        "now": milliseconds(now),
        "step": 0 if step <= timedelta(minutes=1) else round(step.total_seconds()),
        "charts": {f"load-{PHASES[phase]}": _chart(found, phase, max(GAP, step * 3)) for phase in phases},
    }


def _rounds(root: Circuit, start: datetime, end: datetime) -> Iterator[Round]:
    """Oldest first, the newest where there are too many."""
    rows = rounds_between(root, start, end).values_list("at", "capacity", "allotted", "worst", "actual")[:MOST_ROUNDS]
    for row in reversed(list(rows)):
        one = Round(*row)
        if all(len(values) == len(PHASES) for values in one[1:]):
            yield one


def _binned(rounds: Iterable[Round], start: datetime, step: timedelta) -> Iterator[Round]:
    """One for each step: the lowest capacity, the highest of all else."""
    kept: Round | None = None
    for one in rounds:
        if kept is not None and (one.at - start) // step == (kept.at - start) // step:
            lowest = [min(pair) for pair in zip(kept.capacity, one.capacity, strict=True)]
            highest = [
                [max(pair) for pair in zip(before, after, strict=True)]
                for before, after in zip(kept[2:], one[2:], strict=True)
            ]
            kept = Round(kept.at, lowest, *highest)
        else:
            if kept is not None:
                yield kept
            kept = one
    if kept is not None:
        yield kept


def _chart(rounds: list[Round], phase: int, gap: timedelta) -> dict[str, Any]:
    """Measured first: that line is drawn strongest."""
    lines = [
        (_("Measured"), "actual", False),
        (_("Allotted"), "allotted", True),
        (_("At worst"), "worst", True),
        (_("For charging"), "capacity", True),
    ]
    drawn = [_line(label, rounds, name, phase, gap, stepped=stepped) for label, name, stepped in lines]
    return {"unit": "A", "right": "", "lines": [one for one in drawn if one["points"]]}


def _line(label: str, rounds: list[Round], name: str, phase: int, gap: timedelta, *, stepped: bool) -> dict[str, Any]:
    """What was decided holds until the next round."""
    points: list[list[float] | None] = []
    before: tuple[datetime, float] | None = None
    for one in rounds:
        value = round(getattr(one, name)[phase], 1)
        if before is not None and one.at - before[0] > gap:
            points.append(None)
        elif before is not None and stepped and before[1] != value:
            points.append([milliseconds(one.at), before[1]])
        points.append([milliseconds(one.at), value])
        before = (one.at, value)
    return {"label": label, "axis": "left", "unit": "A", "step": stepped, "points": points}
