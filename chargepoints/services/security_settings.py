"""What a tenant has set about its stations' security; see `SecuritySettings`."""

from typing import Any

from chargepoints.models import SecuritySettings
from tenants.models import Tenant
from tenants.services.audit import record


def settings_of(tenant_id: int) -> SecuritySettings:
    """The stored row, or one with the defaults that isn't stored. In the open scope."""
    return SecuritySettings.objects.filter(tenant_id=tenant_id).first() or SecuritySettings(tenant_id=tenant_id)


def change_settings(tenant_id: int, changes: dict[str, Any], *, actor: str, origin: str) -> SecuritySettings:
    """Store what is named, with an audit entry of before and after. In the open transaction."""
    # Two first changes at once: the tenant's row makes one wait.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    row = settings_of(tenant_id)
    difference = {}
    for name, value in changes.items():
        if getattr(row, name) != value:
            difference[name] = [getattr(row, name), value]
            setattr(row, name, value)
    if difference:
        row.save()
        record(actor=actor, origin=origin, action="change", target=row, changes=difference)
    return row
