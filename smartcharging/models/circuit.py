"""Circuits: what a site's wires and fuses carry, and which connectors hang on them."""

from datetime import datetime
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint, Command, Site
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey, TenantOneToOneField

POSITIVE = [MinValueValidator(Decimal(0))]


class Strategy(models.TextChoices):
    """How a circuit's capacity is shared among those who want more than it has."""

    EQUAL = "equal", _("Equal share")
    FIRST_COME = "first_come", _("First come, first served")
    PRIORITY = "priority", _("By priority")
    DEADLINE = "deadline", _("By departure time and energy wanted")
    PRICE = "price", _("Cheapest hours before departure")
    SOLAR = "solar", _("Solar surplus")


class Circuit(TenantOwned):
    """A fuse and what hangs on it. The root of a tree (the site's connection) carries the strategy of the whole tree."""

    class Kind(models.TextChoices):
        CONNECTION = "connection", _("Site connection")
        FEEDER = "feeder", _("Feeder")
        GROUP = "group", _("Group")
        CONNECTOR = "connector", _("Connector")

    class Unit(models.TextChoices):
        AMPERE = "A", _("A on each phase")
        WATT = "W", _("W in all")

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CONNECTION)
    site = TenantForeignKey(Site, on_delete=models.SET_NULL, null=True, blank=True, related_name="circuits")
    parent = TenantForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    enabled = models.BooleanField(default=True, help_text=_("Off: nothing is sent for it and its members."))

    unit = models.CharField(max_length=1, choices=Unit.choices, default=Unit.AMPERE)
    capacity = models.DecimalField(max_digits=10, decimal_places=1, validators=POSITIVE)
    phases = models.PositiveSmallIntegerField(default=3, choices=[(1, _("One")), (3, _("Three"))])
    voltage = models.PositiveSmallIntegerField(
        default=230,
        validators=[MinValueValidator(100), MaxValueValidator(500)],
        help_text=_("Between a phase and neutral."),
    )
    base_load_a = models.DecimalField(
        max_digits=8,
        decimal_places=1,
        default=Decimal(0),
        validators=POSITIVE,
        help_text=_("A on each phase that others than chargers may take; with a meter: while it is silent."),
    )

    # Of the root, for its whole tree.
    strategy = models.CharField(max_length=12, choices=Strategy.choices, default=Strategy.EQUAL)
    minimum_a = models.DecimalField(
        max_digits=5, decimal_places=1, default=Decimal(6), validators=POSITIVE, help_text=_("Less than this: pause.")
    )
    fallback_a = models.DecimalField(
        max_digits=5,
        decimal_places=1,
        default=Decimal(0),
        validators=POSITIVE,
        help_text=_("What a station lets a session take that it has heard nothing of: also while it is offline."),
    )
    rotation_s = models.PositiveIntegerField(
        default=900, help_text=_("Seconds after which one who waits gets a turn where not all can have the minimum.")
    )
    raise_step_a = models.DecimalField(
        max_digits=5, decimal_places=1, null=True, blank=True, validators=POSITIVE, help_text=_("Empty: no ramp.")
    )
    hysteresis_a = models.DecimalField(
        max_digits=5,
        decimal_places=1,
        default=Decimal(1),
        validators=POSITIVE,
        help_text=_("A limit is raised by no less than this."),
    )
    hold_s = models.PositiveIntegerField(default=30, help_text=_("Seconds between two raises of one connector."))
    lend = models.BooleanField(default=True, help_text=_("Lend what a car doesn't take to others."))
    tolerance_percent = models.PositiveSmallIntegerField(
        default=10, help_text=_("How far over its limit a connector may be measured.")
    )
    tolerance_s = models.PositiveIntegerField(default=60, help_text=_("And for how many seconds."))
    price_zone = models.CharField(max_length=40, blank=True)
    solar_import_a = models.DecimalField(
        max_digits=8,
        decimal_places=1,
        default=Decimal(0),
        validators=POSITIVE,
        help_text=_("A on each phase that solar charging may take from the grid."),
    )

    # The site's own meter, told by API. It may measure the whole connection, or only what is not charging.
    has_meter = models.BooleanField(default=False)
    meter_counts_chargers = models.BooleanField(default=True)
    meter_silent_s = models.PositiveIntegerField(
        default=120, help_text=_("Seconds after which the last reading of the meter says nothing any more.")
    )
    over_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("Since when more is measured than it may carry.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="circuit_once_per_tenant"),
            models.CheckConstraint(condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="circuit_not_in_itself"),
            models.CheckConstraint(condition=Q(capacity__gte=0), name="circuit_capacity_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name


class CircuitMember(TenantOwned):
    """A connector on a circuit. `wiring`: which of the circuit's phases its own L1, L2, L3 hang on."""

    class Wiring(models.TextChoices):
        RST = "RST", "L1-L2-L3"
        STR = "STR", "L2-L3-L1"
        TRS = "TRS", "L3-L1-L2"
        RTS = "RTS", "L1-L3-L2"
        SRT = "SRT", "L2-L1-L3"
        TSR = "TSR", "L3-L2-L1"
        R = "R", "L1"
        S = "S", "L2"
        T = "T", "L3"

    circuit = TenantForeignKey(Circuit, on_delete=models.CASCADE, related_name="members")
    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="circuit_members")
    evse_number = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    wiring = models.CharField(max_length=3, choices=Wiring.choices, default=Wiring.RST)
    max_a = models.DecimalField(
        max_digits=6,
        decimal_places=1,
        default=Decimal(32),
        validators=POSITIVE,
        help_text=_("What it takes at most when nobody limits it: its own fuse, its hardware."),
    )
    minimum_a = models.DecimalField(
        max_digits=5, decimal_places=1, null=True, blank=True, validators=POSITIVE, help_text=_("Empty: the circuit's.")
    )
    fallback_a = models.DecimalField(
        max_digits=5, decimal_places=1, null=True, blank=True, validators=POSITIVE, help_text=_("Empty: the circuit's.")
    )
    priority = models.SmallIntegerField(default=0, help_text=_("Higher goes first."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["charge_point", "evse_number"]
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "evse_number"], name="connector_on_one_circuit"),
            models.CheckConstraint(condition=Q(evse_number__gte=1), name="member_is_a_connector"),
        ]

    def __str__(self) -> str:
        return f"{self.charge_point} / {self.evse_number}"


