"""What stations are to be set to: defaults, overridden by the tenant's wishes, overridden by the charge point's own.

An absent key is inherited. Wishes are JSON objects of key to text (Tenant and ChargePoint.desired_configuration).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.utils.translation import gettext

from chargepoints.models import ChargePoint
from chargepoints.services.configuration_keys import LONGEST_VALUE, RETENTION_KEY, InvalidValue, check_key, check_value
from tenants.context import on_commit, tenant_transaction
from tenants.models import Tenant
from tenants.services.audit import record

DEFAULTS = {
    "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import",
    "MeterValueSampleInterval": "60",
    "ClockAlignedDataInterval": "900",
    "StopTxnSampledData": "Energy.Active.Import.Register",
}
MOST_WISHES, MOST_AT_ONCE = 200, 50
# Key -> value; None takes the wish back.
Changes = Mapping[str, str | None]


class Source(StrEnum):
    """Who wants it, the weakest first."""

    DEFAULT = "default"
    TENANT = "tenant"
    CHARGE_POINT = "chargepoint"


@dataclass(frozen=True, slots=True)
class Wish:
    """One key's desired value and where it comes from."""

    key: str
    value: str
    source: Source


class InvalidWishes(ValueError):
    """`errors`: key -> what is wrong with it."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{key}: {text}" for key, text in errors.items()))
        self.errors = errors


def default_wishes() -> dict[str, str]:
    """What holds where nobody says otherwise. Readings are kept as long as the system keeps them."""
    return {**DEFAULTS, RETENTION_KEY: str(min(max(settings.METERING_SAMPLE_DAYS, 1), 365))}


def inherited_wishes(tenant_wishes: Any) -> dict[str, Wish]:
    """What holds for a tenant's stations that want nothing of their own, by key in lower case."""
    return _over(_over({}, default_wishes(), Source.DEFAULT), plain_wishes(tenant_wishes), Source.TENANT)


def wishes_of(inherited: dict[str, Wish], own_wishes: Any) -> dict[str, Wish]:
    """The wishes for one station, by key in lower case."""
    return _over(inherited, plain_wishes(own_wishes), Source.CHARGE_POINT)


def _over(below: dict[str, Wish], above: dict[str, str], source: Source) -> dict[str, Wish]:
    return {**below, **{key.lower(): Wish(key, value, source) for key, value in above.items()}}


def plain_wishes(given: Any) -> dict[str, str]:
    """The wishes that a stored JSON value holds, as text. What is no wish (typed by hand, long ago) is passed over."""
    plain = {}
    for key, value in given.items() if isinstance(given, dict) else ():
        text = _text(value)
        if text is None:
            continue
        try:
            name = check_key(key)
            plain[name] = check_value(name, text)
        except InvalidValue:
            continue
    return plain


def check_wishes(given: Any) -> dict[str, str | None]:
    """Wishes from outside, in standard spelling. InvalidWishes names each wrong key ("" for the whole)."""
    if not isinstance(given, dict):
        raise InvalidWishes({"": gettext("An object of keys and values.")})
    if len(given) > MOST_AT_ONCE:
        raise InvalidWishes({"": gettext("At most %(most_at_once)s keys at once.") % {"most_at_once": MOST_AT_ONCE}})
    checked: dict[str, str | None] = {}
    errors: dict[str, str] = {}
    for key, value in given.items():
        try:
            name = check_key(key)
            if name.lower() in {known.lower() for known in checked}:
                raise InvalidValue(gettext("The key is given twice."))
            checked[name] = None if value is None else check_value(name, _required_text(value))
        except InvalidValue as error:
            errors[str(key)] = str(error)
    if errors:
        raise InvalidWishes(errors)
    return checked


def change_own_wishes(charge_point: ChargePoint, changes: Changes, *, actor: str, origin: str) -> dict[str, str]:
    """Store the charge point's own wishes and say what now holds for each key named (absent: nothing any more).

    InvalidWishes where they become too many.
    """
    with tenant_transaction(charge_point.tenant_id):
        row = ChargePoint.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=charge_point.pk)
        stored, difference = merged_wishes(row.desired_configuration, changes)
        if difference:
            row.desired_configuration = stored
            row.save(update_fields=["desired_configuration"])
            record(actor=actor, origin=origin, action="configure", target=row, changes=difference)
        wishes = wishes_of(inherited_wishes(row.tenant.desired_configuration), stored)
    return {key: wishes[key.lower()].value for key in changes if key.lower() in wishes}


def change_tenant_wishes(tenant_id: int, changes: Changes, *, actor: str, origin: str) -> dict[str, str]:
    """Store the tenant's wishes; its stations that are online are set soon, the others when they come.

    InvalidWishes where they become too many. The wishes as they are now.
    """
    with tenant_transaction(tenant_id):
        # Not its key: nothing that belongs to the tenant has to wait.
        tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
        stored, difference = merged_wishes(tenant.desired_configuration, changes)
        if difference:
            tenant.desired_configuration = stored
            tenant.save(update_fields=["desired_configuration"])
            record(actor=actor, origin=origin, action="configure", target=tenant, changes=difference)
            on_commit(lambda: _push_soon(tenant_id))
    return stored


def _push_soon(tenant_id: int) -> None:
    """Without a broker the sweep does it, a little later."""
    # Here: the tasks import the services.
    from chargepoints.tasks import push_wishes

    push_wishes.delay(tenant_id)


def merged_wishes(before: Any, changes: Changes) -> tuple[dict[str, str], dict[str, list[str | None]]]:
    """What is stored afterwards, and `{key: [before, after]}`."""
    stored = plain_wishes(before)
    spelled = {key.lower(): key for key in stored}
    difference: dict[str, list[str | None]] = {}
    for key, value in changes.items():
        old = stored.pop(spelled.get(key.lower(), key), None)
        if value is not None:
            stored[key] = value
        if old != value:
            difference[key] = [old, value]
    if len(stored) > MOST_WISHES:
        raise InvalidWishes({"": gettext("At most %(most_wishes)s keys altogether.") % {"most_wishes": MOST_WISHES}})
    return stored, difference


def _text(value: Any) -> str | None:
    """JSON's scalars as OCPP writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) and len(value) <= LONGEST_VALUE else None


def _required_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    text = _text(value)
    if text is None:
        raise InvalidValue(gettext("Text, a whole number, true or false; null takes the wish back."))
    return text
