"""What the overview says, for the tenant in scope."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    Connector,
    Registration,
    SignInAttempt,
    StationConnection,
    Transaction,
    UnmatchedStop,
)
from chargepoints.selectors import charge_points
from metering.alerts.selectors import worst_open
from metering.alerts.words import describe, place_of
from metering.selectors import energy_since_wh, power_now_w
from tenants.models import Tenant
from tenants.selectors import tenant_zone

RECENT = timedelta(days=7)
ALERT = "admin:metering_alert_change"


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that a person should look at."""

    text: str
    detail: str
    url_name: str
    pk: object = None


@dataclass(frozen=True, slots=True)
class Overview:
    """Figures of now and of today in the tenant's time zone. Power in kW, energy in kWh."""

    stations: int
    online: int
    charging: int
    power_kw: Decimal
    energy_kwh: Decimal
    sessions_today: int
    faulted: int
    statuses: dict[str, int]


def local_midnight(tenant: Tenant, now: datetime) -> datetime:
    """When today began where the tenant is."""
    return now.astimezone(tenant_zone(tenant)).replace(hour=0, minute=0, second=0, microsecond=0)


def fleet_overview(tenant: Tenant) -> Overview:
    """A fixed number of queries, however large the fleet."""
    midnight = local_midnight(tenant, timezone.now())
    statuses = dict(
        Connector.objects.filter(evse__number__gt=0).values_list("status").annotate(Count("pk")).order_by("status")
    )
    return Overview(
        stations=ChargePoint.objects.count(),
        online=StationConnection.objects.live().count(),
        charging=Transaction.objects.filter(state=Transaction.State.ACTIVE, verdict="Accepted").count(),
        power_kw=power_now_w() / 1000,
        energy_kwh=energy_since_wh(midnight) / 1000,
        sessions_today=Transaction.objects.filter(started_at__gte=midnight).count(),
        faulted=statuses.get("Faulted", 0),
        statuses=statuses,
    )


def needs_attention() -> list[Attention]:
    """At most five of each kind, the worst first."""
    found = [
        Attention(f"{place_of(alert)}: {describe(alert)}", alert.get_severity_display(), ALERT, alert.pk)
        for alert in worst_open()
    ]
    station = "admin:chargepoints_chargepoint_change"
    for connector in Connector.objects.filter(status="Faulted").select_related("evse", "charge_point")[:5]:
        name = f"{connector.charge_point.identity} / {connector.evse.number}"
        found.append(Attention(f"{name} is faulted", connector.error_code, station, connector.charge_point_id))
    offline = charge_points().filter(online=False, registration=Registration.ACCEPTED).exclude(last_seen_at=None)
    for row in offline.order_by("last_seen_at")[:5]:
        seen = row.last_seen_at.strftime("%Y-%m-%d %H:%M UTC") if row.last_seen_at else ""
        found.append(Attention(f"{row.identity} is offline", f"last seen {seen}", station, row.pk))
    for row in ChargePoint.objects.filter(registration=Registration.PENDING)[:5]:
        found.append(Attention(f"{row.identity} waits to be accepted", row.vendor, station, row.pk))
    since = timezone.now() - RECENT
    if refused := SignInAttempt.objects.filter(last_at__gt=since).count():
        found.append(
            Attention(f"{refused} refused sign-ins", "this week", "admin:chargepoints_signinattempt_changelist")
        )
    if unmatched := UnmatchedStop.objects.filter(received_at__gt=since).count():
        found.append(
            Attention(
                f"{unmatched} stops without a session", "this week", "admin:chargepoints_unmatchedstop_changelist"
            )
        )
    return found


def latest_sessions() -> list[Transaction]:
    return list(Transaction.objects.select_related("charge_point", "evse")[:10])
