"""Which charge points are meant: those named, or all that match a filter. The filter is the API's."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.site_field import SiteField
from chargepoints.api.charge_points import ChargePointFilter
from chargepoints.models import ChargePoint
from chargepoints.selectors import charge_points

MOST_NAMED = 10_000
CRITERIA = ("site", "tag", "vendor", "model", "search")


class StationsForm(forms.Form):
    """Empty means nobody: never all by mistake."""

    charge_points = forms.CharField(
        label=_("These charge points"),
        required=False,
        max_length=500_000,
        widget=forms.Textarea({"rows": 2}),
        help_text=_("Identities, with blanks or commas. Or, left empty, all that match:"),
    )
    site = SiteField(label=_("at the site"), required=False)
    tag = forms.CharField(label=_("with the tag"), max_length=40, required=False)
    vendor = forms.CharField(label=_("of the vendor"), max_length=100, required=False)
    model = forms.CharField(label=_("of the model"), max_length=100, required=False)
    search = forms.CharField(label=_("found by"), max_length=120, required=False)
    everyone = forms.BooleanField(label=_("all charge points"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].offer()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        named = list(dict.fromkeys(given["charge_points"].replace(",", " ").split()))
        criteria = {name: given[name] for name in CRITERIA if given[name]}
        if "site" in criteria:
            criteria["site"] = criteria["site"].name
        if named:
            given["stations"], given["chosen_by"] = self._named(named), {}
        elif criteria or given["everyone"]:
            given["stations"] = ChargePointFilter(criteria, queryset=charge_points()).qs
            given["chosen_by"] = criteria
        else:
            self.add_error("charge_points", _("Name charge points, or say which."))
        return given

    def _named(self, named: list[str]) -> QuerySet[ChargePoint]:
        keys = [identity.lower() for identity in named[:MOST_NAMED]]
        found = charge_points().filter(identity_key__in=keys)
        known = set(found.values_list("identity_key", flat=True))
        missing = [identity for identity in named if identity.lower() not in known]
        if missing:
            text = _("There is no charge point %(names)s.")
            self.add_error("charge_points", text % {"names": ", ".join(missing[:10])})
        return found
