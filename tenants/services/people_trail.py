"""What people do with their own accounts, in the trails of all whom it concerns."""

from typing import Any

from tenants.context import directory_transaction, tenant_transaction
from tenants.models import Membership, PlatformEntry, User
from tenants.services.audit import record


def note_in_tenant(
    tenant_id: int, *, actor: str, origin: str, action: str, target: Any, changes: dict[str, Any] | None = None
) -> None:
    """One entry in the tenant's trail, in its open transaction or one of its own."""
    with tenant_transaction(tenant_id):
        record(actor=actor, origin=origin, action=action, target=target, changes=changes)


def note_of_person(
    user: User, *, action: str, actor: str = "", origin: str = "admin", changes: dict[str, Any] | None = None
) -> None:
    """In the trail of each tenant that the person belongs to; of platform staff in the platform's.

    `actor` is the person unless somebody else is named. Must not be called inside the transaction of one tenant.
    """
    actor = actor or user.username
    with directory_transaction():
        tenant_ids = list(Membership.objects.filter(user=user).values_list("tenant_id", flat=True))
        if user.is_superuser:
            PlatformEntry.objects.create(
                actor=actor[:150],
                origin=origin,
                action=action,
                tenant_number=None,
                tenant_slug="",
                changes={"person": user.username, **(changes or {})},
            )
    for tenant_id in tenant_ids:
        note_in_tenant(tenant_id, actor=actor, origin=origin, action=action, target=user, changes=changes)
