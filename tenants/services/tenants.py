"""Creating tenants and people."""

from typing import Any

from tenants.context import system_transaction
from tenants.models import Membership, Tenant, User


def create_tenant(*, slug: str, name: str, **policies: Any) -> Tenant:
    """Create a tenant; `policies` are further Tenant fields. ValidationError names a wrong field."""
    tenant = Tenant(slug=slug, name=name, **policies)
    with system_transaction():
        tenant.full_clean()
        tenant.save()
    return tenant


def add_member(*, tenant: Tenant, user: User, role: str) -> Membership:
    """Give `user` a role in `tenant`, or change the one that they have."""
    with system_transaction():
        membership, _ = Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role})
    return membership
