"""The audit trail: who changed what, with before and after."""

from django.db import models

from tenants.models.base import TenantOwned


class AuditEntry(TenantOwned):
    """One change that a person or a program made."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=150)
    origin = models.CharField(max_length=20)
    action = models.CharField(max_length=40)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=200)
    changes = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["tenant", "-at"], name="audit_by_time"),
            models.Index(fields=["tenant", "object_type", "object_id"], name="audit_by_object"),
            models.Index(fields=["tenant", "actor", "-at"], name="audit_by_actor"),
            models.Index(fields=["tenant", "action", "-at"], name="audit_by_action"),
        ]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.object_name}"
