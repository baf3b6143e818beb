"""SystemAlert: something wrong with the system itself, for its staff."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SystemAlert(models.Model):
    """Belongs to no tenant: a missing partition, a worker that does not keep up."""

    kind = models.CharField(max_length=50)
    subject = models.CharField(max_length=120, blank=True, help_text=_("What it is about: a table, a day."))
    detail = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(resolved_at__isnull=True), name="system_alert_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()
