"""Readings: a series per meter and measurand, and slim samples in daily partitions."""

from django.db import models
from django.db.models.functions import MD5, Cast
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class Series(TenantOwned):
    """One measured quantity of one EVSE: what its samples have in common. EVSE 0 is the station's main meter."""

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="series")
    evse_number = models.PositiveSmallIntegerField()
    measurand = models.CharField(max_length=50)
    phase = models.CharField(max_length=20, blank=True, help_text=_("Empty: total or not said."))
    location = models.CharField(max_length=20, default="Outlet")
    unit = models.CharField(max_length=20, blank=True, help_text=_("Normalised: Wh, W, A, V, Celsius, ..."))

    class Meta:
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "evse_number", "measurand", "phase", "location", "unit"], name="series_once"
            )
        ]

    def __str__(self) -> str:
        return " ".join(part for part in (self.measurand, self.phase, self.unit) if part)


class Sample(models.Model):
    """One reading. (series, at, context) tells readings apart, so that a resent one adds nothing."""

    class Context(models.IntegerChoices):
        PERIODIC = 0, "Sample.Periodic"
        CLOCK = 1, "Sample.Clock"
        BEGIN = 2, "Transaction.Begin"
        END = 3, "Transaction.End"
        INTERRUPTION_BEGIN = 4, "Interruption.Begin"
        INTERRUPTION_END = 5, "Interruption.End"
        TRIGGER = 6, "Trigger"
        OTHER = 7, "Other"

    pk = models.CompositePrimaryKey("series_id", "at", "context")
    series = models.ForeignKey(Series, on_delete=models.DO_NOTHING, db_constraint=False, related_name="samples")
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    at = models.DateTimeField()
    context = models.PositiveSmallIntegerField(choices=Context.choices)
    value = models.DecimalField(max_digits=40, decimal_places=12)
    transaction_id = models.BigIntegerField(null=True)
    received_at = models.DateTimeField()
    raw_value = models.CharField(max_length=100, null=True)
    raw_unit = models.CharField(max_length=20, null=True)

    class Meta:
        managed = False
        db_table = "metering_sample"
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.value} · {self.at}"


class SignedReading(TenantOwned):
    """A signed meter value, verbatim, for later proof."""

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="+")
    evse_number = models.PositiveSmallIntegerField()
    transaction_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    context = models.PositiveSmallIntegerField(choices=Sample.Context.choices)
    measurand = models.CharField(max_length=50)
    phase = models.CharField(max_length=20, blank=True)
    location = models.CharField(max_length=20)
    unit = models.CharField(max_length=20, blank=True)
    content = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "evse_number", "measurand", "phase", "location", "at", "context"],
                name="signed_reading_once",
            )
        ]
        indexes = [models.Index(fields=["tenant", "-at"], name="signed_readings_by_time")]

    def __str__(self) -> str:
        return f"{self.measurand} · {self.at}"


class QuarantinedReading(TenantOwned):
    """A reading that is no sample: its clock is beyond belief (1970, next year), or the database refused it."""

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="+")
    evse_number = models.PositiveSmallIntegerField()
    transaction_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=40)
    reading = models.JSONField()
    received_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            # A resent one adds nothing.
            models.UniqueConstraint(
                "charge_point",
                "evse_number",
                "reason",
                MD5(Cast("reading", models.TextField())),
                name="quarantined_reading_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reason} · {self.received_at}"
