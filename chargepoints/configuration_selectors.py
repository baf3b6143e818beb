"""Reads of configuration: what stations are set to against what is wanted. Callers hold the scope."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from chargepoints.models import ChargePoint, ConfigurationKey
from chargepoints.services.configuration_keys import OWN_KEYS, RETENTION_KEY, SECRET_KEYS, same_value
from chargepoints.services.configuration_wishes import Source, Wish, inherited_wishes, wishes_of
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key of one station. `value` as reported, None where it is not (or secret); `desired` None: nobody cares."""

    key: str
    value: str | None
    desired: str | None
    source: Source | None
    drift: bool
    readonly: bool
    reported_at: datetime | None


def configuration_of(charge_point: ChargePoint, keys: Collection[str] = ()) -> list[KeyState]:
    """All keys that are reported or wanted, by name; only `keys` (without case) where any are named.

    Drift: the station is set to something else than is wanted, or doesn't have the key although it has told what
    it has and someone asked for it (a default that it doesn't know is no drift).
    """
    tenant = Tenant.objects.get(pk=charge_point.tenant_id)
    wishes = wishes_of(inherited_wishes(tenant.desired_configuration), charge_point.desired_configuration)
    reported = {row.key.lower(): row for row in ConfigurationKey.objects.filter(charge_point=charge_point)}
    wanted = {key.strip().lower() for key in keys} or {*wishes, *reported}
    states = [
        _state(wishes.get(name), reported.get(name), was_read=bool(reported))
        for name in wanted
        if name in wishes or name in reported
    ]
    return sorted(states, key=lambda state: state.key.lower())


def _state(wish: Wish | None, row: ConfigurationKey | None, *, was_read: bool) -> KeyState:
    key = row.key if row is not None else wish.key if wish is not None else ""
    name = key.lower()
    value = None if row is None or name in SECRET_KEYS else row.value
    if wish is not None and name in OWN_KEYS:
        # Ours: in force as soon as it is wanted.
        value, drift = wish.value, False
    elif wish is None:
        drift = False
    elif value is None:
        drift = was_read and wish.source != Source.DEFAULT
    else:
        drift = not same_value(value, wish.value)
    return KeyState(
        key=key,
        value=value,
        desired=wish.value if wish else None,
        source=wish.source if wish else None,
        drift=drift,
        readonly=row is not None and row.readonly,
        reported_at=row.reported_at if row else None,
    )


def retention_days(charge_point: ChargePoint) -> int:
    """For how many days the station's readings are to be kept."""
    tenant = Tenant.objects.get(pk=charge_point.tenant_id)
    return _days(wishes_of(inherited_wishes(tenant.desired_configuration), charge_point.desired_configuration))


def retention_days_of_all() -> dict[int, int]:
    """Charge point -> days to keep its readings; of all that the open scope sees. Two queries."""
    inherited = {
        pk: inherited_wishes(wishes) for pk, wishes in Tenant.objects.values_list("pk", "desired_configuration")
    }
    usual = {pk: _days(wishes) for pk, wishes in inherited.items()}
    rows = ChargePoint.objects.values_list("pk", "tenant_id", "desired_configuration")
    return {
        pk: _days(wishes_of(inherited[tenant_id], own)) if own else usual[tenant_id]
        for pk, tenant_id, own in rows.iterator()
    }


def _days(wishes: dict[str, Wish]) -> int:
    return int(wishes[RETENTION_KEY.lower()].value)
