"""What a worker would have written down, minute by minute, while made-up sessions ran: the fleet's power, its days online."""

from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

from chargepoints.models import ChargePoint, FleetOnlineDay, OnlineDay
from metering.models import Sample, Series
from metering.readings import POWER
from smartcharging.models import FleetLoad
from tenants.context import system_transaction
from tenants.models import Tenant

STEP = timedelta(minutes=5)
DAY_S = 86_400
# Of days, in turn: stations are away now and then.
ONLINE_PERCENT = (100, 100, 99, 100, 100, 100, 93, 100, 100, 97, 100, 100, 98)
# A reading says nothing of power this much later.
HOLDS = timedelta(minutes=20)


def write_down_load(tenant: Tenant, now: datetime, limit_w: Decimal) -> None:
    """The fleet's power of the last day from the readings of its sessions."""
    start = (now - timedelta(days=1)).replace(second=0, microsecond=0)
    with system_transaction():
        lines: defaultdict[int, list[tuple[datetime, Decimal]]] = defaultdict(list)
        series = Series.objects.filter(tenant=tenant, measurand=POWER).values_list("pk", flat=True)
        samples = Sample.objects.filter(series_id__in=list(series), at__gte=start - HOLDS).order_by("at")
        for number, at, value in samples.values_list("series_id", "at", "value"):
            lines[number].append((at, value))
        stations = ChargePoint.objects.filter(tenant=tenant).count()
        times = [start + STEP * number for number in range(int((now - start) / STEP))]
        rows = []
        for at in times:
            powers = [_power_at(line, at) for line in lines.values()]
            rows.append(
                FleetLoad(
                    tenant=tenant,
                    at=at,
                    power_w=sum(powers, Decimal(0)),
                    limit_w=limit_w,
                    charging=sum(power > 0 for power in powers),
                    online=stations,
                )
            )
        FleetLoad.objects.bulk_create(rows, ignore_conflicts=True)


def _power_at(line: list[tuple[datetime, Decimal]], at: datetime) -> Decimal:
    """The last value before, W."""
    place = bisect_right(line, at, key=lambda sample: sample[0])
    return line[place - 1][1] if place and at - line[place - 1][0] <= HOLDS else Decimal(0)


def write_down_days_online(tenant: Tenant, now: datetime, days: int) -> None:
    """Of each station, and what they add up to."""
    with system_transaction():
        stations = list(ChargePoint.objects.filter(tenant=tenant).order_by("pk").values_list("pk", flat=True))
        rows = [
            OnlineDay(
                tenant=tenant,
                charge_point_id=station,
                day=(now - timedelta(days=number)).date(),
                online_s=DAY_S * ONLINE_PERCENT[(number * 5 + place) % len(ONLINE_PERCENT)] // 100,
                expected_s=DAY_S,
            )
            for number in range(1, days + 1)
            for place, station in enumerate(stations)
        ]
        OnlineDay.objects.bulk_create(rows)
        online: Counter[date] = Counter()
        for row in rows:
            online[row.day] += row.online_s
        expected = {"stations": len(stations), "expected_s": len(stations) * DAY_S, "computed_at": now}
        FleetOnlineDay.objects.bulk_create(
            FleetOnlineDay(tenant=tenant, day=day, online_s=seconds, **expected) for day, seconds in online.items()
        )
