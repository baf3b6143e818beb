"""What is asked of a circuit from outside: grid signals, prices, the site's meter; and what drivers need."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from chargepoints.models import IdTag, Transaction
from smartcharging.models.circuit import Circuit
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey, TenantOneToOneField


class CircuitLimit(TenantOwned):
    """A grid signal: for a time the circuit carries less (curtailment)."""

    circuit = TenantForeignKey(Circuit, on_delete=models.CASCADE, related_name="limits")
    limit_a = models.DecimalField(max_digits=10, decimal_places=1, null=True, blank=True)
    limit_w = models.DecimalField(max_digits=12, decimal_places=1, null=True, blank=True)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    reason = models.CharField(max_length=240, blank=True)
    requested_by = models.CharField(max_length=150)
    origin = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=150, blank=True)
    # The round that first kept to it, and when the last station had confirmed.
    applied_at = models.DateTimeField(null=True, blank=True)
    honoured_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-start_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(end_at__gt=F("start_at")), name="circuit_limit_ends_after_start"),
            models.CheckConstraint(
                condition=Q(limit_a__isnull=False, limit_w__isnull=True)
                | Q(limit_a__isnull=True, limit_w__isnull=False),
                name="circuit_limit_in_one_unit",
            ),
        ]
        indexes = [models.Index(fields=["circuit", "end_at"], name="limits_by_end")]

    def __str__(self) -> str:
        return f"{self.circuit}: {self.limit_a or self.limit_w}"


class CircuitMeter(TenantOwned):
    """The last reading of a circuit's own meter, as it was pushed: A on each phase, negative while feeding in."""

    circuit = TenantOneToOneField(Circuit, on_delete=models.CASCADE, related_name="meter")
    at = models.DateTimeField()
    l1_a = models.DecimalField(max_digits=9, decimal_places=2)
    l2_a = models.DecimalField(max_digits=9, decimal_places=2)
    l3_a = models.DecimalField(max_digits=9, decimal_places=2)
    source = models.CharField(max_length=150, blank=True)
    # The reading that last set off a round: what the next is compared with.
    acted_a = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"{self.circuit} at {self.at:%Y-%m-%d %H:%M:%S}"


class EnergyPrice(TenantOwned):
    """What energy costs the operator in an hour (or quarter) of a price zone: day-ahead prices. May be negative."""

    zone = models.CharField(max_length=40, blank=True)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    price = models.DecimalField(max_digits=12, decimal_places=6, help_text=_("For a kWh."))
    currency = models.CharField(max_length=3)
    uploaded_by = models.CharField(max_length=150, blank=True)
    uploaded_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["zone", "start_at"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "zone", "start_at"], name="energy_price_once"),
            models.CheckConstraint(condition=Q(end_at__gt=F("start_at")), name="energy_price_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.zone} {self.start_at:%Y-%m-%d %H:%M}: {self.price}"


class SessionNeed(TenantOwned):
    """What the driver of a session needs: so much by then. What is empty is the tag's, or not known."""

    transaction = TenantOneToOneField(Transaction, on_delete=models.CASCADE, related_name="need")
    departure_at = models.DateTimeField(null=True, blank=True)
    energy_wh = models.PositiveIntegerField(null=True, blank=True, help_text=_("Wanted in the whole session."))
    priority = models.SmallIntegerField(null=True, blank=True)
    max_a = models.DecimalField(
        max_digits=6, decimal_places=1, null=True, blank=True, help_text=_("What the car can take.")
    )
    requested_by = models.CharField(max_length=150, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.transaction}"


class IdTagNeed(TenantOwned):
    """What the sessions of a tag (or of the tags below it) usually need."""

    id_tag = TenantOneToOneField(IdTag, on_delete=models.CASCADE, related_name="charging_need")
    departure_time = models.TimeField(null=True, blank=True, help_text=_("Of the day, in the site's time zone."))
    energy_wh = models.PositiveIntegerField(null=True, blank=True)
    priority = models.SmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(-100), MaxValueValidator(100)],
        help_text=_("Higher goes first."),
    )
    max_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.id_tag}"
