"""Issuing and resolving keys for programs."""

import hashlib
import secrets
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from tenants.context import current_tenant_id, directory_transaction
from tenants.databases.placement import remember
from tenants.models import ApiKey


def hash_key(key: str) -> str:
    """Keys are long and random, so a plain SHA-256 is enough and lets them be looked up by index."""
    return hashlib.sha256(key.encode()).hexdigest()


def issue_api_key(
    *, name: str, role: str, scopes: list[str] | None = None, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Create a key in the open tenant; the key itself is returned once and never stored."""
    prefix = secrets.token_hex(4)
    key = f"csms_{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(
        tenant_id=current_tenant_id(),
        name=name,
        prefix=prefix,
        key_hash=hash_key(key),
        role=role,
        scopes=scopes or [],
        expires_at=expires_at,
    )
    return row, key


def resolve_api_key(key: str) -> ApiKey | None:
    """The valid key's row with its tenant, or None."""
    now = timezone.now()
    with directory_transaction():
        row = (
            ApiKey.objects.select_related("tenant")
            .filter(key_hash=hash_key(key), revoked_at=None)
            .filter(Q(expires_at=None) | Q(expires_at__gt=now))
            .first()
        )
    if row is not None:
        remember(row.tenant_id, row.tenant.database)
    return row
