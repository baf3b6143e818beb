"""The verdict on an id tag (OCPP 1.6 §4.2, §7.2). Called inside the tenant's transaction."""

from dataclasses import dataclass
from datetime import datetime

from chargepoints.models import AuthorizationWebhook, IdTag, Transaction
from tenants.context import current_tenant_id
from tenants.models import Tenant

ACCEPTED, BLOCKED, EXPIRED, INVALID, CONCURRENT = "Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"


@dataclass(frozen=True, slots=True)
class Delegated:
    """What the tenant's own system says of a tag. Not `certain`: its fallback, for want of an answer."""

    status: str
    parent_token: str | None = None
    expires_at: datetime | None = None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the station is told (`status`: AuthorizationStatus), and the tag's row where it is known."""

    status: str
    tag: IdTag | None = None
    delegated: Delegated | None = None

    @property
    def parent_token(self) -> str | None:
        if self.delegated is not None and self.delegated.certain:
            return self.delegated.parent_token
        return self.tag.parent.token if self.tag and self.tag.parent else None

    @property
    def expires_at(self) -> datetime | None:
        if self.delegated is not None and self.delegated.certain:
            return self.delegated.expires_at
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
    return Verdict(status_of(tag, now, starting=starting), tag)


def status_of(tag: IdTag, now: datetime, *, starting: bool = False) -> str:
    """What a tag that we know is told."""
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


def settle(own: Verdict, delegated: Delegated | None) -> Verdict:
    """The verdict of the tenant's system in place of `own`, None: `own`.

    Its fallback lets in nobody whom our own tags block or have seen expire, and a limit of sessions at once is ours.
    """
    if delegated is None:
        return own
    unknown = own.tag is None or own.tag.seen_offline
    refused = own.status == CONCURRENT or (not delegated.certain and not unknown and own.status != ACCEPTED)
    if delegated.status == ACCEPTED and refused:
        return own
    return Verdict(delegated.status, own.tag, delegated)


def may_reserve(token: str, *, now: datetime) -> bool:
    """Whether a connector may be held for the tag; where the tenant's own system decides, it is asked at the start."""
    verdict = authorize_tag(token, now=now)
    if verdict.status == ACCEPTED:
        return True
    asks = AuthorizationWebhook.objects.filter(enabled=True)
    if verdict.tag is not None:
        asks = asks.filter(asks_about=AuthorizationWebhook.Scope.ALL)
    return asks.exists()


def same_group(first: str, second: str) -> bool:
    """Whether two tokens are the same tag or have the same parent (OCPP 1.6 §4.10)."""
    if first.strip().lower() == second.strip().lower():
        return True
    one, other = find_tag(first), find_tag(second)
    return one is not None and other is not None and one.parent_id is not None and one.parent_id == other.parent_id
