"""The verdict on an id tag (OCPP 1.6 §4.2, §7.2). Called inside the tenant's transaction."""

from dataclasses import dataclass
from datetime import datetime

from chargepoints.models import IdTag, Transaction
from tenants.context import current_tenant_id
from tenants.models import Tenant

ACCEPTED, BLOCKED, EXPIRED, INVALID, CONCURRENT = "Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the station is told (`status`: AuthorizationStatus), and the tag's row where it is known."""

    status: str
    tag: IdTag | None = None

    @property
    def parent_token(self) -> str | None:
        return self.tag.parent.token if self.tag and self.tag.parent else None

    @property
    def expires_at(self) -> datetime | None:
        return self.tag.expires_at if self.tag else None


def find_tag(token: str) -> IdTag | None:
    """The tag with this token, compared without case and stray blanks."""
    return IdTag.objects.select_related("parent").filter(token_key=token.strip().lower()).first()


def authorize_tag(token: str, *, now: datetime, starting: bool = False) -> Verdict:
    """Decide on `token`. ConcurrentTx only when `starting` a session, never for Authorize or a stop."""
    tag = find_tag(token)
    if tag is None:
        tenant = Tenant.objects.only("unknown_id_tags").get(pk=current_tenant_id())
        accepts = tenant.unknown_id_tags == Tenant.UnknownIdTags.ACCEPT and token.strip()
        return Verdict(ACCEPTED if accepts else INVALID)
    return Verdict(_status_of(tag, now, starting), tag)


def _status_of(tag: IdTag, now: datetime, starting: bool) -> str:
    for row in (tag, tag.parent):
        if row is None:
            continue
        if row.status == IdTag.Status.BLOCKED:
            return BLOCKED
        if row.expires_at is not None and row.expires_at <= now:
            return EXPIRED
    if tag.max_active_transactions == 0:
        return BLOCKED
    if starting and tag.max_active_transactions is not None:
        running = Transaction.objects.filter(id_tag_row=tag, state=Transaction.State.ACTIVE, verdict=ACCEPTED).count()
        if running >= tag.max_active_transactions:
            return CONCURRENT
    return ACCEPTED


def same_group(first: str, second: str) -> bool:
    """Whether two tokens are the same tag or have the same parent (OCPP 1.6 §4.10)."""
    if first.strip().lower() == second.strip().lower():
        return True
    one, other = find_tag(first), find_tag(second)
    return one is not None and other is not None and one.parent_id is not None and one.parent_id == other.parent_id
