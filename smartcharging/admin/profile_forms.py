"""The form of a charging profile: its fields, its table of periods, and the problems of both at their places."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from smartcharging.admin.period_table import (
    WEEK,
    PeriodRow,
    PeriodTable,
    kind_choice,
    kind_of,
    length_text,
    local_moment,
    read_length,
)
from smartcharging.models import ProfileTemplate, Purpose
from smartcharging.profiles.problems import ProfileProblem
from smartcharging.profiles.shapes import Profile, Schedule
from smartcharging.selectors import profile_of
from smartcharging.services.sending import NEW_ID

KINDS = [
    ("daily", _("Every day")),
    ("weekly", _("Every week")),
    ("absolute", _("Once, at a date and time")),
    ("relative", _("From the start of each session")),
]
UNITS = [("A", _("A on each phase")), ("W", _("W in all"))]
# The last part of a problem's path -> the form's field. Those of a period stand at its row.
FIELD_OF = {
    "connectorId": "connector",
    "connector": "connector",
    "transactionId": "connector",
    "chargingProfilePurpose": "purpose",
    "stackLevel": "stack_level",
    "chargingProfileKind": "kind",
    "recurrencyKind": "kind",
    "validFrom": "valid_from",
    "validTo": "valid_to",
    "duration": "duration",
    "chargingRateUnit": "unit",
    "minChargingRate": "min_rate",
    "name": "name",
    "description": "description",
}
ROW_FIELD_OF = {"limit": "limit", "numberPhases": "phases", "startPeriod": "at"}
PERIODS = "chargingSchedulePeriod"


class LocalTimeField(forms.CharField):
    """A date and time on the site's clock; the form's zone says which. Cleaned: the moment in UTC, or None."""

    widget = forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    zone = ZoneInfo("UTC")

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        at = local_moment(text, self.zone)
        if at is None:
            raise forms.ValidationError(_("A date and time that there is."))
        return at

    def prepare_value(self, value: Any) -> Any:
        return value.astimezone(self.zone).replace(tzinfo=None) if isinstance(value, datetime) else value


class LengthField(forms.CharField):
    """`7:30` -> seconds, or None."""

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        seconds = read_length(text)
        if seconds is None:
            raise forms.ValidationError(_("Hours and minutes, such as 7:30."))
        return seconds


class ProfileForm(forms.Form):
    """A profile; `table` holds its periods. Times are on the clock of `zone`."""

    purpose = forms.ChoiceField(label=_("What for"), choices=Purpose.choices, initial=Purpose.TX_DEFAULT)
    stack_level = forms.IntegerField(
        label=_("Stack level"),
        min_value=0,
        max_value=1000,
        initial=0,
        help_text=_("Where profiles of the same purpose overlap, the highest level holds."),
    )
    unit = forms.ChoiceField(label=_("Limits in"), choices=UNITS, initial="A")
    kind = forms.ChoiceField(label=_("Times are"), choices=KINDS, initial="daily")
    duration = LengthField(
        label=_("Ends after (h:mm)"),
        required=False,
        max_length=12,
        help_text=_("Counted from the first period. Empty: without end; then the last period holds on."),
    )
    valid_from = LocalTimeField(label=_("Valid from"), required=False, max_length=25)
    valid_to = LocalTimeField(label=_("Valid until"), required=False, max_length=25)
    min_rate = forms.DecimalField(
        label=_("Lowest useful rate"),
        required=False,
        min_value=Decimal(0),
        max_digits=10,
        decimal_places=1,
        help_text=_("Only told to the charge point: it changes no limit."),
    )

    def __init__(self, data: QueryDict | None = None, *, zone: ZoneInfo, now: datetime, **kwargs: Any) -> None:
        initial: dict[str, Any] = kwargs.pop("initial", {})
        self.zone, self.now = zone, now
        self.table = PeriodTable.posted(data) if data is not None else initial.pop("table", self.first_table())
        super().__init__(data, initial=initial, **kwargs)
        for name in ("valid_from", "valid_to"):
            self.fields[name].zone = zone  # type: ignore[attr-defined]

    def first_table(self) -> PeriodTable:
        """What most begin with: by night more than by day."""
        return PeriodTable([PeriodRow(at="06:00", limit="8"), PeriodRow(at="22:00", limit="16")])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "kind" in given:
            given["start_at"], given["periods"] = self.table.read(given["kind"], self.zone, self.now)
        return given

    def is_valid(self) -> bool:
        return super().is_valid() and self.table.is_valid

    def profile(self, *, transaction_id: str | None = None) -> Profile:
        """What a valid form says; without an id yet."""
        given = self.cleaned_data
        kind, recurrency = kind_of(given["kind"])
        schedule = Schedule(given["unit"], given["periods"], given["duration"], given["start_at"], given["min_rate"])
        names = ("stack_level", "purpose", "valid_from", "valid_to")
        return Profile(
            profile_id=NEW_ID,
            kind=kind,
            recurrency=recurrency,
            schedule=schedule,
            transaction_id=transaction_id,
            **{name: given[name] for name in names},
        )

    def refuse(self, problems: Iterable[ProfileProblem]) -> None:
        """Puts what `validate_profile` found at its fields, with the reason's name."""
        for problem in problems:
            text = f"{problem.sentence} ({problem.reason})"
            parts = problem.field.split(".")
            row, name = place_of(parts, len(self.table.rows))
            if row is not None:
                in_row = "when" if name == "at" and self.cleaned_data.get("kind") == "absolute" else name
                self.table.rows[row].fault(in_row, text)
            elif parts[-1] == PERIODS:
                self.table.faults.append(text)
            else:
                self.add_error(name if name in self.fields else None, text)

    @property
    def faults(self) -> list[dict[str, Any]]:
        """All that is wrong, for the script: `{name, row, texts}`; name "" is the form, "periods" the table."""
        found: list[dict[str, Any]] = [
            {"name": "" if name == "__all__" else name, "row": None, "texts": [str(text) for text in texts]}
            for name, texts in self.errors.items()
        ]
        for number, row in enumerate(self.table.rows):
            found += [{"name": name, "row": number, "texts": texts} for name, texts in row.faults.items()]
        if self.table.faults:
            found.append({"name": "periods", "row": None, "texts": self.table.faults})
        return found

    @property
    def weekdays(self) -> list[tuple[str, Any]]:
        return WEEK

    @property
    def blank_row(self) -> PeriodRow:
        return PeriodRow()


