"""Answers kept for `Idempotency-Key` (API.md)."""

from django.db import models

from tenants.models.base import TenantOwned


class IdempotentAnswer(TenantOwned):
    """The first answer to a POST with a key, given again to the same request. `status` 0: still being worked on."""

    key = models.CharField(max_length=200)
    actor = models.CharField(max_length=150)
    path = models.CharField(max_length=300)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "actor", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
