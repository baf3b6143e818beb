"""Forms for commands, made from the JSON schema of the action: what the station will be sent, and when.

Nested parts are JSON text; the whole is checked against the schema, a fault stands at the field that it is in.
"""

from datetime import datetime
from typing import Any

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

from chargepoints.api.command_requests import LONGEST_AHEAD, LONGEST_TIMEOUT_S
from chargepoints.protocol.actions import actions_to_station
from chargepoints.protocol.errors import OcppError
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.protocol.validation import schema
from chargepoints.services.bulk import DEFAULT_CONCURRENCY, MOST_CONCURRENCY
from chargepoints.services.commands import check_command
from chargepoints.services.hand_checks import check_by_hand
from tenants.api.parsers import check_values

Title = str | Promise
# The order in which people look for them; what a newer version adds stands under "More".
GROUPS: list[tuple[Title, list[str]]] = [
    (_("Sessions"), ["RemoteStartTransaction", "RemoteStopTransaction", "UnlockConnector"]),
    (_("Charge point"), ["Reset", "ChangeAvailability", "TriggerMessage", "ExtendedTriggerMessage", "DataTransfer"]),
    (_("Configuration"), ["GetConfiguration", "ChangeConfiguration"]),
    (
        _("Authorization and reservations"),
        ["ClearCache", "GetLocalListVersion", "SendLocalList", "ReserveNow", "CancelReservation"],
    ),
    (_("Smart charging"), ["SetChargingProfile", "ClearChargingProfile", "GetCompositeSchedule"]),
    (_("Firmware and logs"), ["UpdateFirmware", "SignedUpdateFirmware", "GetDiagnostics", "GetLog"]),
    (
        _("Certificates"),
        ["InstallCertificate", "DeleteCertificate", "GetInstalledCertificateIds", "CertificateSigned"],
    ),
]
# Above this a line of text needs more than a line.
SHORT_TEXT = 255
LONGEST_JSON = 60_000


def action_groups(version: str) -> list[tuple[Title, list[str]]]:
    """All actions that stations of `version` are sent, in groups."""
    known = actions_to_station(version)
    groups = [(title, [name for name in names if name in known]) for title, names in GROUPS]
    more = sorted(known - {name for _title, names in groups for name in names})
    return [group for group in [*groups, (_("More"), more)] if group[1]]


class StrictJSONField(forms.CharField):
    """JSON text, read as strictly as the API does: no NaN, no depth without end, nothing that can't be stored."""

    widget = forms.Textarea({"rows": 8, "cols": 60, "spellcheck": "false", "style": "font-family:monospace"})

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            parsed = orjson.loads(text)
            check_values(parsed)
        except orjson.JSONDecodeError as error:
            raise ValidationError(_("Not JSON: %(fault)s") % {"fault": error}) from None
        except APIException as error:
            raise ValidationError(str(error.detail)) from None
        return parsed


class PayloadForm(forms.Form):
    """The payload of one action."""

    def __init__(self, data: Any = None, *, version: str, action: str) -> None:
        """KeyError for an action that isn't one."""
        self.version, self.action = version, action
        if action not in actions_to_station(version):
            raise KeyError(action)
        super().__init__(data, prefix="payload", label_suffix="", use_required_attribute=True)
        definition = schema(version, action)
        required = set(definition.get("required", ()))
        for name, described in definition.get("properties", {}).items():
            self.fields[name] = _field(name, _resolved(described, definition), required=name in required)

    def clean(self) -> dict[str, Any]:
        cleaned = dict(self.cleaned_data)
        if not self.errors:
            self.payload = {name: _plain(value) for name, value in cleaned.items() if value not in (None, "")}
            try:
                check_by_hand(self.action, self.payload)
                check_command(self.version, self.action, self.payload)
            except OcppError as error:
                self.add_faults(error)
        return cleaned

    def add_faults(self, error: OcppError) -> None:
        """What a service refuses, at the fields."""
        for fault in error.details.get("errors") or [{"path": "", "fault": error.description}]:
            name, _dot, inner = fault["path"].partition(".")
            text = f"{inner}: {fault['fault']}" if inner else fault["fault"]
            known = name in self.fields
            self.add_error(name if known else None, text if known or not fault["path"] else f"{fault['path']}: {text}")


class SendingForm(forms.Form):
    """When, and how long to wait."""

    wait_until = forms.DateTimeField(
        label=_("Wait for an offline charge point until"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}),
        help_text=_("Empty: it is sent now or not at all."),
    )

    def clean_wait_until(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["wait_until"]
        if at is not None and not timezone.now() < at <= timezone.now() + LONGEST_AHEAD:
            raise ValidationError(_("A time to come, within a year."))
        return at


class SendOneForm(SendingForm):
    """To one charge point."""

    timeout_s = forms.IntegerField(
        label=_("Seconds to answer"),
        required=False,
        min_value=1,
        max_value=LONGEST_TIMEOUT_S,
        help_text=_("Empty: 30."),
    )


class SendManyForm(SendingForm):
    """To many."""

    concurrency = forms.IntegerField(
        label=_("Charge points asked at a time"),
        min_value=1,
        max_value=MOST_CONCURRENCY,
        initial=DEFAULT_CONCURRENCY,
    )


def _resolved(described: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    """The property's schema, a reference followed."""
    reference = described.get("$ref")
    if reference is None:
        return described
    found: dict[str, Any] = definition["definitions"][reference.rpartition("/")[2]]
    return found


def _field(name: str, described: dict[str, Any], *, required: bool) -> forms.Field:
    shared: dict[str, Any] = {"label": name, "required": required}
    kind = described.get("type")
    if "enum" in described:
        choices = [("", "–"), *((value, value) for value in described["enum"])]
        return forms.ChoiceField(choices=choices, **shared)
    if kind == "integer":
        return forms.IntegerField(min_value=-(2**31), max_value=2**31 - 1, **shared)
    if kind == "number":
        return forms.FloatField(**shared)
    if kind == "boolean":
        return forms.TypedChoiceField(
            choices=[("", "–"), ("true", _("Yes")), ("false", _("No"))],
            coerce=lambda text: text == "true",
            empty_value=None,
            **shared,
        )
    if kind in {"object", "array"}:
        hint = _("JSON: a list.") if kind == "array" else _("JSON: an object.")
        return StrictJSONField(max_length=LONGEST_JSON, help_text=hint, **shared)
    if described.get("format") == "date-time":
        return forms.DateTimeField(widget=forms.DateTimeInput({"type": "datetime-local"}), **shared)
    longest = described.get("maxLength")
    widget = forms.TextInput if longest is not None and longest <= SHORT_TEXT else forms.Textarea({"rows": 3})
    return forms.CharField(max_length=longest or LONGEST_JSON, widget=widget, **shared)


def _plain(value: Any) -> Any:
    return format_timestamp(value) if isinstance(value, datetime) else value
