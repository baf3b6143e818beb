"""Configuration keys (OCPP 1.6 §5.3, §5.8, §9): read from the station, kept as reported, set where a person asks.

What stations are to be set to is `configuration_wishes`; telling them without being asked is `configuration_push`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from chargepoints.models import ChargePoint, Command, CommandState, ConfigurationKey
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.configuration_keys import LONGEST_KEY, LONGEST_VALUE, OWN_KEYS, SECRET_KEYS, same_value
from chargepoints.services.configuration_wishes import (
    Changes,
    InvalidWishes,
    change_own_wishes,
    inherited_wishes,
    plain_wishes,
)
from tenants.context import tenant_transaction
from tenants.models import Tenant

ASKED_BY = "system"
# OCPP 1.6 §7.22.
CHANGE_STATUSES = {"Accepted", "RebootRequired", "Rejected", "NotSupported"}


def read_configuration(*, tenant_id: int, charge_point_id: int) -> bool:
    """Ask a freshly accepted station for its configuration; False where it is only to be spoken to when asked."""
    with tenant_transaction(tenant_id):
        charge_point = ChargePoint.objects.get(pk=charge_point_id)
        if not charge_point.send_unasked:
            return False
        try:
            ask_configuration(charge_point=charge_point, keys=[], requested_by=ASKED_BY, origin="system")
        except StationOffline:
            return False
    return True


def store_configuration(
    *,
    tenant_id: int,
    charge_point_id: int,
    keys: list[dict[str, Any]],
    complete: bool,
    at: datetime,
    unknown: Collection[str] = (),
) -> None:
    """Keep what the station reported. `complete`: it was asked for all keys, so that others are gone.

    `unknown`: keys that it says it doesn't have.
    """
    with tenant_transaction(tenant_id):
        known = ConfigurationKey.objects.filter(charge_point_id=charge_point_id)
        # Its own spelling, once it has told it: a change is answered without one.
        spelled = {} if complete else {key.lower(): key for key in known.values_list("key", flat=True)}
        rows = {row.key: row for row in (_reported(tenant_id, charge_point_id, item, spelled, at) for item in keys)}
        if complete:
            known.exclude(key__in=rows).delete()
        elif gone := [spelled[key.lower()] for key in unknown if key.lower() in spelled]:
            known.filter(key__in=gone).exclude(key__in=rows).delete()
        ConfigurationKey.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["charge_point", "key"],
            update_fields=["value", "readonly", "reported_at"],
        )


def _reported(
    tenant_id: int, charge_point_id: int, item: dict[str, Any], spelled: dict[str, str], at: datetime
) -> ConfigurationKey:
    key = item["key"][:LONGEST_KEY]
    value = (item.get("value") or "")[:LONGEST_VALUE].replace("\0", "")
    return ConfigurationKey(
        tenant_id=tenant_id,
        charge_point_id=charge_point_id,
        key=spelled.get(key.lower(), key),
        # Secrets are never kept, though no station should report them.
        value="" if key.lower() in SECRET_KEYS else value,
        readonly=bool(item.get("readonly")),
        reported_at=at,
    )


def ask_configuration(*, charge_point: ChargePoint, keys: list[str], requested_by: str, origin: str) -> Command:
    """GetConfiguration for people: these keys, or all without any. Raises StationOffline."""
    payload = {"key": keys} if keys else {}
    return send_command(
        charge_point=charge_point,
        action="GetConfiguration",
        payload=payload,
        requested_by=requested_by,
        origin=origin,
    )


def set_configuration(
    *, charge_point: ChargePoint, values: dict[str, str], requested_by: str, origin: str
) -> dict[str, Command]:
    """ChangeConfiguration for each key, as a person asks; key -> command, none for our own keys and while offline."""
    sent: dict[str, Command] = {}
    with tenant_transaction(charge_point.tenant_id):
        for key, value in values.items():
            if key.lower() in OWN_KEYS:
                continue
            try:
                sent[key] = send_command(
                    charge_point=charge_point,
                    action="ChangeConfiguration",
                    payload={"key": key, "value": value},
                    requested_by=requested_by,
                    origin=origin,
                )
            except StationOffline:
                break
    return sent


def change_station(
    *, charge_point: ChargePoint, changes: Changes, actor: str, origin: str
) -> tuple[dict[str, str | None], dict[str, Command]]:
    """Store a person's wishes for one station and send what now holds; (key -> value, key -> command sent).

    InvalidWishes for keys that the station reports as read-only.
    """
    readonly = {row.key.lower() for row in ConfigurationKey.objects.filter(charge_point=charge_point, readonly=True)}
    refused = {key: "The station reports it as read-only." for key in changes if key.lower() in readonly}
    if refused := {key: text for key, text in refused.items() if changes[key] is not None}:
        raise InvalidWishes(refused)
    holding = change_own_wishes(charge_point, changes, actor=actor, origin=origin)
    sent = set_configuration(charge_point=charge_point, values=holding, requested_by=actor, origin=origin)
    return {key: holding.get(key) for key in changes}, sent


def reset_station(
    *, charge_point: ChargePoint, actor: str, origin: str
) -> tuple[dict[str, str | None], dict[str, Command]]:
    """Drop the station's own wishes; send what the tenant wants where the station differs. As `change_station`."""
    own = plain_wishes(ChargePoint.objects.get(pk=charge_point.pk).desired_configuration)
    holding = change_own_wishes(charge_point, dict.fromkeys(own), actor=actor, origin=origin)
    reported = {row.key.lower(): row for row in ConfigurationKey.objects.filter(charge_point=charge_point)}
    tenant = Tenant.objects.get(pk=charge_point.tenant_id)
    for name, wish in inherited_wishes(tenant.desired_configuration).items():
        row = reported.get(name)
        if row is not None and not row.readonly and not same_value(row.value, wish.value):
            holding.setdefault(wish.key, wish.value)
    sent = set_configuration(charge_point=charge_point, values=holding, requested_by=actor, origin=origin)
    return {key: holding.get(key) for key in {**dict.fromkeys(own), **holding}}, sent


def result_of(key: str, value: str | None, command: Command | None) -> str:
    """What became of a change: ChangeConfiguration's status, Failed, or Pending while no answer is there.

    Our own keys, and a wish taken back that nobody else has, need no station.
    """
    if key.lower() in OWN_KEYS or value is None:
        return "Accepted"
    if command is None or not command.is_final:
        return "Pending"
    status = (command.reply or {}).get("status")
    if command.state in (CommandState.ACCEPTED, CommandState.REJECTED) and status in CHANGE_STATUSES:
        return str(status)
    if command.state == CommandState.FAILED and command.error_code != "ConnectionLost":
        return "NotSupported" if command.error_code in {"NotSupported", "NotImplemented"} else "Failed"
    # Nobody answered: it is asked again at the next connection or boot.
    return "Pending"


def keep_reply(tenant_id: int, command: Command) -> None:
    """Store a GetConfiguration's answer at once, for someone who waits: the gateway stores it after the command ends."""
    if command.state != CommandState.ACCEPTED or command.reply is None or command.finished_at is None:
        return
    store_configuration(
        tenant_id=tenant_id,
        charge_point_id=command.charge_point_id,
        keys=command.reply.get("configurationKey") or [],
        complete=not command.payload.get("key"),
        at=command.finished_at,
        unknown=command.reply.get("unknownKey") or (),
    )
