"""Writing the trail of the platform, beside what it tells of."""

from typing import Any

from tenants.context import directory_transaction
from tenants.models import PlatformEntry, Tenant


def record_for_platform(
    *, actor: str, origin: str, action: str, tenant: Tenant, changes: dict[str, Any] | None = None
) -> PlatformEntry:
    """One row, in the open system transaction or one of its own. `origin` is admin or command."""
    with directory_transaction():
        return PlatformEntry.objects.create(
            actor=actor[:150],
            origin=origin,
            action=action,
            tenant_number=tenant.pk,
            tenant_slug=tenant.slug,
            changes=changes or {},
        )
