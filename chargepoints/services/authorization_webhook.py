"""The tenant's own system is asked about tags (OCPP.md "Authorize"), outside of any database transaction.

`prepare` reads, in a database thread; `decide` asks, on the event loop; what comes out goes into the station's
answer. Whatever goes wrong on the way gives the stated fallback. A system that keeps failing is left alone for a
while, and only so many questions of a tenant are on their way at once.
"""

import hashlib
import json
import time
import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.utils.translation import gettext

from chargepoints.models import AuthorizationWebhook, IdTag
from chargepoints.protocol.timestamps import parse_timestamp
from chargepoints.services.authorize import (
    ACCEPTED,
    BLOCKED,
    CONCURRENT,
    EXPIRED,
    INVALID,
    Delegated,
    Verdict,
    authorize_tag,
)
from tenants.context import tenant_transaction
from tenants.outbound import InvalidUrl, RequestFailed, post, signature_headers
from tenants.sealing import SealBroken, unseal

log = structlog.get_logger(__name__)

PURPOSE = "authorization webhook"
AUTHORIZE, START = "Authorize", "StartTransaction"
ANSWERS = {ACCEPTED, BLOCKED, EXPIRED, INVALID}
LONGEST_ANSWER = 16 * 1024
LONGEST_PARENT = 20
# The breaker: after so many failures in a row nobody is asked for so long; then one is, to see.
FAILURES, REST_S = 5, 30.0
MOST_AT_ONCE = 50
# For so long a process believes that a tenant has no webhook.
ABSENT_S = 5.0

Fallback = AuthorizationWebhook.Fallback


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how the tenant wants it asked."""

    tenant_id: int
    tenant: str
    charge_point: str
    connector_id: int | None
    id_tag: str
    purpose: str
    url: str
    sealed_secret: str
    timeout_s: float
    cache_seconds: int
    fallback: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def body(self) -> bytes:
        """As it is sent."""
        return json.dumps(
            {
                "tenant": self.tenant,
                "chargePointId": self.charge_point,
                "connectorId": self.connector_id,
                "idTag": self.id_tag,
                "purpose": self.purpose,
                "requestId": self.request_id,
            }
        ).encode()

    def cache_key(self) -> str:
        """One answer per tag, charge point and purpose; a changed address begins anew."""
        named = json.dumps([self.url, self.charge_point.lower(), self.id_tag.strip().lower(), self.purpose])
        return f"csms:authorization:{self.tenant_id}:{hashlib.sha256(named.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Our own verdict, what was answered lately, and what is to be asked (None: nobody)."""

    own: Verdict | None
    known: Delegated | None
    question: Question | None


class NoAnswer(Exception):
    """The system could not be asked, or said nothing that counts; the text says why."""


# --- before: in a database thread ---


def prepare(
    *,
    tenant_id: int,
    tenant: str,
    charge_point: str,
    id_tag: str,
    purpose: str,
    now: datetime,
    connector_id: int | None = None,
) -> Prepared:
    """Our own verdict (only for Authorize: a start is decided where it is stored), and whom to ask."""
    with tenant_transaction(tenant_id):
        own = authorize_tag(id_tag, now=now) if purpose == AUTHORIZE else None
        hook = _hook_of(tenant_id) if may_ask(tenant_id) else None
        if hook is None or not id_tag.strip() or not _asks_about(hook, id_tag):
            return Prepared(own, None, None)
    question = Question(
        tenant_id=tenant_id,
        tenant=tenant,
        charge_point=charge_point,
        connector_id=connector_id,
        id_tag=id_tag,
        purpose=purpose,
        url=hook.url,
        sealed_secret=hook.secret,
        timeout_s=hook.timeout_ms / 1000,
        cache_seconds=hook.cache_seconds,
        fallback=hook.fallback,
    )
    return Prepared(own, _known_answer(question), question)


def may_ask(tenant_id: int) -> bool:
    """False: this process has looked a moment ago, and there is nobody to ask."""
    return _absent.get(tenant_id, 0.0) <= time.monotonic()


def _hook_of(tenant_id: int) -> AuthorizationWebhook | None:
    hook = AuthorizationWebhook.objects.filter(enabled=True).first()
    if hook is None:
        _absent[tenant_id] = time.monotonic() + ABSENT_S
    return hook


_absent: dict[int, float] = {}


def _asks_about(hook: AuthorizationWebhook, id_tag: str) -> bool:
    """Tags that only an offline station has let in are as unknown as before."""
    if hook.asks_about == AuthorizationWebhook.Scope.ALL:
        return True
    tag = IdTag.objects.filter(token_key=id_tag.strip().lower()).only("seen_offline", "status").first()
    return tag is None or (tag.seen_offline and tag.status == IdTag.Status.BLOCKED)


