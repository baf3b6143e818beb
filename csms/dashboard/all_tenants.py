"""All tenants at a glance, for platform staff. Under the system role; each tenant's day is that of its own calendar.

A fixed number of statements, however many tenants; each reads what is running, or the sums of one day.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet, Sum

from chargepoints.models import ChargePoint, Connector, StationConnection, Transaction
from csms.dashboard.today import spans_of
from metering.models import Alert
from metering.selectors import sessions_with_power
from smartcharging.fleet_limits import limits_by_tenant
from tenants.context import current_database, system_connection, system_transaction
from tenants.databases.each import in_each_database
from tenants.models import Tenant

UPTIME_DAYS = 7
# `first`, the earliest of the midnights, tells the planner how little of the past is asked for.
SPANS = "unnest(%(tenants)s::bigint[], %(midnights)s::timestamptz[], %(days)s::date[]) AS d (tenant_id, midnight, first_day)"
ENERGY_TODAY = f"""
SELECT b.tenant_id, sum(b.energy_wh) FROM {SPANS}
JOIN metering_fleetbucket b ON b.tenant_id = d.tenant_id AND b.period = 1 AND b.start >= d.midnight AND b.start >= %(first)s
GROUP BY 1
"""
SESSIONS_TODAY = f"""
SELECT t.tenant_id, count(*) FROM {SPANS}
JOIN chargepoints_transaction t ON t.tenant_id = d.tenant_id AND t.started_at >= d.midnight
WHERE t.started_at >= %(first)s AND t.started_at < %(now)s AND t.verdict = 'Accepted' GROUP BY 1
"""
REVENUE_TODAY = f"""
SELECT r.tenant_id, r.currency, sum(r.total_incl_tax) FROM {SPANS}
JOIN metering_chargedetailrecord r ON r.tenant_id = d.tenant_id AND r.stopped_at >= d.midnight
WHERE r.stopped_at >= %(first)s AND r.stopped_at < %(now)s
    AND NOT EXISTS (SELECT 1 FROM metering_chargedetailrecord c WHERE c.corrects_id = r.id) GROUP BY 1, 2
"""
UPTIME = f"""
SELECT f.tenant_id, sum(f.online_s)::bigint, sum(f.expected_s)::bigint FROM {SPANS}
JOIN chargepoints_fleetonlineday f ON f.tenant_id = d.tenant_id AND f.day >= d.first_day GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class TenantNow:
    """One tenant. Power in W, energy in Wh; `limit_w` None: no circuits; `online_s` of `expected_s` in seven days.

    `away`: its own database can't be reached just now; nothing of it is known.
    """

    slug: str
    name: str
    status: str
    stations: int
    online: int
    charging: int
    faulted: int
    power_w: Decimal
    limit_w: Decimal | None
    energy_wh: Decimal
    sessions: int
    revenue: dict[str, Decimal]
    alerts: int
    online_s: int
    expected_s: int
    away: bool = False

    @property
    def uptime(self) -> float | None:
        """From 0 to 1; None: no station was expected."""
        return min(1.0, self.online_s / self.expected_s) if self.expected_s else None


@dataclass(frozen=True, slots=True)
class Platform:
    """All of them, by name, and what they add up to; `uptime` by the hours of all stations."""

    tenants: list[TenantNow]
    total: TenantNow


def platform_now(now: datetime) -> Platform:
    """Opens the system's scope itself, in every database that tenants live in."""
    with system_transaction():
        tenants = list(Tenant.objects.order_by("name", "pk"))
    found = dict(in_each_database(lambda: _figures_here(tenants, now), what="all tenants"))
    rows = [_row(found.get(tenant.database), tenant) for tenant in tenants]
    return Platform(rows, _total(rows))


def _figures_here(tenants: list[Tenant], now: datetime) -> "tuple[str, _Figures]":
    here = current_database()
    with system_transaction():
        return here, _figures([one for one in tenants if one.database == here], now)


@dataclass(slots=True)
class _Figures:
    """Every figure by tenant, of those that live in one database."""

    stations: dict[int, int] = field(default_factory=dict)
    online: dict[int, int] = field(default_factory=dict)
    charging: dict[int, int] = field(default_factory=dict)
    faulted: dict[int, int] = field(default_factory=dict)
    alerts: dict[int, int] = field(default_factory=dict)
    power: dict[int, Decimal] = field(default_factory=dict)
    limits: dict[int, Decimal] = field(default_factory=dict)
    energy: dict[int, Decimal] = field(default_factory=dict)
    sessions: dict[int, int] = field(default_factory=dict)
    revenue: dict[int, dict[str, Decimal]] = field(default_factory=dict)
    uptime: dict[int, tuple[int, int]] = field(default_factory=dict)


