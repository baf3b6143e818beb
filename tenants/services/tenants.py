"""Tenants and their people: made, suspended, let in again."""

from collections.abc import Callable
from typing import Any

from tenants.context import directory_transaction, on_commit
from tenants.models import Membership, Tenant, User
from tenants.services.people_trail import note_in_tenant
from tenants.services.platform_trail import record_for_platform

_when_created: list[Callable[[Tenant], None]] = []
_when_status_changed: list[Callable[[], None]] = []


class NoWayBack(Exception):
    """Part of the tenant's data is gone already."""


class OnTheMove(Exception):
    """The tenant is being moved: its status is the move's until that has ended."""


def on_tenant_created(act: Callable[[Tenant], None]) -> None:
    """Higher apps register what a new tenant starts with: `act(tenant)`, in the transaction that makes it."""
    if act not in _when_created:
        _when_created.append(act)


def on_status_changed(act: Callable[[], None]) -> None:
    """Higher apps register what must look at tenants' states again: `act()`, after the commit."""
    if act not in _when_status_changed:
        _when_status_changed.append(act)


def furnish(tenant: Tenant) -> None:
    """Give a tenant that was just made what it starts with. In the open system transaction."""
    for act in _when_created:
        act(tenant)


def create_tenant(*, slug: str, name: str, **policies: Any) -> Tenant:
    """Create a tenant; `policies` are further Tenant fields. ValidationError names a wrong field."""
    tenant = Tenant(slug=slug, name=name, **policies)
    with directory_transaction():
        tenant.full_clean()
        tenant.save()
        furnish(tenant)
    return tenant


def set_status(*, tenant: Tenant, status: str, actor: str, origin: str) -> bool:
    """Suspend it, or let it in again; False where it was so already. Raises NoWayBack for one that is being deleted, OnTheMove.

    Its stations' sockets are closed within seconds, its people may only read, its API keys and tokens are refused.
    """
    with directory_transaction():
        row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        before = row.status
        if before == status:
            return False
        if before == Tenant.Status.ERASING:
            raise NoWayBack(row.slug)
        if before == Tenant.Status.MOVING:
            raise OnTheMove(f"{row.slug} is being moved to another database")
        row.status = status
        row.save(update_fields=["status"])
        record_for_platform(
            actor=actor, origin=origin, action="status", tenant=row, changes={"status": [before, str(status)]}
        )
        tell_status_changed()
    tenant.status = status
    return True


def require_second_factor(*, tenant_id: int, least: str, actor: str, origin: str) -> bool:
    """Of whom the tenant asks for one (`Tenant.TwoFactor`); False where it was so already. It holds at once."""
    with directory_transaction():
        row = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
        before = row.two_factor
        if before == least:
            return False
        row.two_factor = least
        row.full_clean(validate_unique=False, validate_constraints=False)
        row.save(update_fields=["two_factor"])
        changes = {"two_factor": [before, str(least)]}
        note_in_tenant(tenant_id, actor=actor, origin=origin, action="change", target=row, changes=changes)
    return True


def tell_status_changed() -> None:
    """Once the open transaction has committed. Best effort: those told look by themselves now and then."""
    for act in _when_status_changed:
        on_commit(act)


def add_member(*, tenant: Tenant, user: User, role: str) -> Membership:
    """Give `user` a role in `tenant`, or change the one that they have."""
    with directory_transaction():
        membership, _ = Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role})
    return membership
