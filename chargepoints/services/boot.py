"""A station starts up (OCPP 1.6 §4.2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chargepoints.events import ChargePointBooted
from chargepoints.models import ChargePoint
from chargepoints.services.outcomes import station_booted
from tenants.context import tenant_transaction
from tenants.events import publish


@dataclass(frozen=True, slots=True)
class Booted:
    """What the station is answered. `interval`: seconds between heartbeats, or until the next try."""

    registration: str
    interval: int
    send_unasked: bool


def record_boot(
    *, tenant_id: int, charge_point_id: int, info: dict[str, Any], fields: dict[str, str], received_at: datetime
) -> Booted:
    """Keep all that the station says of itself. `fields` are ChargePoint fields; open sessions are left alone."""
    with tenant_transaction(tenant_id):
        charge_point = (
            ChargePoint.objects.select_for_update(of=("self",), no_key=True)
            .select_related("tenant")
            .get(pk=charge_point_id)
        )
        for name, value in fields.items():
            setattr(charge_point, name, value)
        charge_point.boot_info, charge_point.last_boot_at, charge_point.last_seen_at = info, received_at, received_at
        charge_point.save(update_fields=[*fields, "boot_info", "last_boot_at", "last_seen_at"])
        station_booted(charge_point_id=charge_point.pk, at=received_at)
        publish(
            ChargePointBooted(
                charge_point=charge_point.identity,
                at=received_at,
                vendor=charge_point.vendor,
                model=charge_point.model,
                firmware_version=charge_point.firmware_version,
                registration=charge_point.registration,
            )
        )
        return Booted(charge_point.registration, charge_point.tenant.heartbeat_interval, charge_point.send_unasked)
