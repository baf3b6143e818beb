"""Transactions (charging sessions)."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Collate
from django.utils.translation import gettext_lazy as _

from chargepoints.models.charge_point import ChargePoint
from chargepoints.models.command import Command
from chargepoints.models.connector import Connector, Evse
from chargepoints.models.id_tag import IdTag
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class Transaction(TenantOwned):
    """One charging session. `protocol_id` is what the station knows it by; in 1.6 a number that we give."""

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        STOPPED = "stopped", _("Stopped")
        # Ended by us: by hand, or because the next session began. The station's own stop supersedes it.
        INFERRED = "inferred", _("Closed without a stop")

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.PROTECT, related_name="transactions")
    evse = TenantForeignKey(Evse, on_delete=models.PROTECT, related_name="transactions")
    connector = TenantForeignKey(Connector, on_delete=models.PROTECT, related_name="transactions")
    protocol_id = models.CharField(max_length=36)
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    id_tag = models.CharField(max_length=255)
    id_tag_row = TenantForeignKey(IdTag, on_delete=models.SET_NULL, null=True, blank=True, related_name="transactions")
    verdict = models.CharField(max_length=12, help_text=_("What the station was told of the tag."))
    reservation_id = models.IntegerField(null=True, blank=True)
    remote_start = TenantForeignKey(
        Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="started_transactions"
    )

    started_at = models.DateTimeField(help_text=_("The station's time."))
    start_received_at = models.DateTimeField()
    meter_start_wh = models.DecimalField(max_digits=16, decimal_places=3)
    stopped_at = models.DateTimeField(null=True, blank=True)
    stop_received_at = models.DateTimeField(null=True, blank=True)
    meter_stop_wh = models.DecimalField(max_digits=16, decimal_places=3, null=True, blank=True)
    stop_reason = models.CharField(max_length=40, blank=True)
    stop_id_tag = models.CharField(max_length=255, blank=True)
    stopped_by = models.CharField(
        max_length=150, blank=True, help_text=_("Who stopped it remotely or closed it by hand.")
    )
    flags = ArrayField(models.CharField(max_length=40), default=list, blank=True)

    # Progress while it runs: written by metering every few seconds, derivable from the readings.
    last_register_wh = models.DecimalField(max_digits=16, decimal_places=3, null=True, blank=True)
    last_power_w = models.DecimalField(max_digits=14, decimal_places=3, null=True, blank=True)
    last_reading_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "protocol_id"], name="protocol_id_once"),
            # The same StartTransaction sent again, perhaps through another gateway at the same instant.
            models.UniqueConstraint(
                fields=["charge_point", "evse", "id_tag", "started_at", "meter_start_wh"], name="start_once"
            ),
            # A refused start keeps its own row beside the session that runs.
            models.UniqueConstraint(
                fields=["connector"], condition=Q(state="active", verdict="Accepted"), name="one_active_per_connector"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-started_at"], name="transactions_by_time"),
            models.Index(fields=["charge_point", "-started_at"], name="transactions_of_station"),
            models.Index(fields=["tenant", "id_tag"], name="transactions_of_tag"),
            # For whoever types the beginning of one. LIKE can't use an index behind row-level security; a range can.
            models.Index("tenant", Collate("protocol_id", "C"), name="transactions_by_protocol_id"),
            models.Index(fields=["started_at"], condition=Q(state="active"), name="transactions_running"),
            # What is rare is looked for in lists of millions: the few that these hold cost next to nothing to keep.
            models.Index(fields=["tenant", "-started_at"], condition=Q(state="inferred"), name="transactions_inferred"),
            models.Index(
                fields=["tenant", "-started_at"], condition=~Q(verdict="Accepted"), name="transactions_refused"
            ),
            models.Index(
                fields=["tenant", "stop_reason", "-started_at"],
                condition=~Q(stop_reason__in=["", "EVDisconnected", "Local", "Remote"]),
                name="transactions_ended_oddly",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.protocol_id} · {self.connector}"

    @property
    def energy_wh(self) -> Decimal | None:
        """Register difference so far (Wh), exact. None while no reading has come."""
        end = self.meter_stop_wh if self.meter_stop_wh is not None else self.last_register_wh
        return None if end is None else end - self.meter_start_wh


class UnmatchedStop(TenantOwned):
    """A StopTransaction for an id that we never gave: kept for the operator, acknowledged to the station."""

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="unmatched_stops")
    protocol_id = models.CharField(max_length=36)
    id_tag = models.CharField(max_length=255, blank=True)
    stopped_at = models.DateTimeField()
    meter_stop_wh = models.DecimalField(max_digits=16, decimal_places=3)
    reason = models.CharField(max_length=40, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "protocol_id", "stopped_at", "meter_stop_wh"], name="unmatched_stop_once"
            )
        ]
        indexes = [models.Index(fields=["tenant", "-received_at"], name="unmatched_stops_by_time")]

    def __str__(self) -> str:
        return f"{self.protocol_id} · {self.charge_point}"
