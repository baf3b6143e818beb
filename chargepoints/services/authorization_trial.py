"""Asking a tenant's authorization webhook once, past cache and breaker, to see what it says."""

import time
from dataclasses import dataclass

from asgiref.sync import async_to_sync

from chargepoints.models import AuthorizationWebhook
from chargepoints.services.authorization_webhook import AUTHORIZE, NoAnswer, Question, ask_once
from chargepoints.services.authorize import Delegated
from tenants.models import Tenant

USUAL = "TEST"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came back; `answer` is None where nothing did that counts, and `fault` says why."""

    answer: Delegated | None
    fault: str
    duration_ms: int


def trial_question(
    row: AuthorizationWebhook,
    tenant: Tenant,
    *,
    id_tag: str = USUAL,
    purpose: str = AUTHORIZE,
    charge_point: str = USUAL,
    connector_id: int | None = None,
) -> Question:
    """The question as a station's would be. Reads nothing more."""
    return Question(
        tenant_id=tenant.pk,
        tenant=tenant.slug,
        charge_point=charge_point,
        connector_id=connector_id,
        id_tag=id_tag,
        purpose=purpose,
        url=row.url,
        sealed_secret=row.secret,
        timeout_s=row.timeout_ms / 1000,
        cache_seconds=0,
        fallback=row.fallback,
    )


def ask_now(question: Question) -> Tried:
    """Outside of any transaction: it may take as long as the webhook's time-out."""
    started = time.monotonic()
    answer, fault = None, ""
    try:
        answer = async_to_sync(ask_once)(question)
    except NoAnswer as error:
        fault = str(error)
    return Tried(answer, fault, int((time.monotonic() - started) * 1000))
