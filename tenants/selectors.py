"""Reads of tenants and memberships."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tenants.context import system_transaction
from tenants.models import Membership, Tenant, User


@dataclass(frozen=True, slots=True)
class Access:
    """A person's access to one tenant. `role` is viewer, operator, admin or platform."""

    tenant: Tenant
    role: str


def tenant_zone(tenant: Tenant) -> ZoneInfo:
    """The tenant's time zone; UTC where its name says nothing."""
    try:
        return ZoneInfo(tenant.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def accesses_of(user: User) -> list[Access]:
    """The tenants that `user` may enter, by name. Platform staff may enter all."""
    with system_transaction():
        if user.is_superuser:
            return [Access(tenant, "platform") for tenant in Tenant.objects.order_by("name")]
        memberships = Membership.objects.filter(user=user).select_related("tenant").order_by("tenant__name")
        return [Access(membership.tenant, membership.role) for membership in memberships]


def access_to(user: User, slug: str) -> Access | None:
    """The access of `user` to the tenant `slug`, or None."""
    with system_transaction():
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            return None
        if user.is_superuser:
            return Access(tenant, "platform")
        membership = Membership.objects.filter(user=user, tenant=tenant).first()
        return Access(tenant, membership.role) if membership else None
