"""The form of a new rollout: what, to whom, how fast."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.bulk_choice import stations_in
from chargepoints.admin.site_field import SiteField
from chargepoints.models import FirmwareFile
from chargepoints.services.rollouts import Group, InvalidRollout, Plan

FIELDS = {"chargePointIds": "charge_points", "installTime": "install_at", "signed": "signed"}
WHO = ("charge_points", "tags", "site", "vendor", "model", "version")


class RolloutForm(forms.Form):
    """What, to whom, how fast."""

    # Chosen in the list of charge points: their numbers. Then nothing else says who is meant.
    stations = forms.CharField(required=False, max_length=500_000, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=120)
    firmware = forms.ModelChoiceField(label=_("Firmware"), queryset=FirmwareFile.objects.none())
    charge_points = forms.CharField(
        label=_("These charge points"),
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text=_("Identities, with blanks or commas. Or, left empty, all that fit:"),
    )
    tags = forms.CharField(label=_("with all of these tags"), max_length=400, required=False)
    site = SiteField(label=_("at the site"), required=False)
    vendor = forms.CharField(label=_("of the vendor"), max_length=50, required=False)
    model = forms.CharField(label=_("of the model"), max_length=50, required=False)
    version = forms.CharField(label=_("with the firmware version"), max_length=100, required=False)
    wave_size = forms.IntegerField(label=_("Stations in a wave"), min_value=1, max_value=1000, initial=10)
    allowed_failures = forms.IntegerField(
        label=_("Stop when more than so many have failed"), min_value=0, max_value=10_000, initial=1
    )
    wave_hours = forms.IntegerField(
        label=_("Hours until a station that has not finished has failed"), min_value=1, max_value=720, initial=4
    )
    start_at = forms.DateTimeField(
        label=_("Begin at"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}),
        help_text=_("Empty: now."),
    )
    signed = forms.BooleanField(label=_("As signed updates (security extension)"), required=False)
    install_at = forms.DateTimeField(
        label=_("Install at (signed updates only)"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["firmware"].queryset = FirmwareFile.objects.all()  # type: ignore[attr-defined]
        self.fields["site"].offer()  # type: ignore[attr-defined]
        picked = self["stations"].value()
        self.picked = stations_in(str(picked)) if picked else None
        if self.picked is not None:
            for name in WHO:
                del self.fields[name]

    def group(self) -> Group:
        """What a firmware isn't for is left out: the page that asks says so."""
        given = self.cleaned_data
        if self.picked is not None:
            identities = tuple(self.picked.order_by("identity_key").values_list("identity", flat=True))
            return Group(charge_points=identities, leave_out=True)
        named = tuple(dict.fromkeys(given["charge_points"].replace(",", " ").split()))
        if named:
            return Group(charge_points=named, leave_out=True)
        return Group(
            tags=tuple(tag.strip() for tag in given["tags"].split(",") if tag.strip()),
            site=given["site"].name if given["site"] else "",
            vendor=given["vendor"],
            model=given["model"],
            version=given["version"],
        )

    def plan(self) -> Plan:
        names = ("name", "signed", "start_at", "install_at", "wave_size", "allowed_failures", "wave_hours")
        return Plan(**{name: self.cleaned_data[name] for name in names})

    def refuse(self, error: InvalidRollout) -> None:
        for name, text in error.errors.items():
            field = FIELDS.get(name)
            self.add_error(field if field in self.fields else None, text)
