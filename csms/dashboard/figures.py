"""The fleet as it is now, for the tenant in scope: a fixed number of queries over what is there and running, not over the past."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef

from chargepoints.models import ChargePoint, Connector, Registration, StationConnection, Transaction
from csms.dashboard.board import shown_status
from metering.alerts.selectors import open_count
from metering.selectors import power_now_w
from smartcharging.fleet_limits import FleetLimit, fleet_limit
from tenants.models import Tenant

# More open alerts than this are not counted one by one.
MOST_ALERTS = 1000


@dataclass(frozen=True, slots=True)
class FleetNow:
    """`statuses`: connectors by what the live board says of them. `expected`: stations that have been online before."""

    stations: int
    expected: int
    online: int
    connectors: int
    charging: int
    power_w: Decimal
    limit: FleetLimit
    statuses: dict[str, int]
    open_alerts: int


def fleet_now(tenant: Tenant, now: datetime) -> FleetNow:
    """Ten queries."""
    statuses = _statuses()
    accepted = ChargePoint.objects.filter(registration=Registration.ACCEPTED).exclude(last_seen_at=None)
    return FleetNow(
        stations=ChargePoint.objects.count(),
        expected=accepted.count(),
        online=StationConnection.objects.live().count(),
        connectors=sum(statuses.values()),
        charging=Transaction.objects.filter(state=Transaction.State.ACTIVE, verdict="Accepted").count(),
        power_w=power_now_w(),
        limit=fleet_limit(tenant.pk, now),
        statuses=statuses,
        open_alerts=open_count(tenant.pk, most=MOST_ALERTS),
    )


def _statuses() -> dict[str, int]:
    """As on the board: a connector whose station is away is offline, whatever it said last."""
    live = StationConnection.objects.live().filter(charge_point=OuterRef("charge_point_id"))
    rows = Connector.objects.filter(evse__number__gt=0).order_by().annotate(online=Exists(live))
    counted = rows.values_list("charge_point__registration", "online", "status").annotate(Count("pk"))
    found: dict[str, int] = {}
    for registration, online, status, count in counted:
        shown = shown_status(registration, online, status)
        found[shown] = found.get(shown, 0) + count
    return found
