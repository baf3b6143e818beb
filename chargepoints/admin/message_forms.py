"""What to look for in the message log."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargepoints.message_pairs import MessageQuery
from chargepoints.models import ChargePoint
from chargepoints.protocol.actions import all_actions

# Of all charge points together, what is rare is looked for in so much of the log: it may grow by thousands of lines a second.
WINDOW = timedelta(hours=1)


class MessageFilter(forms.Form):
    """Of one charge point."""

    direction = forms.ChoiceField(
        label=_("Direction"),
        required=False,
        choices=[("", _("both")), ("in", _("from station")), ("out", _("to station"))],
    )
    action = forms.CharField(
        label=_("Action"), max_length=50, required=False, widget=forms.TextInput({"list": "known-actions", "size": 14})
    )
    start = forms.DateTimeField(
        label=_("From"), required=False, widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    end = forms.DateTimeField(
        label=_("To"), required=False, widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    message_id = forms.CharField(
        label=_("Message id"), max_length=64, required=False, widget=forms.TextInput({"size": 8})
    )
    failed = forms.BooleanField(label=_("Errors only"), required=False)

    def query(self, charge_point_id: int | None) -> MessageQuery:
        """Of a valid form."""
        given = self.cleaned_data
        names = ("direction", "action", "message_id", "start", "end", "failed")
        return MessageQuery(charge_point_id=charge_point_id, **{name: given[name] for name in names})


class FleetMessageFilter(MessageFilter):
    """Of all charge points, or of the one that is named."""

    station = forms.CharField(label=_("Charge point"), max_length=48, required=False)
    field_order = ["station"]

    def clean_station(self) -> ChargePoint | None:
        identity = self.cleaned_data["station"]
        station = ChargePoint.objects.filter(identity_key=identity.lower()).first() if identity else None
        if identity and station is None:
            raise forms.ValidationError(_("There is no such charge point."))
        return station

    def clean(self) -> dict[str, Any]:
        """Without a charge point and a time, what is rare is looked for in the last hour; errors have an index of their own."""
        given: dict[str, Any] = super().clean() or {}
        rare = given.get("action") or given.get("message_id")
        if rare and not given.get("failed") and not given.get("station") and not given.get("start"):
            given["start"] = (given.get("end") or timezone.now()) - WINDOW
            self.narrowed = True
        return given

    narrowed = False


def known_actions(version: str) -> list[str]:
    """To choose from; others can be typed. Empty text: a station that has never come, taken to speak 1.6."""
    return sorted(all_actions(version or "1.6"))
