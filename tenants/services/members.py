"""Who belongs to a tenant and as what: changed and ended so that somebody is always left to answer for it."""

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.context import directory_transaction
from tenants.models import Membership, Role, Tenant
from tenants.people import is_only_here
from tenants.services.browser_sessions import end_all_sessions, end_sessions_in
from tenants.services.people_trail import note_in_tenant


class LastAdministrator(Exception):
    """Without this person nobody could invite others, or change what the tenant's people may do."""

    def __init__(self) -> None:
        super().__init__(_("This is the last administrator. Make somebody else an administrator first."))


class Gone(Exception):
    """Somebody else has ended the membership meanwhile."""


def change_role(*, membership: Membership, role: str, actor: str, origin: str) -> bool:
    """False where they have the role already. Raises LastAdministrator, Gone.

    It acts at the person's next request: roles are read anew for each, in the back office and in the API.
    """
    with directory_transaction():
        row = _locked(membership)
        before = row.role
        if before == role:
            return False
        if before == Role.ADMIN:
            _require_another(row)
        row.role = role
        row.save(update_fields=["role"])
        note_in_tenant(
            row.tenant_id,
            actor=actor,
            origin=origin,
            action="change role",
            target=row,
            changes={"role": [before, str(role)]},
        )
    return True


def remove_member(*, membership: Membership, actor: str, origin: str) -> None:
    """End the membership: at the person's next request this tenant is none of theirs. Raises LastAdministrator, Gone.

    The account stays: it may belong to other tenants, and the audit trail names it.
    """
    with directory_transaction():
        row = _locked(membership)
        if row.role == Role.ADMIN:
            _require_another(row)
        note_in_tenant(
            row.tenant_id,
            actor=actor,
            origin=origin,
            action="remove member",
            target=row,
            changes={"person": [row.user.username, None], "role": [row.role, None]},
        )
        row.delete()


def sign_out_member(*, membership: Membership, actor: str, origin: str) -> int:
    """End what the person does in this tenant; the number of browsers that were signed out. Raises Gone.

    Browsers that work in it and tokens of it end. Where somebody else relies on the account too, what works in another
    tenant goes on there and opens this one no more: no administrator disturbs what people do elsewhere.
    """
    with directory_transaction():
        row = _locked(membership)
        row.signed_out_at = timezone.now()
        row.save(update_fields=["signed_out_at"])
        alone = is_only_here(row.user_id, row.tenant_id)
        count = end_all_sessions(row.user) if alone else end_sessions_in(row.user, row.tenant.slug)
        note_in_tenant(
            row.tenant_id, actor=actor, origin=origin, action="end sessions", target=row, changes={"browsers": count}
        )
    return count


def is_last_administrator(membership: Membership) -> bool:
    """As things are now; the services look again under a lock."""
    with directory_transaction():
        return membership.role == Role.ADMIN and not _other_administrators(membership).exists()


def _locked(membership: Membership) -> Membership:
    """The row as it is, with all changes to the tenant's people waiting for this one: two administrators may
    remove each other in the same instant."""
    Tenant.objects.select_for_update(no_key=True).get(pk=membership.tenant_id)
    row = Membership.objects.select_related("user").filter(pk=membership.pk).first()
    if row is None:
        raise Gone
    return row


def _require_another(row: Membership) -> None:
    if not _other_administrators(row).exists():
        raise LastAdministrator


def _other_administrators(row: Membership) -> "QuerySet[Membership]":
    mine = Membership.objects.filter(tenant_id=row.tenant_id, role=Role.ADMIN, user__is_active=True)
    return mine.exclude(pk=row.pk)
