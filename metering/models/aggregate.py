"""Aggregates: what a meter did in an hour, a day, a week, a month."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint
from metering.models.sample import Series
from tenants.models import TenantOwned


class Period(models.IntegerChoices):
    """Hours are of UTC (see `aggregation.periods` for zones that differ by less); the rest is the tenant's calendar."""

    HOUR = 1, _("hour")
    DAY = 2, _("day")
    WEEK = 3, _("week")
    MONTH = 4, _("month")


class EnergySource(models.TextChoices):
    """Where a bucket's energy comes from, the most trusted first."""

    REGISTER = "register", _("Register")
    REGISTER_PHASES = "register_phases", _("Registers of the phases")
    INTERVAL = "interval", _("Energy per interval")
    POWER = "power", _("Power over time")
    NONE = "", _("Not known")


class Bucket(TenantOwned):
    """Energy and power of one EVSE in one period. EVSE 0 is the station's main meter."""

    pk = models.CompositePrimaryKey("charge_point_id", "evse_number", "period", "start")
    charge_point = models.ForeignKey(ChargePoint, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    evse_number = models.PositiveSmallIntegerField()
    period = models.PositiveSmallIntegerField(choices=Period.choices)
    start = models.DateTimeField()
    end = models.DateTimeField()
    energy_wh = models.DecimalField(max_digits=24, decimal_places=6)
    energy_source = models.CharField(max_length=16, choices=EnergySource.choices, blank=True)
    estimated = models.BooleanField(
        default=False,
        help_text=_("A gap, a reset or a change of meters was bridged: the total holds, its place is a guess."),
    )
    max_power_w = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    power_sum_w = models.DecimalField(max_digits=30, decimal_places=6, null=True)
    power_count = models.PositiveIntegerField(default=0)
    sample_count = models.PositiveIntegerField(default=0)
    computed_at = models.DateTimeField()

    class Meta:
        ordering = ["start"]
        indexes = [models.Index(fields=["tenant", "period", "start"], name="buckets_of_tenant")]

    def __str__(self) -> str:
        return f"{self.get_period_display()} from {self.start}: {self.energy_wh} Wh"


class BucketStatistics(TenantOwned):
    """Minimum, maximum, sum, count and last of one series in one period."""

    pk = models.CompositePrimaryKey("series_id", "period", "start")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    period = models.PositiveSmallIntegerField(choices=Period.choices)
    start = models.DateTimeField()
    minimum = models.DecimalField(max_digits=40, decimal_places=12)
    maximum = models.DecimalField(max_digits=40, decimal_places=12)
    total = models.DecimalField(max_digits=40, decimal_places=12)
    count = models.PositiveIntegerField()
    last = models.DecimalField(max_digits=40, decimal_places=12)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "bucket statistics"

    def __str__(self) -> str:
        return f"{self.count} values from {self.start}"


class FleetBucket(TenantOwned):
    """Energy of a tenant's EVSEs together in one hour or day: what their buckets add up to, main meters left out.

    Made with them, in their transaction, so that a page of the whole fleet reads a row and not one for each EVSE.
    """

    period = models.PositiveSmallIntegerField(choices=Period.choices)
    start = models.DateTimeField()
    end = models.DateTimeField()
    energy_wh = models.DecimalField(max_digits=24, decimal_places=6)
    estimated = models.BooleanField(default=False)

    class Meta:
        ordering = ["start"]
        constraints = [models.UniqueConstraint(fields=["tenant", "period", "start"], name="fleet_bucket_once")]

    def __str__(self) -> str:
        return f"{self.get_period_display()} from {self.start}: {self.energy_wh} Wh"


class DirtyRange(TenantOwned):
    """Readings came late: what was summed up of this EVSE from `first` to `last` is out of date.

    A queue, not a set: rows are only appended with the readings, and removed by the aggregation that saw them.
    """

    charge_point = models.ForeignKey(ChargePoint, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    evse_number = models.PositiveSmallIntegerField()
    first = models.DateTimeField(help_text=_("Time of the earliest late reading."))
    last = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"


class AggregationState(models.Model):
    """How far the aggregation has come: all hours before `complete_until` were summed up once. One row."""

    complete_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"until {self.complete_until}"
