"""What a tenant may set about metering."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models import TenantOwned


class MeteringSettings(TenantOwned):
    """One row for each tenant that has changed something; all others have the defaults."""

    hour_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(8)], help_text=_("Days to keep hourly aggregates.")
    )
    day_days = models.PositiveSmallIntegerField(
        default=365, validators=[MinValueValidator(32)], help_text=_("Days to keep daily aggregates.")
    )
    offline_after_minutes = models.PositiveSmallIntegerField(
        default=15, validators=[MinValueValidator(1)], help_text=_("A charge point away for longer raises an alert.")
    )
    silent_after_minutes = models.PositiveSmallIntegerField(
        default=15,
        validators=[MinValueValidator(1)],
        help_text=_("A running session without readings for longer raises an alert."),
    )
    clock_tolerance_seconds = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(5)], help_text=_("A clock further off raises an alert.")
    )
    close_after_hours = models.PositiveSmallIntegerField(
        default=24,
        validators=[MinValueValidator(1)],
        help_text=_("A session without readings for longer is closed, with its last reading."),
    )
    max_session_energy_wh = models.DecimalField(
        max_digits=12,
        decimal_places=3,
        null=True,
        blank=True,
        help_text=_("Energy of a session (Wh); empty: no limit."),
    )
    max_session_duration_s = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Duration of a session (s); empty: no limit.")
    )
    max_session_cost = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True, help_text=_("Cost of a session; empty: no limit.")
    )

    class Meta:
        verbose_name = verbose_name_plural = "metering settings"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="metering_settings_once")]

    def __str__(self) -> str:
        return f"{_('Metering settings')}: {self.tenant}"
