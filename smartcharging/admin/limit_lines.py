"""The limit that a connector was under, drawn over its power and its current on metering's charts.

Worked out from the history of its profiles: between two changes of what the station held, the composite schedule.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from chargepoints.models import Transaction
from metering.admin.overlays import Overlay, OverlayPoint, OverlayQuery, register_overlay
from smartcharging.models import ChargingProfile, CircuitMember
from smartcharging.profiles.composite import composite_schedule
from smartcharging.profiles.shapes import DEFAULT_PHASES, DEFAULT_VOLTAGE, CompositePeriod, Unit
from smartcharging.selectors import installed_of, zone_of

# Load management may give a connector a new limit every minute: beyond so many changes only the newest are drawn.
MOST_CHANGES = 1000
LONGEST = timedelta(days=8)
UNITS: tuple[Unit, ...] = ("W", "A")


class Span(NamedTuple):
    """A session's time on the connector."""

    start: datetime
    end: datetime | None
    protocol_id: str


@register_overlay("limit")
def limit_lines(query: OverlayQuery) -> Iterable[Overlay]:
    """One line for each unit; none for a whole station, and none where nobody ever limited."""
    if not query.evse_number or query.end - query.start > LONGEST:
        return []
    rows = _held(query)
    if not rows:
        return []
    marks, spans = _marks(query, rows), _spans(query)
    volts, phases, zone = _electrics(query)
    lines = []
    for unit in UNITS:
        points: list[OverlayPoint] = []
        for begin, end in pairwise(marks):
            held = [installed_of(row) for row in rows if _holds(row, begin)]
            span = next((one for one in spans if one.start <= begin and (one.end is None or begin < one.end)), None)
            periods = composite_schedule(
                held,
                evse_number=query.evse_number,
                start=begin,
                duration_s=max(1, round((end - begin).total_seconds())),
                unit=unit,
                zone=zone,
                session_start=span.start if span else None,
                transaction_id=span.protocol_id if span else None,
                voltage=volts,
                default_phases=phases,
            )
            points += _steps(periods, begin, end)
        lines.append(Overlay(_("Limit"), unit, _merged(points)))
    return lines


def _held(query: OverlayQuery) -> list[ChargingProfile]:
    """What the station held for the connector at some time of the range."""
    touched = Q(ended_at=None, state=ChargingProfile.State.INSTALLED) | Q(ended_at__gt=query.start)
    found = ChargingProfile.objects.select_related("transaction").filter(
        touched,
        charge_point=query.charge_point_id,
        evse_number__in=[0, query.evse_number],
        installed_at__isnull=False,
        installed_at__lt=query.end,
    )
    return list(found.order_by("-installed_at")[:MOST_CHANGES])


def _holds(row: ChargingProfile, at: datetime) -> bool:
    return row.installed_at is not None and row.installed_at <= at and (row.ended_at is None or row.ended_at > at)


def _marks(query: OverlayQuery, rows: Sequence[ChargingProfile]) -> list[datetime]:
    """The range, cut wherever a profile came or went, or a session began."""
    start = query.start
    if len(rows) == MOST_CHANGES:
        start = max(start, min(row.installed_at for row in rows if row.installed_at is not None))
    # Of the time to come only what lies in the range, and no more than there can be a session of.
    times = {at for row in rows for at in (row.installed_at, row.ended_at) if at is not None}
    times |= {at for span in _spans(query) for at in (span.start, span.end) if at is not None}
    return [start, *sorted(at for at in times if start < at < query.end), query.end]


def _spans(query: OverlayQuery) -> list[Span]:
    sessions = Transaction.objects.filter(
        Q(stopped_at=None) | Q(stopped_at__gt=query.start),
        charge_point=query.charge_point_id,
        evse__number=query.evse_number,
        started_at__lt=query.end,
    ).order_by("-started_at")
    return [Span(*values) for values in sessions.values_list("started_at", "stopped_at", "protocol_id")[:200]]


def _electrics(query: OverlayQuery) -> tuple[int, int, ZoneInfo]:
    """(volts, phases, the zone in which profiles recur)."""
    member = (
        CircuitMember.objects.filter(charge_point=query.charge_point_id, evse_number=query.evse_number)
        .values_list("circuit__voltage", "wiring")
        .first()
    )
    zone = zone_of(query.charge_point_id)
    if member is None:
        return DEFAULT_VOLTAGE, DEFAULT_PHASES, zone
    return member[0], len(member[1]), zone


def _steps(periods: Sequence[CompositePeriod], begin: datetime, end: datetime) -> list[OverlayPoint]:
    points: list[OverlayPoint] = []
    for index, period in enumerate(periods):
        start = begin + timedelta(seconds=period.start_s)
        stop = begin + timedelta(seconds=periods[index + 1].start_s) if index + 1 < len(periods) else end
        if period.limit is None:
            points.append(None)
        else:
            points += [(start, float(period.limit)), (min(stop, end), float(period.limit))]
    return points


def _merged(points: Iterable[OverlayPoint]) -> list[OverlayPoint]:
    """Without the points between two that say the same."""
    kept: list[OverlayPoint] = []
    for point in points:
        if point is None and (not kept or kept[-1] is None):
            continue
        if point is not None and len(kept) > 1:
            before, last = kept[-2], kept[-1]
            if before is not None and last is not None and before[1] == last[1] == point[1]:
                kept[-1] = point
                continue
        kept.append(point)
    return kept
