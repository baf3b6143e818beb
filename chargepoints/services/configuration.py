"""Configuration keys (OCPP 1.6 §5.3, §5.8, §9): read after a boot, the tenant's wishes pushed where they differ."""

from datetime import datetime
from typing import Any

from chargepoints.models import ChargePoint, ConfigurationKey
from chargepoints.services.commands import StationOffline, send_command
from tenants.context import tenant_transaction

# What every tenant wants unless it says otherwise (Tenant.desired_configuration).
DESIRED = {
    "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import",
    "MeterValueSampleInterval": "60",
    "ClockAlignedDataInterval": "900",
}
SECRET_KEYS = {"authorizationkey"}
ASKED_BY = "system"


def read_configuration(*, tenant_id: int, charge_point_id: int) -> None:
    """Ask a freshly accepted station for its configuration, unless it is only to be spoken to when asked."""
    with tenant_transaction(tenant_id):
        charge_point = ChargePoint.objects.get(pk=charge_point_id)
        if not charge_point.send_unasked:
            return
        try:
            send_command(
                charge_point=charge_point, action="GetConfiguration", payload={}, requested_by=ASKED_BY, origin="system"
            )
        except StationOffline:
            return


def store_configuration(
    *, tenant_id: int, charge_point_id: int, keys: list[dict[str, Any]], complete: bool, at: datetime
) -> None:
    """Keep what the station reported. `complete`: it was asked for all keys, so that others are gone."""
    rows = {
        item["key"][:50]: ConfigurationKey(
            tenant_id=tenant_id,
            charge_point_id=charge_point_id,
            key=item["key"][:50],
            # Secrets are never kept, though no station should report them.
            value="" if item["key"].lower() in SECRET_KEYS else (item.get("value") or "")[:500],
            readonly=bool(item.get("readonly")),
            reported_at=at,
        )
        for item in keys
    }
    with tenant_transaction(tenant_id):
        if complete:
            ConfigurationKey.objects.filter(charge_point_id=charge_point_id).exclude(key__in=rows).delete()
        ConfigurationKey.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["charge_point", "key"],
            update_fields=["value", "readonly", "reported_at"],
        )


def differing_keys(charge_point: ChargePoint) -> dict[str, str]:
    """What the tenant wants and the station, as last reported, is not set to. Keys that it doesn't have are left."""
    desired = DESIRED | charge_point.tenant.desired_configuration
    reported = {row.key.lower(): row for row in ConfigurationKey.objects.filter(charge_point=charge_point)}
    differing = {}
    for key, value in desired.items():
        row = reported.get(key.lower())
        if row is not None and not row.readonly and not same_value(row.value, str(value)):
            differing[row.key] = str(value)
    return differing


def same_value(first: str, second: str) -> bool:
    """Lists compare as sets of words, all else as text without case."""
    if "," in first or "," in second:
        return {word.strip().lower() for word in first.split(",")} == {
            word.strip().lower() for word in second.split(",")
        }
    return first.strip().lower() == second.strip().lower()


def push_configuration(*, tenant_id: int, charge_point_id: int) -> int:
    """Send the keys that differ; how many. A station that rejects one is not asked again until its next boot."""
    with tenant_transaction(tenant_id):
        charge_point = ChargePoint.objects.select_related("tenant").get(pk=charge_point_id)
        if not charge_point.send_unasked:
            return 0
        differing = differing_keys(charge_point)
        try:
            for key, value in differing.items():
                send_command(
                    charge_point=charge_point,
                    action="ChangeConfiguration",
                    payload={"key": key, "value": value},
                    requested_by=ASKED_BY,
                    origin="system",
                )
        except StationOffline:
            return 0
    return len(differing)
