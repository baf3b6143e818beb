"""Writing the audit trail, beside the change itself."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.utils.translation import override

from tenants.context import current_tenant_id
from tenants.models import AuditEntry
from tenants.services.masking import masked


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
        changes=masked(changes or {}),
    )


def record_export(*, actor: str, origin: str, model: type[Model], changes: dict[str, Any]) -> AuditEntry:
    """Someone took rows of a list along: which (`changes`: the format, the filter, how many), in the open transaction."""
    # The trail is in one language, whoever wrote it.
    with override("en"):
        listed = str(model._meta.verbose_name_plural)
    return AuditEntry.objects.create(
        tenant_id=current_tenant_id(),
        actor=actor[:150],
        origin=origin,
        action="export",
        object_type=model._meta.model_name or "",
        object_id="",
        object_name=listed[:200],
        changes=masked(changes),
    )


def record_many(
    *, actor: str, origin: str, action: str, changed: Iterable[tuple[Model, dict[str, Any]]], batch_size: int = 1000
) -> None:
    """As `record`, one row for each (target, its changes), a statement per batch."""
    tenant_id = current_tenant_id()
    rows = (
        AuditEntry(
            tenant_id=tenant_id,
            actor=actor[:150],
            origin=origin,
            action=action,
            object_type=target._meta.model_name or "",
            object_id=str(target.pk),
            object_name=str(target)[:200],
            changes=masked(changes),
        )
        for target, changes in changed
    )
    AuditEntry.objects.bulk_create(rows, batch_size=batch_size)
