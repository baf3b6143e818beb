"""A session's readings for its analytics, and where it begins and ends. Callers hold the scope."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from chargepoints.models import Transaction
from metering.models import Sample, Series
from metering.pricing.usage import CLOCK_TOLERANCE, LONGEST_OFFLINE
from metering.readings import ENERGY, POWER
from metering.sessions.analytics import INLET, OUTLET, SOC, TEMPERATURE, Analytics, Bounds, Moment, analyse

# What analytics look at; a station may send much more.
AT_OUTLET_OR_INLET = (ENERGY, POWER)
ANYWHERE = (SOC, TEMPERATURE)


def analytics_of(session: Transaction, now: datetime) -> Analytics:
    """Of a session with its EVSE at hand. What runs is analysed up to `now`."""
    bounds = bounds_of(session, now)
    return analyse(bounds, moments_of(session, bounds))


def bounds_of(session: Transaction, now: datetime) -> Bounds:
    """As far as the station's clock can be believed: the times that its price is reckoned from."""
    received = session.start_received_at
    believed = received - LONGEST_OFFLINE <= session.started_at <= received + CLOCK_TOLERANCE
    start = session.started_at if believed else received
    if session.stopped_at is None or session.meter_stop_wh is None:
        return Bounds(start, max(start, now), session.meter_start_wh, None)
    latest = session.stop_received_at or now
    end = session.stopped_at if session.stopped_at <= latest + CLOCK_TOLERANCE else latest
    return Bounds(start, max(start, end), session.meter_start_wh, session.meter_stop_wh)


def moments_of(session: Transaction, bounds: Bounds) -> Iterator[Moment]:
    """The readings by time, the oldest first, one by one."""
    keys = {
        pk: (measurand, location, phase)
        for pk, measurand, location, phase in Series.objects.filter(
            charge_point_id=session.charge_point_id,
            evse_number=session.evse.number,
            measurand__in=[*AT_OUTLET_OR_INLET, *ANYWHERE],
        ).values_list("pk", "measurand", "location", "phase")
        if measurand in ANYWHERE or location in (INLET, OUTLET)
    }
    rows = (
        Sample.objects.filter(
            series_id__in=list(keys), transaction_id=session.pk, at__gte=bounds.start, at__lte=bounds.end
        )
        .order_by("at", "context")
        .values_list("at", "series_id", "value")
    )
    for at, group in groupby(rows.iterator(chunk_size=2000), key=lambda row: row[0]):
        values: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
        for _at, series_id, value in group:
            measurand, location, phase = keys[series_id]
            values[measurand, location][phase] = value
        yield at, values
