"""Writing the audit trail, beside the change itself."""

from typing import Any

from django.db.models import Model

from tenants.context import current_tenant_id
from tenants.models import AuditEntry


def record(*, actor: str, origin: str, action: str, target: Model, changes: dict[str, Any] | None = None) -> AuditEntry:
    """Write one audit row in the open tenant transaction. `origin` is admin, api, command or system."""
    return AuditEntry.objects.create(
        tenant_id=current_tenant_id(),
        actor=actor[:150],
        origin=origin,
        action=action,
        object_type=target._meta.model_name or "",
        object_id=str(target.pk),
        object_name=str(target)[:200],
        changes=changes or {},
    )
