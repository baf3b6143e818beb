"""Forms of circuits, their members, and grid signals. What the services refuse stands at its field."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.site_field import SiteField
from smartcharging.admin.profile_forms import LocalTimeField
from smartcharging.circuit_rules import Problem
from smartcharging.circuit_selectors import ROOT_FIELDS, subtree_ids
from smartcharging.models import Circuit, CircuitMember
from smartcharging.services.circuits import CircuitRefused
from tenants.admin.forms import TenantModelForm

LABELS = {
    "name": _("Name"),
    "kind": _("Kind"),
    "site": _("Site"),
    "parent": _("Below"),
    "enabled": _("Load management is on"),
    "unit": _("Rated in"),
    "capacity": _("Capacity (A or W)"),
    "phases": _("Phases"),
    "voltage": _("Voltage (V)"),
    "base_load_a": _("Base load (A)"),
    "strategy": _("Strategy"),
    "minimum_a": _("Lowest charging current (A)"),
    "fallback_a": _("Fallback (A)"),
    "rotation_s": _("Turn taking after (s)"),
    "raise_step_a": _("Raise by at most (A)"),
    "hysteresis_a": _("Raise by no less than (A)"),
    "hold_s": _("Between two raises (s)"),
    "lend": _("Lend what is not taken"),
    "tolerance_percent": _("Tolerance (%)"),
    "tolerance_s": _("Tolerance (s)"),
    "price_zone": _("Price zone"),
    "solar_import_a": _("From the grid beside the sun (A)"),
    "has_meter": _("It has a meter of its own"),
    "meter_counts_chargers": _("The meter counts the chargers too"),
    "meter_silent_s": _("The meter is silent after (s)"),
    "circuit": _("Circuit"),
    "wiring": _("Wiring of its L1-L2-L3"),
    "max_a": _("Takes at most (A)"),
    "priority": _("Priority"),
}
# In groups, as they are asked for. What is of the root only is left out below it.
GROUPS = [
    (_("The circuit"), ["name", "kind", "site", "parent", "enabled"]),
    (_("What it carries"), ["unit", "capacity", "phases", "voltage", "base_load_a"]),
    (_("Its own meter"), ["has_meter", "meter_counts_chargers", "meter_silent_s"]),
    (_("How it is shared"), ["strategy", "price_zone", "solar_import_a", "lend", "rotation_s"]),
    (_("Limits of sessions"), ["minimum_a", "fallback_a", "raise_step_a", "hysteresis_a", "hold_s"]),
    (_("When one takes more than it may"), ["tolerance_percent", "tolerance_s"]),
]
FIELDS = [name for _title, names in GROUPS for name in names]


class RefusableForm(TenantModelForm):
    """`refuse` puts the services' reasons at the fields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)

    def refuse(self, error: CircuitRefused) -> None:
        problems: Iterable[Problem] = error.problems
        for problem in problems:
            name = problem.field if problem.field in self.fields else None
            self.add_error(name, f"{problem.sentence} ({problem.reason})")

    def values(self) -> dict[str, Any]:
        """By the model's names, of a valid form."""
        return {name: self.cleaned_data[name] for name in self.fields}


class CircuitForm(RefusableForm):
    """A circuit; below another one without what only a root has."""

    class Meta:
        model = Circuit
        fields = FIELDS

    def __init__(self, *args: Any, below: Circuit | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pk = self.instance.pk
        others = Circuit.objects.exclude(pk__in=subtree_ids([pk])) if pk is not None else Circuit.objects.all()
        site = self.fields["site"] = SiteField(label=LABELS["site"], required=False)
        site.offer()
        parent = self.fields["parent"]
        parent.queryset = others.order_by("name")  # type: ignore[attr-defined]
        parent.empty_label = _("nothing: it is the root of a tree")  # type: ignore[attr-defined]
        if below is not None:
            self.initial.setdefault("parent", below.pk)
            self.initial.setdefault("site", below.site_id)
            self.initial.setdefault("kind", Circuit.Kind.FEEDER)
        if self.initial.get("parent") is not None:
            for name in ROOT_FIELDS:
                self.fields.pop(name, None)

    def values(self) -> dict[str, Any]:
        """One that goes below another one takes that one's settings."""
        given = super().values()
        if given.get("parent") is not None:
            for name in ROOT_FIELDS:
                given.pop(name, None)
        return given

    @property
    def groups(self) -> list[tuple[Any, list[forms.BoundField]]]:
        shown = [(title, [self[name] for name in names if name in self.fields]) for title, names in GROUPS]
        return [group for group in shown if group[1]]


class MemberForm(RefusableForm):
    """What is to be known of a connector on a circuit."""

    priority = forms.IntegerField(
        min_value=-100,
        max_value=100,
        initial=0,
        help_text=_("Higher goes first; what a tag or a session says counts more."),
    )

    class Meta:
        model = CircuitMember
        fields = ["wiring", "max_a", "minimum_a", "fallback_a", "priority"]


class MemberEditForm(MemberForm):
    """The same, and to which circuit it belongs."""

    class Meta(MemberForm.Meta):
        fields = ["circuit", *MemberForm.Meta.fields]


class SignalForm(forms.Form):
    """A limit for a time. Times are on the clock of `zone`."""

    limit = forms.DecimalField(label=_("At most"), min_value=0, max_digits=12, decimal_places=1)
    unit = forms.ChoiceField(label=_("in"), choices=[("A", _("A on each phase")), ("W", _("W in all"))])
    start_at = LocalTimeField(label=_("From"), required=False, max_length=25, help_text=_("Empty: now."))
    end_at = LocalTimeField(label=_("Until"), max_length=25)
    reason = forms.CharField(
        label=_("Reason"), max_length=240, required=False, help_text=_("Such as: the grid operator asked for it.")
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("start_at", "end_at"):
            self.fields[name].zone = zone  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """For the service, of a valid form."""
        given = self.cleaned_data
        name = "limit_a" if given["unit"] == "A" else "limit_w"
        return {name: given["limit"], **{key: given[key] for key in ("start_at", "end_at", "reason")}}

    def refuse(self, reason: str, field: str, sentence: str) -> None:
        name = "limit" if field in ("limit_a", "limit_w") else field
        self.add_error(name if name in self.fields else None, f"{sentence} ({reason})")
