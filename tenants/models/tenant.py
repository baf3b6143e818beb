"""Tenant: one operator of charge points, walled off from all others."""

from typing import Any

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.currencies import validate_currency
from tenants.databases.names import MAIN, is_known
from tenants.validators import validate_time_zone, validate_topic_prefix


class Tenant(models.Model):
    """A company that runs charge points on this system."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        # No sockets, no API, no deliveries; its people may only read.
        SUSPENDED = "suspended", _("Suspended")
        # Its rows are on the way to another database (manage.py move_tenant): as suspended, and to be tried again soon.
        MOVING = "moving", _("Being moved")
        # Part of its data is gone: there is no way back (manage.py delete_tenant).
        ERASING = "erasing", _("Being deleted")

    class UnknownChargePoints(models.TextChoices):
        REJECT = "reject", _("Reject")
        PENDING = "pending", _("Wait for an operator")
        ACCEPT = "accept", _("Accept")

    class UnknownIdTags(models.TextChoices):
        REJECT = "reject", _("Reject")
        ACCEPT = "accept", _("Accept")

    class TwoFactor(models.TextChoices):
        """The least role that must have a second factor."""

        NOBODY = "", _("Nobody")
        ADMINS = "admin", _("Administrators")
        OPERATORS = "operator", _("Administrators and operators")
        EVERYBODY = "viewer", _("Everybody")

    slug = models.CharField(
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*\Z", _("Lower-case letters, digits and hyphens."))],
        help_text=_("Short name in URLs and in charge point addresses."),
    )
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    timezone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text=_("Of its days in charts, bills and mails; a site may have its own."),
    )
    currency = models.CharField(
        max_length=3,
        default="EUR",
        validators=[validate_currency],
        help_text=_("ISO 4217. Of sessions without a tariff, of limits of cost, and of new tariffs and prices."),
    )
    heartbeat_interval = models.PositiveIntegerField(
        default=300, validators=[MinValueValidator(1)], help_text=_("Seconds between heartbeats.")
    )
    unknown_charge_points = models.CharField(
        max_length=8, choices=UnknownChargePoints.choices, default=UnknownChargePoints.REJECT
    )
    unknown_id_tags = models.CharField(max_length=8, choices=UnknownIdTags.choices, default=UnknownIdTags.REJECT)
    allow_unauthenticated = models.BooleanField(
        default=False, help_text=_("Allow security profile 0: charge points without a password.")
    )
    two_factor = models.CharField(
        max_length=10,
        choices=TwoFactor.choices,
        default=TwoFactor.NOBODY,
        db_default="",
        blank=True,
        help_text=_("Who must sign in with a code besides the password."),
    )
    max_charge_points = models.PositiveIntegerField(null=True, blank=True, help_text=_("Empty: no limit."))
    api_rate_limit = models.PositiveIntegerField(default=600, help_text=_("API requests per minute."))
    queue_enabled = models.BooleanField(default=True, help_text=_("Queue events for webhooks and MQTT."))
    mqtt_topic_prefix = models.CharField(
        max_length=64,
        default="ocpp",
        blank=True,
        validators=[validate_topic_prefix],
        help_text=_("What its MQTT topics begin with; empty: ocpp."),
    )
    message_log_enabled = models.BooleanField(default=True, help_text=_("Keep the raw OCPP messages."))
    message_log_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Days to keep raw OCPP messages; empty: as the system is set.")
    )
    desired_configuration = models.JSONField(
        default=dict, blank=True, help_text=_("Configuration keys that its stations are set to, with their values.")
    )
    test_data = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text=_("Made up by manage.py create_test_data: may be deleted without an export."),
    )
    database = models.CharField(
        max_length=32,
        default=MAIN,
        db_default=MAIN,
        blank=True,
        editable=False,
        help_text=_("Where its data is kept; empty: in the main database. Changed by manage.py move_tenant only."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """All fields but the place: a form that was read before a move must not lead back to where nothing is any more."""
        if not self._state.adding and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = [
                field.name for field in self._meta.concrete_fields if not field.primary_key and field.name != "database"
            ]
        super().save(*args, **kwargs)

    @property
    def is_active(self) -> bool:
        """Whether its stations and programs may work here: not suspended, and in a database that this process knows."""
        return self.status == self.Status.ACTIVE and is_known(self.database)

    @property
    def is_moving(self) -> bool:
        """Its rows are on the way to another database: whoever comes is asked to come again soon."""
        return self.status == self.Status.MOVING
