"""`Idempotency-Key` on every POST (API.md): the first answer again for the same request.

The key is claimed in a transaction of its own; the answer is stored in the transaction of the effect, so a crash
leaves either both or neither. A claim that a crash left behind may be taken over after a minute.
"""

import hashlib
from datetime import timedelta
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from tenants.api.authentication import Caller
from tenants.api.exceptions import Conflict, Unprocessable
from tenants.context import tenant_transaction
from tenants.models import IdempotentAnswer

HEADER = "Idempotency-Key"
ABANDONED = timedelta(seconds=60)


class InProgress(Conflict):
    """The first request with the key is still being worked on."""

    default_code = "in_progress"
    wait = 1


def read_key(request: Request) -> str | None:
    """The key, if the request carries one."""
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return None
    if not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        raise ValidationError({HEADER: "1 to 200 printable ASCII characters."})
    return key


def claim(request: Request, key: str) -> IdempotentAnswer:
    """The row of this key: with `status` set it is the answer to give again. InProgress, Unprocessable."""
    caller = request.auth
    assert isinstance(caller, Caller)  # noqa: S101 (permission was checked)
    # With the query: it decides what is done, too.
    digest = hashlib.sha256(request.get_full_path().encode() + b"\n" + request.body).hexdigest()
    identity = {"tenant_id": caller.access.tenant.pk, "actor": caller.actor, "key": key}
    now = timezone.now()
    try:
        with tenant_transaction(caller.access.tenant.pk):
            return IdempotentAnswer.objects.create(**identity, path=request.path[:300], body_digest=digest)
    except IntegrityError:
        pass
    with tenant_transaction(caller.access.tenant.pk):
        row = IdempotentAnswer.objects.select_for_update().filter(**identity).first()
        if row is None:
            raise InProgress("The first request with this key has just failed; send it again.")
        if row.body_digest != digest:
            raise Unprocessable("This key was used for another request.")
        if row.status == 0:
            if row.created_at > now - ABANDONED:
                raise InProgress("The first request with this key is still being worked on.")
            IdempotentAnswer.objects.filter(pk=row.pk).update(created_at=now)
        return row


def keep_answer(row: IdempotentAnswer, status: int, data: Any) -> None:
    """Inside the transaction of the effect."""
    IdempotentAnswer.objects.filter(pk=row.pk).update(status=status, answer=data)


def give_up(row: IdempotentAnswer) -> None:
    """The request failed and changed nothing: the key is free again."""
    with tenant_transaction(row.tenant_id):
        IdempotentAnswer.objects.filter(pk=row.pk, status=0).delete()
