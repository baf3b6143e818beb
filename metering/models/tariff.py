"""Tariffs, who they apply to, what a session was promised, and what it was charged."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint, IdTag, Site, Transaction
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey, TenantOneToOneField


class Tariff(TenantOwned):
    """What charging costs; `elements` as in OCPI 2.2.1 (price components with restrictions)."""

    name = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    elements = models.JSONField(help_text=_("OCPI tariff elements: price components and their restrictions."))
    min_price = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("A session costs at least this, before tax."),
    )
    max_price = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True, help_text=_("A session costs at most this, before tax.")
    )
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True)
    archived = models.BooleanField(default=False, help_text=_("No longer used for new sessions."))
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="tariff_name_once")]

    def __str__(self) -> str:
        return self.name


class TariffAssignment(TenantOwned):
    """Where a tariff applies: a tag (or the group of a parent tag), a charge point, a site, or without any, everywhere."""

    tariff = TenantForeignKey(Tariff, on_delete=models.CASCADE, related_name="assignments")
    id_tag = TenantForeignKey(IdTag, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    site = TenantForeignKey(Site, on_delete=models.CASCADE, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "tariff", "id_tag", "charge_point", "site"],
                nulls_distinct=False,
                name="tariff_assigned_once",
            ),
            models.CheckConstraint(
                condition=Q(id_tag__isnull=True, charge_point__isnull=True)
                | Q(id_tag__isnull=True, site__isnull=True)
                | Q(charge_point__isnull=True, site__isnull=True),
                name="tariff_assigned_to_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tariff} · {self.id_tag or self.charge_point or self.site or _('everything')}"


class SessionTariff(TenantOwned):
    """The tariff as it was when the session began: later changes don't touch it."""

    transaction = TenantOneToOneField(Transaction, on_delete=models.CASCADE, related_name="frozen_tariff")
    # The database sets it to NULL: this table's rows are never updated.
    tariff = TenantForeignKey(Tariff, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="+")
    snapshot = models.JSONField(help_text=_("Without elements: no tariff applied."))
    frozen_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.snapshot.get("name", ""))


class RecordDue(TenantOwned):
    """A session that has ended: its charge detail record is to be made, or looked at again for what came late."""

    transaction = TenantOneToOneField(Transaction, on_delete=models.CASCADE, related_name="record_due")
    due_at = models.DateTimeField(db_index=True)
    checks = models.PositiveSmallIntegerField(default=0, help_text=_("How often it was looked at since it ended."))

    def __str__(self) -> str:
        return f"{self.transaction_id} at {self.due_at}"


class ChargeDetailRecord(TenantOwned):
    """What a session was charged. Never changed: a correction is another record with the next revision."""

    transaction = TenantForeignKey(Transaction, on_delete=models.PROTECT, related_name="charge_detail_records")
    number = models.CharField(max_length=40)
    revision = models.PositiveSmallIntegerField(default=1)
    corrects = TenantForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections")
    reason = models.CharField(max_length=240, blank=True, help_text=_("Why it was corrected."))
    # The session's facts as they were charged.
    charge_point = models.CharField(max_length=48)
    connector = models.PositiveSmallIntegerField()
    id_tag = models.CharField(max_length=255)
    started_at = models.DateTimeField()
    stopped_at = models.DateTimeField()
    meter_start_wh = models.DecimalField(max_digits=16, decimal_places=3)
    meter_stop_wh = models.DecimalField(max_digits=16, decimal_places=3)
    energy_wh = models.DecimalField(max_digits=16, decimal_places=3)
    charging_seconds = models.PositiveIntegerField()
    parking_seconds = models.PositiveIntegerField()
    tariff = models.JSONField(null=True, blank=True, help_text=_("The frozen tariff; empty: none applied."))
    currency = models.CharField(max_length=3)
    lines = models.JSONField(default=list)
    total_excl_tax = models.DecimalField(max_digits=14, decimal_places=4)
    total_tax = models.DecimalField(max_digits=14, decimal_places=4)
    total_incl_tax = models.DecimalField(max_digits=14, decimal_places=4)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["transaction", "revision"], name="charge_detail_record_once"),
            models.UniqueConstraint(fields=["tenant", "number"], name="charge_detail_record_number_once"),
        ]
        indexes = [models.Index(fields=["tenant", "-stopped_at"], name="charge_records_by_time")]

    def __str__(self) -> str:
        return self.number
