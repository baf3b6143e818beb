"""Firmware: files, rollouts in waves, and the update of each station (OCPP 1.6 §4.5, §6.19; Security Whitepaper L01)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models.charge_point import ChargePoint
from chargepoints.models.command import Command
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class FirmwareFile(TenantOwned):
    """A firmware that stations can fetch: uploaded here, or at an address that the operator gives."""

    name = models.CharField(max_length=120)
    version = models.CharField(max_length=100)
    vendor = models.CharField(max_length=50, blank=True)
    model = models.CharField(max_length=50, blank=True)
    file = models.FileField(upload_to="firmware/", blank=True, max_length=255)
    url = models.CharField(max_length=512, blank=True)
    size = models.PositiveBigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    signature = models.TextField(blank=True, help_text=_("Base64; with the certificate, for the signed update."))
    signing_certificate = models.TextField(blank=True, help_text=_("PEM."))
    uploaded_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name", "version"], name="firmware_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class FirmwareRollout(TenantOwned):
    """A firmware for a group of stations, wave by wave; it stops where too many fail."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        STOPPED = "stopped", _("Stopped by failures")
        FINISHED = "finished", _("Finished")
        CANCELLED = "cancelled", _("Cancelled")

    firmware = TenantForeignKey(FirmwareFile, on_delete=models.PROTECT, related_name="rollouts")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    signed = models.BooleanField(default=False)
    start_at = models.DateTimeField(help_text=_("When the first wave begins."))
    install_at = models.DateTimeField(null=True, blank=True, help_text=_("When stations install; empty: at once."))
    wave_size = models.PositiveIntegerField(default=10)
    allowed_failures = models.PositiveIntegerField(default=1, help_text=_("The rollout stops when more have failed."))
    wave_hours = models.PositiveSmallIntegerField(
        default=4, help_text=_("A station that has not finished after so long has failed.")
    )
    current_wave = models.PositiveIntegerField(default=0)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    detail = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class FirmwareUpdate(TenantOwned):
    """The update of one station, alone or in a rollout."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        RUNNING = "running", _("Running")
        INSTALLED = "installed", _("Installed")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="firmware_updates")
    rollout = TenantForeignKey(FirmwareRollout, on_delete=models.CASCADE, null=True, blank=True, related_name="updates")
    firmware = TenantForeignKey(FirmwareFile, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    wave = models.PositiveIntegerField(default=0)
    request_id = models.PositiveIntegerField(null=True, blank=True, help_text=_("Of the signed update."))
    signed = models.BooleanField(default=False)
    location = models.CharField(max_length=512, blank=True)
    # The station fetches an uploaded file with this and nothing else; only its digest is kept.
    token_digest = models.CharField(max_length=64, blank=True, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    status = models.CharField(max_length=40, blank=True, help_text=_("The last that the station said."))
    history = models.JSONField(default=list, blank=True, help_text=_("What the station said, and when."))
    version_before = models.CharField(max_length=100, blank=True)
    detail = models.CharField(max_length=255, blank=True, help_text=_("Why it failed or was cancelled."))
    command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True, help_text=_("Not finished by then, it has failed."))
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["token_digest"], name="firmware_updates_by_token"),
            models.Index(
                fields=["deadline_at"],
                condition=models.Q(state__in=["sent", "running"]),
                name="firmware_updates_open",
            ),
            models.Index(fields=["charge_point", "-created_at"], name="firmware_updates_of_station"),
            models.Index(fields=["rollout", "wave"], name="firmware_updates_of_rollout"),
            models.Index(fields=["tenant", "-created_at"], name="firmware_updates_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.charge_point}: {self.state}"
