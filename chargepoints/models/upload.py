"""Files that stations send us: diagnostics and logs (OCPP 1.6 §6.23; Security Whitepaper N01)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models.charge_point import ChargePoint
from chargepoints.models.command import Command
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class StationUpload(TenantOwned):
    """One file that we asked a station for, to our own address (with a one-time token) or to another."""

    class Kind(models.TextChoices):
        DIAGNOSTICS = "diagnostics", _("Diagnostics")
        DIAGNOSTICS_LOG = "diagnostics_log", _("Diagnostics log")
        SECURITY_LOG = "security_log", _("Security log")

    class State(models.TextChoices):
        REQUESTED = "requested", _("Asked for")
        UPLOADING = "uploading", _("Being uploaded")
        RECEIVED = "received", _("Received")
        ELSEWHERE = "elsewhere", _("Uploaded elsewhere")
        FAILED = "failed", _("Failed")

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="uploads")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    status = models.CharField(max_length=40, blank=True, help_text=_("The last that the station said."))
    request_id = models.PositiveIntegerField(null=True, blank=True)
    location = models.CharField(max_length=512, blank=True, help_text=_("Where the station was told to send it."))
    token_digest = models.CharField(max_length=64, blank=True, editable=False)
    expires_at = models.DateTimeField()
    file = models.FileField(upload_to="uploads/", blank=True, max_length=255)
    filename = models.CharField(max_length=255, blank=True)
    size = models.PositiveBigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    requested_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    received_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["charge_point", "-created_at"], name="uploads_of_station"),
            models.Index(fields=["token_digest"], name="uploads_by_token"),
            models.Index(fields=["tenant", "-created_at"], name="uploads_by_time"),
        ]

    def __str__(self) -> str:
        return self.filename or f"{self.kind} · {self.charge_point}"