def _known_answer(question: Question) -> Delegated | None:
    if not question.cache_seconds:
        return None
    try:
        kept = cache.get(question.cache_key())
    except Exception as error:
        # Redis holds what may be lost.
        log.warning("authorization cache not read", error=str(error)[:200])
        return None
    return Delegated(**kept) if kept else None


# --- asking: on the event loop ---


async def decide(prepared: Prepared) -> Delegated | None:
    """What the tenant's system says, or said lately, or its fallback; None: our own tags decide. Never raises."""
    question = prepared.question
    if prepared.known is not None or question is None:
        return prepared.known
    try:
        answer = await ask(question)
    except NoAnswer as error:
        log.warning("no answer about a tag", tenant=question.tenant, url=question.url, reason=str(error))
        return fallback_of(question.fallback)
    except Exception:
        log.exception("no answer about a tag", tenant=question.tenant)
        return fallback_of(question.fallback)
    await _keep(question, answer)
    return answer


def fallback_of(fallback: str) -> Delegated | None:
    """None: decide by our own tags. What these block or have seen expire is not accepted (`authorize.apply`)."""
    if fallback == Fallback.ACCEPT:
        return Delegated(ACCEPTED, certain=False)
    return Delegated(INVALID, certain=False) if fallback == Fallback.REJECT else None


async def ask(question: Question) -> Delegated:
    """One question, past the breaker. Raises NoAnswer."""
    breaker = _breakers.setdefault(question.tenant_id, Breaker())
    if not breaker.allows(time.monotonic()):
        raise NoAnswer(gettext("It has failed too often; it is left alone for a while."))
    breaker.running += 1
    answered = False
    try:
        answer = await ask_once(question)
        answered = True
    finally:
        breaker.running -= 1
        breaker.note(time.monotonic(), answered=answered)
    return answer


async def ask_once(question: Question) -> Delegated:
    """Sign, send, read. Raises NoAnswer."""
    try:
        secret = unseal(question.sealed_secret, PURPOSE)
    except SealBroken:
        raise NoAnswer(gettext("Its secret can't be opened: set a new one.")) from None
    body = question.body()
    headers = signature_headers(secret, question.request_id, body)
    try:
        status, text = await post(question.url, body, headers, timeout_s=question.timeout_s, most_bytes=LONGEST_ANSWER)
    except (RequestFailed, InvalidUrl) as error:
        raise NoAnswer(str(error)) from None
    if status != 200:
        raise NoAnswer(gettext("It answered with status %(status)s, not 200.") % {"status": status})
    return read_answer(text, question.purpose)


def read_answer(text: bytes, purpose: str) -> Delegated:
    """`{status, expiryDate?, parentIdTag?}`; other fields are not looked at. Raises NoAnswer."""
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise NoAnswer(gettext("The answer is not JSON.")) from None
    if not isinstance(answer, dict):
        raise NoAnswer(gettext("The answer is not a JSON object."))
    allowed = ANSWERS | {CONCURRENT} if purpose == START else ANSWERS
    status = answer.get("status")
    if not isinstance(status, str) or status not in allowed:
        raise NoAnswer(f"status: one of {', '.join(sorted(allowed))}.")
    return Delegated(status, _read_parent(answer.get("parentIdTag")), _read_expiry(answer.get("expiryDate")))


def _read_parent(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > LONGEST_PARENT or not value.isprintable():
        raise NoAnswer(f"parentIdTag: text of at most {LONGEST_PARENT} characters.")
    return value


def _read_expiry(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_timestamp(value if isinstance(value, str) else "")
    except ValueError:
        raise NoAnswer("expiryDate: not a time.") from None


async def _keep(question: Question, answer: Delegated) -> None:
    """For the next time. ConcurrentTx passes by itself."""
    if not question.cache_seconds or answer.status == CONCURRENT:
        return
    try:
        keep = sync_to_async(cache.set, thread_sensitive=False)
        await keep(question.cache_key(), asdict(answer), question.cache_seconds)
    except Exception as error:
        log.warning("authorization not cached", error=str(error)[:200])


@dataclass(slots=True)
class Breaker:
    """Of one tenant, in this process."""

    failures: int = 0
    rests_until: float = 0.0
    running: int = 0

    def allows(self, now: float) -> bool:
        """After the rest one question goes through; the others wait for what it says."""
        if self.running >= MOST_AT_ONCE:
            return False
        if self.failures < FAILURES:
            return True
        return now >= self.rests_until and self.running == 0

    def note(self, now: float, *, answered: bool) -> None:
        self.failures = 0 if answered else self.failures + 1
        if self.failures >= FAILURES:
            self.rests_until = now + REST_S


_breakers: dict[int, Breaker] = {}


def forget(tenant_id: int | None = None) -> None:
    """The webhook was changed: this process begins anew (others within seconds)."""
    if tenant_id is None:
        _absent.clear()
        _breakers.clear()
        return
    _absent.pop(tenant_id, None)
    _breakers.pop(tenant_id, None)
