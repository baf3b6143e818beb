"""Charging profiles as the stations hold them, their templates, and what comparing schedules has shown."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint, Command, Transaction
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class Purpose(models.TextChoices):
    """What a profile is for, in neutral form: 1.6 and 2.x spell the first differently."""

    STATION_MAX = "station_max", _("Limit of the whole station")
    TX_DEFAULT = "tx_default", _("Default of sessions")
    TX = "tx", _("One session")


class Kind(models.TextChoices):
    """What the schedule's start is counted from."""

    ABSOLUTE = "absolute", _("A date and time")
    RECURRING = "recurring", _("Again and again")
    RELATIVE = "relative", _("The start of the session")


class Recurrency(models.TextChoices):
    DAILY = "daily", _("Daily")
    WEEKLY = "weekly", _("Weekly")


class ProfileFields(TenantOwned):
    """What a profile and a template share. `schedule` is `profiles.shapes.Schedule` as JSON."""

    purpose = models.CharField(max_length=12, choices=Purpose.choices)
    stack_level = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    recurrency = models.CharField(max_length=8, choices=Recurrency.choices, blank=True)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True)
    schedule = models.JSONField()

    class Meta:
        abstract = True


class ProfileTemplate(ProfileFields):
    """A profile with a name ("overnight"), to be sent to one station or to many."""

    name = models.CharField(max_length=80)
    description = models.CharField(max_length=240, blank=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="profile_template_once")]

    def __str__(self) -> str:
        return self.name


class ChargingProfile(ProfileFields):
    """A profile that was sent to a station: installed once it has accepted it; ended rows are the history."""

    class State(models.TextChoices):
        SENDING = "sending", _("Being sent")
        INSTALLED = "installed", _("Installed")
        REJECTED = "rejected", _("Not taken")
        REPLACED = "replaced", _("Replaced")
        CLEARED = "cleared", _("Cleared")
        # By the station itself: its session ended, it booted, or it reports a schedule without it.
        DROPPED = "dropped", _("Dropped by the station")

    class Source(models.TextChoices):
        PERSON = "person", _("A person or program")
        TEMPLATE = "template", _("A template")
        REMOTE_START = "remote_start", _("A remote start")
        CIRCUIT = "circuit", _("Load management")

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="charging_profiles")
    evse_number = models.PositiveSmallIntegerField(help_text=_("Connector; 0: the whole station."))
    profile_id = models.IntegerField(help_text=_("What the station knows it by (chargingProfileId)."))
    transaction = TenantForeignKey(
        Transaction, on_delete=models.CASCADE, null=True, blank=True, related_name="charging_profiles"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.SENDING)
    source = models.CharField(max_length=12, choices=Source.choices, default=Source.PERSON)
    template = TenantForeignKey(
        ProfileTemplate, on_delete=models.SET_NULL, null=True, blank=True, related_name="profiles"
    )
    command = TenantForeignKey(
        Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="charging_profiles"
    )
    requested_by = models.CharField(max_length=150, blank=True)
    detail = models.CharField(max_length=255, blank=True, help_text=_("Why it was not taken, or how it ended."))
    created_at = models.DateTimeField(auto_now_add=True)
    installed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["charge_point", "evse_number", "purpose", "stack_level"],
                condition=Q(state="installed"),
                name="one_profile_per_place",
            ),
            models.UniqueConstraint(
                fields=["charge_point", "profile_id"], condition=Q(state="installed"), name="profile_id_once"
            ),
        ]
        indexes = [
            models.Index(fields=["charge_point", "-created_at"], name="profiles_of_station"),
            models.Index(
                fields=["charge_point"], condition=Q(state__in=["sending", "installed"]), name="profiles_held_there"
            ),
            models.Index(
                fields=["transaction"], condition=Q(state__in=["sending", "installed"]), name="profiles_of_session"
            ),
            models.Index(fields=["command"], condition=Q(state="sending"), name="profiles_being_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} · {self.charge_point}"


class ScheduleCheck(TenantOwned):
    """The last comparison of our composite schedule of a connector with the one that the station reports."""

    class Result(models.TextChoices):
        EQUAL = "equal", _("The same")
        DIFFERS = "differs", _("Differs")
        UNSUPPORTED = "unsupported", _("Not reported")
        FAILED = "failed", _("No answer")

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="schedule_checks")
    evse_number = models.PositiveSmallIntegerField()
    result = models.CharField(max_length=12, choices=Result.choices)
    checked_at = models.DateTimeField()
    unit = models.CharField(max_length=1, blank=True)
    duration_s = models.PositiveIntegerField(default=0)
    ours = models.JSONField(default=list, blank=True)
    reported = models.JSONField(default=list, blank=True)
    differs_since = models.DateTimeField(null=True, blank=True)
    mended_at = models.DateTimeField(null=True, blank=True)
    mends = models.PositiveIntegerField(default=0, help_text=_("How often in a row it was sent again for this."))
    detail = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-checked_at"]
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "evse_number"], name="schedule_check_once_per_connector")
        ]

    def __str__(self) -> str:
        return f"{self.charge_point} / {self.evse_number}: {self.result}"
