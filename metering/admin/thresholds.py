"""Thresholds, and who is mailed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from chargepoints.admin.pills import pill
from metering.alerts.measurands import measurands
from metering.alerts.services import check_threshold, end_what_it_opened
from metering.alerts.words import number
from metering.events import plain
from metering.models import AlertRecipient, Threshold
from metering.readings import default_unit
from tenants.admin.base import TenantModelAdmin
from tenants.admin.forms import TenantModelForm


class ThresholdForm(TenantModelForm):
    """Says beside the field what can't be."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "measurand" not in self.fields:
            return
        for name in ("min_value", "max_value", "hysteresis"):
            # Without the zeros that the column adds.
            self.initial[name] = plain(getattr(self.instance, name))
        self.fields["min_value"].label, self.fields["max_value"].label = _("Minimum"), _("Maximum")
        self.fields["evse_number"].label = _("Connector")
        self.fields["evse_number"].help_text = _("Empty: all; 0: the main meter of the charge point.")
        self.fields["minimum_duration_s"].label = _("Minimum duration (s)")
        names = measurands()
        if self.instance.measurand and self.instance.measurand not in names:
            names.append(self.instance.measurand)
        choices = [("", "---------"), *((name, _with_unit(name)) for name in names)]
        self.fields["measurand"] = forms.ChoiceField(
            label=_("Measurand"), choices=choices, widget=UnfoldAdminSelectWidget(choices=choices)
        )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        wanted = Threshold(pk=self.instance.pk, tenant_id=self.tenant_id, **given)
        try:
            check_threshold(wanted)
        except ValidationError as error:
            for name, texts in error.message_dict.items():
                self.add_error(name, texts)
        return given


@admin.register(Threshold)
class ThresholdAdmin(TenantModelAdmin):
    """The most specific one for a measurand holds: connector, then charge point, then tenant."""

    form = ThresholdForm
    list_display = ["measurand", "bounds", "place", "severity_shown", "duration", "enabled"]
    list_filter = ["enabled", "severity", "measurand"]
    list_select_related = ["charge_point"]
    search_fields = ["measurand", "charge_point__identity_key"]
    autocomplete_fields = ["charge_point"]
    fieldsets = [
        (
            None,
            {
                "fields": ["measurand", "min_value", "max_value", "severity", "enabled"],
                "description": _(
                    "Values are compared in the unit named with the measurand. A threshold that is switched off at a "
                    "charge point or connector switches the wider ones off there."
                ),
            },
        ),
        (_("Where"), {"fields": ["charge_point", "evse_number", "ac_only"], "description": _("Empty: everywhere.")}),
        (_("How soon"), {"fields": ["hysteresis", "minimum_duration_s"]}),
    ]

    @admin.display(description=_("Bounds"))
    def bounds(self, row: Threshold) -> str:
        unit = default_unit(row.measurand)
        low, high = number(row.min_value), number(row.max_value)
        if row.min_value is None:
            return _("at most %(high)s %(unit)s") % {"high": high, "unit": unit}
        if row.max_value is None:
            return _("at least %(low)s %(unit)s") % {"low": low, "unit": unit}
        return _("%(low)s to %(high)s %(unit)s") % {"low": low, "high": high, "unit": unit}

    @admin.display(description=_("Where"), ordering="charge_point__identity_key")
    def place(self, row: Threshold) -> str:
        if row.charge_point is None:
            return str(_("at every outlet of alternating current") if row.ac_only else _("everywhere"))
        return row.charge_point.identity if row.evse_number is None else f"{row.charge_point} / {row.evse_number}"

    @admin.display(description=_("Severity"), ordering="severity")
    def severity_shown(self, row: Threshold) -> SafeString:
        return pill(row.severity, row.get_severity_display())

    @admin.display(description=_("Minimum duration"), ordering="minimum_duration_s")
    def duration(self, row: Threshold) -> str:
        return f"{row.minimum_duration_s} s" if row.minimum_duration_s else "–"

    def save_model(self, request: HttpRequest, obj: Threshold, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            end_what_it_opened(obj)

    def delete_model(self, request: HttpRequest, obj: Threshold) -> None:
        end_what_it_opened(obj, gone=True)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for threshold in queryset:
            end_what_it_opened(threshold, gone=True)
        super().delete_queryset(request, queryset)


class RecipientForm(TenantModelForm):
    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if AlertRecipient.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("This address is a recipient already."))
        return email


@admin.register(AlertRecipient)
class AlertRecipientAdmin(TenantModelAdmin):
    """One mail for all alerts of a half minute."""

    form = RecipientForm
    list_display = ["email", "minimum_severity", "enabled"]
    list_filter = ["minimum_severity", "enabled"]
    search_fields = ["email"]
    fieldsets = [
        (
            None,
            {
                "description": _(
                    "Told by mail of alerts of this severity and above; those of half a minute come in one mail."
                ),
                "fields": ["email", "minimum_severity", "enabled"],
            },
        )
    ]


def _with_unit(measurand: str) -> str:
    unit = default_unit(measurand)
    return f"{measurand} ({unit})" if unit else measurand
