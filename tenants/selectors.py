"""Reads of tenants and memberships."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tenants.context import directory_transaction
from tenants.databases.fence import TenantMoving
from tenants.databases.placement import remember
from tenants.models import Membership, Tenant, User


@dataclass(frozen=True, slots=True)
class Access:
    """A person's access to one tenant. `role` is viewer, operator, admin or platform.

    `signed_out_at`: when an administrator of the tenant ended what was signed in; that opens it no more.
    """

    tenant: Tenant
    role: str
    signed_out_at: datetime | None = None

    def is_open_to(self, signed_in_at: float) -> bool:
        """Whether somebody who signed in then (seconds of the epoch) gets in without signing in anew."""
        return self.signed_out_at is None or signed_in_at > self.signed_out_at.timestamp()


def refuse_while_moving(tenant: Tenant) -> None:
    """TenantMoving while its rows are on the way to another database."""
    if tenant.is_moving:
        raise TenantMoving(f"{tenant.slug} is on the move to another database")


def tenant_zone(tenant: Tenant) -> ZoneInfo:
    """The tenant's time zone; UTC where its name says nothing."""
    try:
        return ZoneInfo(tenant.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def accesses_of(user: User) -> list[Access]:
    """The tenants that `user` may enter, by name. Platform staff may enter all."""
    with directory_transaction():
        if user.is_superuser:
            accesses = [Access(tenant, "platform") for tenant in Tenant.objects.order_by("name")]
        else:
            memberships = Membership.objects.filter(user=user).select_related("tenant").order_by("tenant__name")
            accesses = [_access_of(membership, membership.tenant) for membership in memberships]
    for access in accesses:
        remember(access.tenant.pk, access.tenant.database)
    return accesses


def access_to(user: User, slug: str) -> Access | None:
    """The access of `user` to the tenant `slug`, or None; asked alike for a tenant that isn't theirs and one that isn't there."""
    with directory_transaction():
        if user.is_superuser:
            tenant = Tenant.objects.filter(slug=slug).first()
            access = Access(tenant, "platform") if tenant else None
        else:
            membership = Membership.objects.filter(user=user, tenant__slug=slug).select_related("tenant").first()
            access = _access_of(membership, membership.tenant) if membership else None
    if access is not None:
        remember(access.tenant.pk, access.tenant.database)
    return access


def _access_of(membership: Membership, tenant: Tenant) -> Access:
    return Access(tenant, membership.role, membership.signed_out_at)
