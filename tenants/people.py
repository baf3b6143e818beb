"""What is known of how people sign in, for lists and questions about them. Read under the system role, by user ids."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils import timezone

from tenants.context import directory_transaction
from tenants.middleware import SESSION_KEY
from tenants.models import Authenticator, BrowserSession, Membership, Tenant, User
from tenants.models.people import ROLE_RANK


@dataclass(frozen=True, slots=True)
class Doing:
    """Of one person: whether they have a second factor; browsers that are signed in, and when one was last used."""

    two_factor: bool = False
    sessions: int = 0
    last_seen: datetime | None = None


def doings_of(user_ids: list[int], tenant: Tenant) -> dict[int, Doing]:
    """By user id; two queries. Of people whom others rely on too only what they do in this tenant: what they do
    elsewhere is none of its business. Of its own, without sessions: last seen when they last signed in.
    """
    with directory_transaction():
        people = User.objects.filter(pk__in=user_ids)
        elsewhere = Membership.objects.filter(user_id=OuterRef("pk")).exclude(tenant=tenant)
        rows = people.annotate(shared=Exists(elsewhere)).values_list(
            "pk", "last_login", "authenticator__confirmed", "shared", "is_superuser"
        )
        shared, found = set[int](), dict[int, Doing]()
        for pk, last_login, confirmed, has_others, is_staff in rows:
            if has_others or is_staff:
                shared.add(pk)
            found[pk] = Doing(bool(confirmed), 0, None if pk in shared else last_login)
        live = BrowserSession.objects.filter(user_id__in=user_ids, expire_date__gt=timezone.now())
        for row in live:
            pk = row.user_id or 0
            doing = found.get(pk)
            if doing is None or (pk in shared and row.get_decoded().get(SESSION_KEY) != tenant.slug):
                continue
            times = [one for one in (row.last_seen_at, doing.last_seen) if one is not None]
            found[pk] = replace(doing, sessions=doing.sessions + 1, last_seen=max(times, default=None))
    return found


def without_second_factor(tenant_id: int, least: str) -> list[str]:
    """User names of the tenant's active people of at least that role who have none, in order."""
    roles = [role for role, rank in ROLE_RANK.items() if least and rank >= ROLE_RANK[least]]
    with directory_transaction():
        confirmed = Authenticator.objects.filter(confirmed=True).values("user_id")
        rows = Membership.objects.filter(tenant_id=tenant_id, role__in=roles, user__is_active=True)
        return list(
            rows.exclude(user_id__in=confirmed).order_by("user__username").values_list("user__username", flat=True)
        )


def is_only_here(user_id: int, tenant_id: int) -> bool:
    """Whether nobody but this tenant answers for the account: neither another tenant nor the platform."""
    with directory_transaction():
        elsewhere = Membership.objects.filter(user_id=user_id).exclude(tenant_id=tenant_id).exists()
        return not elsewhere and not User.objects.filter(pk=user_id, is_superuser=True).exists()
