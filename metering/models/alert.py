"""Thresholds, the alerts they raise, and who is told."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class Severity(models.TextChoices):
    INFO = "info", _("Info")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class Threshold(TenantOwned):
    """A measurand that must stay within bounds: everywhere, at a charge point, or at one of its EVSEs."""

    measurand = models.CharField(max_length=50)
    min_value = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    max_value = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    charge_point = TenantForeignKey(
        ChargePoint, on_delete=models.CASCADE, null=True, blank=True, related_name="thresholds"
    )
    evse_number = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Connector; empty: all."))
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    hysteresis = models.DecimalField(
        max_digits=20,
        decimal_places=6,
        null=True,
        blank=True,
        help_text=_("How far back inside the bounds a value must come; empty: 2 % of the bound."),
    )
    minimum_duration_s = models.PositiveIntegerField(
        default=0, help_text=_("Seconds that the value must be outside before an alert is raised.")
    )
    ac_only = models.BooleanField(
        default=False,
        db_default=False,
        verbose_name=_("Alternating current only"),
        help_text=_("Not where readings show direct current: its voltage and current are not those of the grid."),
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["measurand", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(min_value__isnull=False) | Q(max_value__isnull=False), name="threshold_has_a_bound"
            ),
            models.CheckConstraint(
                condition=Q(min_value__isnull=True) | Q(max_value__isnull=True) | Q(min_value__lt=F("max_value")),
                name="threshold_bounds_in_order",
            ),
            models.CheckConstraint(
                condition=Q(evse_number__isnull=True) | Q(charge_point__isnull=False),
                name="threshold_connector_has_a_station",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measurand} ({self.pk})"


class Alert(TenantOwned):
    """Something that a person should know, from its beginning to its end."""

    class Kind(models.TextChoices):
        THRESHOLD = "threshold", _("Value out of bounds")
        FAULT = "fault", _("Fault reported")
        OFFLINE = "offline", _("Offline")
        CLOCK = "clock", _("Clock is off")
        REGISTER = "register_backwards", _("Register runs backwards")
        SILENT = "no_readings", _("No readings in a session")
        SECURITY = "security", _("Security")
        FIRMWARE = "firmware", _("Firmware update failed")
        # Raised by smart charging, which sits above.
        OVER_LIMIT = "over_limit", _("Takes more than its limit")
        SCHEDULE = "schedule_differs", _("Charging schedule differs")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        ACKNOWLEDGED = "acknowledged", _("Acknowledged")
        RESOLVED = "resolved", _("Resolved")

    kind = models.CharField(max_length=30, choices=Kind.choices)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="alerts")
    evse_number = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Empty: the whole station."))
    transaction_id = models.BigIntegerField(null=True, blank=True)
    threshold = TenantForeignKey(Threshold, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    measurand = models.CharField(max_length=50, blank=True)
    phase = models.CharField(max_length=20, blank=True)
    unit = models.CharField(max_length=20, blank=True)
    limit_value = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    worst_value = models.DecimalField(max_digits=40, decimal_places=12, null=True, blank=True)
    last_value = models.DecimalField(max_digits=40, decimal_places=12, null=True, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    # What makes two reports the same alert while it isn't resolved.
    key = models.CharField(max_length=120, editable=False)
    started_at = models.DateTimeField(help_text=_("When it began, by the station's clock where it is a reading."))
    opened_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField(help_text=_("Last time that it was seen."))
    count = models.PositiveIntegerField(default=1)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=500, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=200, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)
    mail_attempts = models.PositiveSmallIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "key"], condition=~Q(status="resolved"), name="alert_once_while_open"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "status", "-opened_at"], name="alerts_by_status"),
            models.Index(fields=["tenant", "-opened_at"], name="alerts_by_time"),
            models.Index(fields=["charge_point", "-opened_at"], name="alerts_of_station"),
            models.Index(fields=["opened_at"], condition=Q(mailed_at__isnull=True), name="alerts_to_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.charge_point}"


class AlertRecipient(TenantOwned):
    """An address that alerts of a severity and above are mailed to."""

    email = models.EmailField()
    minimum_severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["email"]
        constraints = [models.UniqueConstraint(fields=["tenant", "email"], name="alert_recipient_once")]

    def __str__(self) -> str:
        return self.email
