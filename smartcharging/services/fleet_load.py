"""Writes down the power of every fleet, minute by minute. Under the system role.

A minute that is written twice stays as it was first; one in which no worker ran stays empty, and is drawn as a gap.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, QuerySet, Sum

from chargepoints.models import ChargePoint, StationConnection, Transaction
from metering.selectors import sessions_with_power
from smartcharging.fleet_limits import limits_by_tenant
from smartcharging.models import FleetLoad
from tenants.arrays import array_literal
from tenants.context import system_connection, system_transaction

# A week and a day: the same time a week ago is always there.
KEPT = timedelta(days=8)
# A tenant may go while its row is on the way: of those that are still there.
INSERT = """
INSERT INTO smartcharging_fleetload (tenant_id, at, power_w, limit_w, charging, online)
SELECT t.id, %s, given.power_w, given.limit_w, given.charging, given.online
FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::int[], %s::int[])
    AS given (tenant_id, power_w, limit_w, charging, online)
JOIN tenants_tenant t ON t.id = given.tenant_id AND t.status <> 'erasing'
ON CONFLICT (tenant_id, at) DO NOTHING
"""


class _Row(NamedTuple):
    tenant_id: int
    power_w: Decimal
    limit_w: Decimal | None
    charging: int
    online: int


def record_fleet_load(now: datetime) -> int:
    """A row for each tenant that has charge points; how many were new. Six queries, however many tenants."""
    minute = now.replace(second=0, microsecond=0)
    with system_transaction(), system_connection().cursor() as cursor:
        rows = _rows(now)
        if not rows:
            return 0
        cursor.execute(INSERT, [minute, *(array_literal(column) for column in zip(*rows, strict=True))])
        return int(cursor.rowcount)


def forget_old_load(now: datetime) -> int:
    """Minutes past keeping; rows deleted."""
    with system_transaction():
        return FleetLoad.objects.filter(at__lt=now - KEPT).delete()[0]


def _rows(now: datetime) -> list[_Row]:
    power = dict(sessions_with_power(now).order_by().values_list("tenant_id").annotate(Sum("last_power_w")))
    running = Transaction.objects.filter(state=Transaction.State.ACTIVE, verdict="Accepted")
    charging, online = _counted(running), _counted(StationConnection.objects.live())
    limits = limits_by_tenant(now)
    return [
        _Row(one, power.get(one, Decimal(0)), limits.get(one), charging.get(one, 0), online.get(one, 0))
        for one in _with_charge_points()
    ]


def _counted(rows: "QuerySet[Transaction] | QuerySet[StationConnection]") -> dict[int, int]:
    return dict(rows.order_by().values_list("tenant_id").annotate(Count("pk")))


def _with_charge_points() -> Iterable[int]:
    return ChargePoint.objects.order_by("tenant_id").values_list("tenant_id", flat=True).distinct()