class Allotment(TenantOwned):
    """What a member may take: the ledger that keeps the fuse. Written under the lock of the circuit's root only.

    `worst_a` is the highest limit that the station may be following now, whatever was lost on the way.
    """

    class State(models.TextChoices):
        UNKNOWN = "unknown", _("Not known")
        CONFIRMED = "confirmed", _("Confirmed")
        SENDING = "sending", _("Being sent")
        FAILED = "failed", _("Not confirmed")
        OFFLINE = "offline", _("Offline")

    member = TenantOneToOneField(CircuitMember, on_delete=models.CASCADE, related_name="allotment")
    transaction_id = models.BigIntegerField(null=True, blank=True, help_text=_("The session that the limit is for."))
    state = models.CharField(max_length=10, choices=State.choices, default=State.UNKNOWN)
    reason = models.CharField(max_length=40, blank=True)
    target_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)
    sent_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)
    confirmed_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)
    worst_a = models.DecimalField(max_digits=6, decimal_places=1)
    # The highest limit of the session's that may be in force if the last one sent isn't.
    before_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)
    # The default profile that holds a session back until it has been given a limit: what the station surely holds.
    default_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)
    default_sent_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)
    default_at = models.DateTimeField(null=True, blank=True)
    default_sent_at = models.DateTimeField(null=True, blank=True)
    default_attempts = models.PositiveSmallIntegerField(default=0)
    default_retry_at = models.DateTimeField(null=True, blank=True)
    command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    default_command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    raised_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    # Rotation: since when it has been let charge, or has been waiting.
    served_since = models.DateTimeField(null=True, blank=True)
    waiting_since = models.DateTimeField(null=True, blank=True)
    # What the monitoring has seen: over its limit since, how far it has gone about it, and what it counts with.
    over_since = models.DateTimeField(null=True, blank=True)
    over_stage = models.PositiveSmallIntegerField(default=0)
    kept_since = models.DateTimeField(null=True, blank=True)
    distrusted_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["member"]

    def __str__(self) -> str:
        return f"{self.member}: {self.worst_a} A"

    @property
    def paused_since(self) -> datetime | None:
        """None while it is charged: `waiting_since` is kept through the turn that ends the waiting."""
        return self.waiting_since if self.served_since is None else None


class LimitSent(TenantOwned):
    """One limit sent to one connector, and why. Never changed but for its result."""

    class Result(models.TextChoices):
        SENT = "sent", _("Sent")
        ACCEPTED = "accepted", _("Accepted")
        REJECTED = "rejected", _("Rejected")
        TIMED_OUT = "timed_out", _("No answer")
        FAILED = "failed", _("Failed")
        OFFLINE = "offline", _("Offline")

    circuit = TenantForeignKey(Circuit, on_delete=models.CASCADE, related_name="limits_sent")
    member = TenantForeignKey(
        CircuitMember, on_delete=models.SET_NULL, null=True, blank=True, related_name="limits_sent"
    )
    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="+")
    evse_number = models.PositiveSmallIntegerField()
    transaction_id = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField()
    purpose = models.CharField(max_length=12, default="tx")
    limit_a = models.DecimalField(max_digits=6, decimal_places=1)
    previous_a = models.DecimalField(max_digits=6, decimal_places=1, null=True, blank=True)
    reason = models.CharField(max_length=40)
    cause = models.CharField(max_length=40, blank=True, help_text=_("What set the round off."))
    detail = models.CharField(max_length=255, blank=True)
    command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    result = models.CharField(max_length=10, choices=Result.choices, default=Result.SENT)
    result_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name, verbose_name_plural = "limit sent", "limits sent"
        indexes = [
            models.Index(fields=["tenant", "-at"], name="limits_by_time"),
            models.Index(fields=["circuit", "-at"], name="limits_of_circuit"),
            models.Index(fields=["charge_point", "evse_number", "-at"], name="limits_of_connector"),
            models.Index(fields=["command"], condition=Q(result="sent"), name="limits_open"),
        ]

    def __str__(self) -> str:
        return f"{self.charge_point} / {self.evse_number}: {self.limit_a} A"


class CircuitRound(TenantOwned):
    """One rebalancing of a tree, for the chart and the log. Lists are A on L1, L2, L3."""

    circuit = TenantForeignKey(Circuit, on_delete=models.CASCADE, related_name="rounds")
    at = models.DateTimeField()
    cause = models.CharField(max_length=40)
    strategy = models.CharField(max_length=12)
    active = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0)
    compute_ms = models.FloatField(default=0)
    capacity = models.JSONField(default=list)
    base = models.JSONField(default=list)
    allotted = models.JSONField(default=list)
    worst = models.JSONField(default=list)
    actual = models.JSONField(default=list)
    detail = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["circuit", "-at"], name="rounds_of_circuit")]

    def __str__(self) -> str:
        return f"{self.circuit} · {self.at:%Y-%m-%d %H:%M:%S}"
