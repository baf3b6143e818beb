"""A tenant's metering settings: defaults until something is changed. Callers hold the scope."""

from typing import Any

from metering.models import MeteringSettings
from tenants.models import Tenant
from tenants.services.audit import record


def settings_of(tenant_id: int) -> MeteringSettings:
    """The stored row, or one with the defaults that isn't stored."""
    return MeteringSettings.objects.filter(tenant_id=tenant_id).first() or MeteringSettings(tenant_id=tenant_id)


def change_settings(tenant_id: int, changes: dict[str, Any], *, actor: str, origin: str) -> MeteringSettings:
    """Store what is named, with an audit entry of before and after."""
    # Two first changes at once: the tenant's row makes one wait.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    row = settings_of(tenant_id)
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    row.save()
    difference = {name: [_text(before[name]), _text(value)] for name, value in changes.items() if before[name] != value}
    if difference:
        record(actor=actor, origin=origin, action="change", target=row, changes=difference)
    return row


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