class StationProfileForm(ProfileForm):
    """For one charge point."""

    connector = forms.TypedChoiceField(label=_("Connector"), coerce=int)
    field_order = ["connector"]

    def __init__(self, *args: Any, connectors: Sequence[tuple[int, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["connector"].choices = connectors  # type: ignore[attr-defined]


class TemplateForm(ProfileForm):
    """A template: no connector, and a name."""

    name = forms.CharField(label=_("Name"), max_length=80)
    description = forms.CharField(label=_("Description"), max_length=240, required=False)
    field_order = ["name", "description"]


class SaveAsForm(forms.Form):
    """The name under which the profile in the editor is kept as a template."""

    name = forms.CharField(label=_("Name"), max_length=80)


def place_of(parts: Sequence[str], rows: int) -> tuple[int | None, str]:
    """(row, field) of a problem's path."""
    if PERIODS in parts:
        rest = parts[parts.index(PERIODS) + 1 :]
        if rest and rest[0].isdigit() and int(rest[0]) < rows:
            return int(rest[0]), ROW_FIELD_OF.get(rest[-1], "limit")
    if parts[-1] == "startSchedule" and rows:
        return 0, "at"
    return None, FIELD_OF.get(parts[-1], "")


def values_of(profile: Profile, zone: ZoneInfo) -> dict[str, Any]:
    """A profile for editing: the form's initial values."""
    kind = kind_choice(profile.kind, profile.recurrency)
    schedule = profile.schedule
    return {
        "purpose": profile.purpose,
        "stack_level": profile.stack_level,
        "kind": kind,
        "unit": schedule.unit,
        "duration": "" if schedule.duration_s is None else length_text(schedule.duration_s),
        "valid_from": profile.valid_from,
        "valid_to": profile.valid_to,
        "min_rate": schedule.min_rate,
        "table": PeriodTable.of(schedule, kind, zone),
    }


def values_of_template(template: ProfileTemplate, zone: ZoneInfo) -> dict[str, Any]:
    """A template for editing, or to begin a profile with."""
    return {**values_of(profile_of(template), zone), "name": template.name, "description": template.description}
