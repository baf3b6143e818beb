"""When what is aggregated: each hour once it is over, late readings soon after they came, the running hour now and then.

`AggregationState.complete_until` moves with the hours, in their transaction: after a crash or days without a worker
the next run goes on where the last commit was. One aggregation at a time, held by an advisory lock.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from django.db.models import Max, Min
from django.utils import timezone

from metering.aggregation.hours import Pass, aggregate_late, aggregate_stretch
from metering.aggregation.periods import HOUR, ceil_hour, floor_hour, hour_shift
from metering.models import AggregationState, DirtyRange
from tenants.context import system_connection, system_transaction
from tenants.models import Tenant
from tenants.partitions import partition_days
from tenants.selectors import tenant_zone

log = structlog.get_logger(__name__)

LOCK = 7_224_001
# A reading is committed within seconds of its arrival, or goes through the spill and counts as late.
SETTLED = timedelta(minutes=2)
# Hours of one transaction: enough to catch up quickly, little enough to keep what was done.
CHUNK = timedelta(hours=24)
LATE_ROWS, LATE_METERS = 20_000, 2_000


class Busy(Exception):
    """Another aggregation is under way."""


@contextmanager
def aggregation_lock(*, wait: bool) -> Iterator[None]:
    """A system transaction that is the only one to aggregate or to delete samples. Busy where `wait` is False."""
    with system_transaction():
        with system_connection().cursor() as cursor:
            if wait:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            else:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
                if not cursor.fetchone()[0]:
                    raise Busy
            # Sorting a day of registers belongs into memory.
            cursor.execute("SET LOCAL work_mem = '128MB'")
        yield


def aggregate_due_hours(*, now: datetime | None = None) -> int:
    """All hours that are over and were not summed up yet; how many."""
    done = 0
    while True:
        with aggregation_lock(wait=True):
            moment = now or timezone.now()
            target = floor_hour(moment - SETTLED)
            state = _state()
            begin = state.complete_until or _first_hour(target)
            if begin >= target:
                return done
            until = min(begin + CHUNK, target)
            # The hour before may have waited for its next reading.
            _each_pass(moment, begin - HOUR, until)
            AggregationState.objects.filter(pk=state.pk).update(complete_until=until)
        done += int((until - begin) / HOUR)
        log.info("hours aggregated", until=until.isoformat())


def aggregate_late_readings(*, now: datetime | None = None) -> int:
    """What came after its hour had been summed up; the number of stretches. Busy: the next run does it."""
    done = 0
    while True:
        with aggregation_lock(wait=False):
            # Rows seen now were committed with their samples: what is read from here on has them.
            rows = list(
                DirtyRange.objects.order_by("id").values_list("id", "charge_point_id", "evse_number")[:LATE_ROWS]
            )
            meters = list(dict.fromkeys(row[1:] for row in rows))[:LATE_METERS]
            taken = [row[0] for row in rows if row[1:] in set(meters)]
            if not taken:
                return done
            for one in _passes(now or timezone.now()):
                aggregate_late(one, taken)
            DirtyRange.objects.filter(pk__in=taken).delete()
        done += len(taken)


def aggregate_running_hour(*, now: datetime | None = None) -> None:
    """The hour that isn't over, so that pages and clients see today's figures. Provisional."""
    with aggregation_lock(wait=False):
        moment = now or timezone.now()
        _each_pass(
            moment, floor_hour(moment), ceil_hour(moment + timedelta(seconds=1)), mark_silences=False, ahead=True
        )


def aggregate_between(
    start: datetime,
    end: datetime,
    *,
    stations: list[int] | None = None,
    now: datetime | None = None,
    progress: Callable[[datetime], None] = lambda until: None,
) -> None:
    """Again, whatever was done before: a day at a time, each in its own transaction."""
    begin, end = floor_hour(start), ceil_hour(end)
    while begin < end:
        until = min(begin + CHUNK, end)
        with aggregation_lock(wait=True):
            _each_pass(now or timezone.now(), begin - HOUR, until, stations=stations, ahead=True)
        begin = until
        progress(begin)


def aggregated_until() -> datetime | None:
    """All hours before have been summed up, but for late readings. In any scope."""
    until: datetime | None = AggregationState.objects.aggregate(until=Max("complete_until"))["until"]
    return until


def oldest_late_reading() -> datetime | None:
    """The earliest time that waits to be aggregated again. In a system scope."""
    first: datetime | None = DirtyRange.objects.aggregate(first=Min("first"))["first"]
    return first


def _each_pass(
    now: datetime,
    begin: datetime,
    end: datetime,
    *,
    stations: list[int] | None = None,
    mark_silences: bool = True,
    ahead: bool = False,
) -> None:
    """`ahead`: shifted hours may reach past `end`; else past `begin`, so that no hour is taken before it is over."""
    for one in _passes(now):
        shift = one.shift if ahead or not one.shift else one.shift - HOUR
        first = begin - HOUR + one.shift if one.shift else begin
        aggregate_stretch(one, first, end + shift, stations=stations, mark_silences=mark_silences)


def zones_of_tenants() -> dict[int, str]:
    """The name of each tenant's time zone, in a system scope."""
    return {tenant.pk: tenant_zone(tenant).key for tenant in Tenant.objects.all()}


def _passes(now: datetime) -> list[Pass]:
    groups: defaultdict[timedelta, dict[int, str]] = defaultdict(dict)
    for tenant_id, zone in zones_of_tenants().items():
        groups[hour_shift(ZoneInfo(zone), now)][tenant_id] = zone
    return [Pass(zones, shift, now, some=len(groups) > 1) for shift, zones in sorted(groups.items())]


def _state() -> AggregationState:
    state, _ = AggregationState.objects.get_or_create(pk=1)
    return state


def _first_hour(target: datetime) -> datetime:
    """Where a system begins that has never aggregated: with its oldest sample."""
    with system_connection().cursor() as cursor:
        for day in partition_days("metering_sample"):
            begin = datetime.combine(day, time(), UTC)
            cursor.execute("SELECT min(at) FROM metering_sample WHERE at >= %s AND at < %s", [begin, begin + 24 * HOUR])
            oldest = cursor.fetchone()[0]
            if oldest is not None:
                return floor_hour(oldest)
    return target
