"""The tenant's authorization webhook as people set it. Its secret is shown once and kept sealed."""

from typing import Any

from chargepoints.models import AuthorizationWebhook
from chargepoints.services.authorization_webhook import PURPOSE, forget
from tenants.context import current_tenant_id, on_commit
from tenants.outbound import check_secret, check_url, new_secret
from tenants.sealing import seal
from tenants.services.audit import record

FIELDS = ("url", "asks_about", "timeout_ms", "cache_seconds", "fallback", "enabled")


def current_webhook() -> AuthorizationWebhook | None:
    """Of the open scope's tenant."""
    return AuthorizationWebhook.objects.first()


def set_webhook(
    values: dict[str, Any], *, actor: str, origin: str, secret: str = "", renew_secret: bool = False
) -> tuple[AuthorizationWebhook, str]:
    """Make or change it, in the open transaction; the new secret where there is one ("" keeps the old).

    Fields left out keep their value, or get the usual one. Raises InvalidUrl, InvalidSecret.
    """
    check_url(values["url"])
    if secret:
        check_secret(secret)
    row = AuthorizationWebhook.objects.select_for_update().first()
    is_new = row is None
    row = row or AuthorizationWebhook(tenant_id=current_tenant_id())
    changes = {}
    for name in FIELDS:
        if name in values and (is_new or getattr(row, name) != values[name]):
            changes[name] = [None if is_new else getattr(row, name), values[name]]
            setattr(row, name, values[name])
    shown = secret or (new_secret() if renew_secret or not row.secret else "")
    if shown:
        row.secret = seal(shown, PURPOSE)
        changes["secret"] = [None, "***"]
    row.save()
    record(actor=actor, origin=origin, action="create" if is_new else "change", target=row, changes=changes)
    _forget_after_commit()
    return row, shown


def delete_webhook(row: AuthorizationWebhook, *, actor: str, origin: str) -> None:
    """Our own tags decide again."""
    record(actor=actor, origin=origin, action="delete", target=row, changes={"url": [row.url, None]})
    row.delete()
    _forget_after_commit()


def _forget_after_commit() -> None:
    tenant_id = current_tenant_id()
    on_commit(lambda: forget(tenant_id))
