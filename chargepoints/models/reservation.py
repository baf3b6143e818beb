"""Reservations of connectors (OCPP 1.6 §3.11, §5.13)."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chargepoints.models.charge_point import ChargePoint
from chargepoints.models.command import Command
from chargepoints.models.transaction import Transaction
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class Reservation(TenantOwned):
    """A connector (or with 0 any of a station) held for a tag until `expires_at`."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Asked for")
        ACTIVE = "active", _("Active")
        CANCELLING = "cancelling", _("Being cancelled")
        USED = "used", _("Used")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")
        REJECTED = "rejected", _("Refused")
        ENDED = "ended", _("Ended by a fault")

    OPEN = ("requested", "active", "cancelling")

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="reservations")
    evse_number = models.PositiveSmallIntegerField(help_text=_("Connector; 0: any of the station."))
    protocol_id = models.PositiveIntegerField(help_text=_("reservationId, what the station knows it by."))
    id_tag = models.CharField(max_length=255)
    parent_id_tag = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    detail = models.CharField(max_length=120, blank=True, help_text=_("What the station said, or why it ended."))
    command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    cancel_command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    transaction = TenantForeignKey(
        Transaction, on_delete=models.SET_NULL, null=True, blank=True, related_name="reservations"
    )
    requested_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "protocol_id"], name="reservation_id_once"),
            models.UniqueConstraint(
                fields=["charge_point", "evse_number"],
                condition=Q(state__in=["requested", "active", "cancelling"]),
                name="reservation_once_per_connector",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="reservations_by_time"),
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=["requested", "active", "cancelling"]),
                name="reservations_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.protocol_id} · {self.charge_point} / {self.evse_number}"
