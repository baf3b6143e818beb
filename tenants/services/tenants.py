"""Creating tenants and people."""

from collections.abc import Callable
from typing import Any

from tenants.context import system_transaction
from tenants.models import Membership, Tenant, User

_when_created: list[Callable[[Tenant], None]] = []


def on_tenant_created(act: Callable[[Tenant], None]) -> None:
    """Higher apps register what a new tenant starts with: `act(tenant)`, in the transaction that makes it."""
    if act not in _when_created:
        _when_created.append(act)


def furnish(tenant: Tenant) -> None:
    """Give a tenant that was just made what it starts with. In the open system transaction."""
    for act in _when_created:
        act(tenant)


def create_tenant(*, slug: str, name: str, **policies: Any) -> Tenant:
    """Create a tenant; `policies` are further Tenant fields. ValidationError names a wrong field."""
    tenant = Tenant(slug=slug, name=name, **policies)
    with system_transaction():
        tenant.full_clean()
        tenant.save()
        furnish(tenant)
    return tenant


def add_member(*, tenant: Tenant, user: User, role: str) -> Membership:
    """Give `user` a role in `tenant`, or change the one that they have."""
    with system_transaction():
        membership, _ = Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role})
    return membership