def _figures(tenants: list[Tenant], now: datetime) -> _Figures:
    """In an open system scope: a dozen statements."""
    running = Transaction.objects.filter(state=Transaction.State.ACTIVE, verdict="Accepted")
    live = StationConnection.objects.live()
    faulted = Connector.objects.filter(
        status="Faulted", evse__number__gt=0, charge_point__in=live.values("charge_point")
    )
    power = sessions_with_power(now).order_by().values_list("tenant_id").annotate(Sum("last_power_w"))
    midnights = [spans_of(one, now).midnight for one in tenants]
    days = {
        "now": now,
        "tenants": [one.pk for one in tenants],
        "midnights": midnights,
        "first": min(midnights, default=now),
        "days": [midnight.date() - timedelta(days=UPTIME_DAYS - 1) for midnight in midnights],
    }
    revenue: defaultdict[int, dict[str, Decimal]] = defaultdict(dict)
    for tenant_id, currency, amount in _read(REVENUE_TODAY, days):
        revenue[tenant_id][currency] = amount
    return _Figures(
        stations=_counted(ChargePoint.objects.all()),
        online=_counted(live),
        charging=_counted(running),
        faulted=_counted(faulted),
        alerts=_counted(Alert.objects.filter(status=Alert.Status.OPEN)),
        power=dict(power),
        limits=limits_by_tenant(now),
        energy=dict(_read(ENERGY_TODAY, days)),
        sessions=dict(_read(SESSIONS_TODAY, days)),
        revenue=revenue,
        uptime={one: (online, expected) for one, online, expected in _read(UPTIME, days)},
    )


def _row(figures: _Figures | None, tenant: Tenant) -> TenantNow:
    """`figures`: of the database that it lives in, if that could be read."""
    known = figures or _Figures()
    online_s, expected_s = known.uptime.get(tenant.pk, (0, 0))
    return TenantNow(
        slug=tenant.slug,
        name=tenant.name,
        status=tenant.status,
        stations=known.stations.get(tenant.pk, 0),
        online=known.online.get(tenant.pk, 0),
        charging=known.charging.get(tenant.pk, 0),
        faulted=known.faulted.get(tenant.pk, 0),
        power_w=known.power.get(tenant.pk, Decimal(0)),
        limit_w=known.limits.get(tenant.pk),
        energy_wh=known.energy.get(tenant.pk, Decimal(0)),
        sessions=known.sessions.get(tenant.pk, 0),
        revenue=known.revenue.get(tenant.pk, {}),
        alerts=known.alerts.get(tenant.pk, 0),
        online_s=online_s,
        expected_s=expected_s,
        away=figures is None,
    )


def _total(rows: list[TenantNow]) -> TenantNow:
    revenue: defaultdict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in (item for row in rows for item in row.revenue.items()):
        revenue[currency] += amount
    limits = [row.limit_w for row in rows if row.limit_w is not None]
    return TenantNow(
        *("", "", ""),
        stations=sum(row.stations for row in rows),
        online=sum(row.online for row in rows),
        charging=sum(row.charging for row in rows),
        faulted=sum(row.faulted for row in rows),
        power_w=sum((row.power_w for row in rows), Decimal(0)),
        limit_w=sum(limits, Decimal(0)) if limits else None,
        energy_wh=sum((row.energy_wh for row in rows), Decimal(0)),
        sessions=sum(row.sessions for row in rows),
        revenue=dict(revenue),
        alerts=sum(row.alerts for row in rows),
        online_s=sum(row.online_s for row in rows),
        expected_s=sum(row.expected_s for row in rows),
    )


def _counted(rows: "QuerySet[Any]") -> dict[int, int]:
    return dict(rows.order_by().values_list("tenant_id").annotate(Count("pk")))


def _read(statement: str, days: dict[str, Any]) -> list[tuple[Any, ...]]:
    with system_connection().cursor() as cursor:
        cursor.execute(statement, days)
        return list(cursor.fetchall())
