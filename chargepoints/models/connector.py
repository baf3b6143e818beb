"""EVSEs and connectors, their state and its history."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class ConnectorStatus(models.TextChoices):
    """OCPP 1.6 §7.7, of which the states of 2.x are a subset or a synonym."""

    AVAILABLE = "Available", _("Available")
    PREPARING = "Preparing", _("Preparing")
    CHARGING = "Charging", _("Charging")
    SUSPENDED_EVSE = "SuspendedEVSE", _("Suspended by station")
    SUSPENDED_EV = "SuspendedEV", _("Suspended by car")
    FINISHING = "Finishing", _("Finishing")
    RESERVED = "Reserved", _("Reserved")
    UNAVAILABLE = "Unavailable", _("Unavailable")
    FAULTED = "Faulted", _("Faulted")


class Evse(TenantOwned):
    """A part of a station that can charge one vehicle at a time. OCPP 1.6's connector n is EVSE n."""

    charge_point = TenantForeignKey("chargepoints.ChargePoint", on_delete=models.CASCADE, related_name="evses")
    number = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["charge_point", "number"], name="evse_number_once")]

    def __str__(self) -> str:
        return f"{self.charge_point} / {self.number}"


class Connector(TenantOwned):
    """A socket or cable of an EVSE. `status_at` is the station's time; the state only moves forward in it."""

    charge_point = TenantForeignKey("chargepoints.ChargePoint", on_delete=models.CASCADE, related_name="connectors")
    evse = TenantForeignKey(Evse, on_delete=models.CASCADE, related_name="connectors")
    number = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=16, choices=ConnectorStatus.choices, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    info = models.CharField(max_length=200, blank=True)
    vendor_error_code = models.CharField(max_length=50, blank=True)
    status_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["evse__number", "number"]
        constraints = [models.UniqueConstraint(fields=["evse", "number"], name="connector_number_once")]

    def __str__(self) -> str:
        return f"{self.evse}" if self.number == 1 else f"{self.evse}.{self.number}"


class StatusChange(TenantOwned):
    """One StatusNotification as it came. `evse_number` 0 is the station as a whole."""

    charge_point = TenantForeignKey("chargepoints.ChargePoint", on_delete=models.CASCADE, related_name="status_changes")
    evse_number = models.PositiveSmallIntegerField()
    connector_number = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=16)
    error_code = models.CharField(max_length=50)
    info = models.CharField(max_length=200, blank=True)
    vendor_id = models.CharField(max_length=255, blank=True)
    vendor_error_code = models.CharField(max_length=50, blank=True)
    at = models.DateTimeField(help_text=_("The station's time, or when we received it where it gave none."))
    received_at = models.DateTimeField()
    implied = models.BooleanField(default=False)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["charge_point", "evse_number", "-at"], name="status_history")]

    def __str__(self) -> str:
        return f"{self.status} · {self.at:%Y-%m-%d %H:%M:%S}"
