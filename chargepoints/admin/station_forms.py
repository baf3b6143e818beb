"""The forms of what an operator does most with a charge point. Each knows the call that it becomes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

from django import forms
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.models import ChargePoint, Transaction
from chargepoints.protocol.validation import schema
from chargepoints.services.remote_limits import LimitValues

MOST_CONNECTORS = 200


class NumberField(forms.TypedChoiceField):
    """One of the numbers that the form offers; None where none is chosen."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(coerce=int, empty_value=None, **kwargs)


class ActionForm(forms.Form):
    """One action: `SENT` says which field each part of its payload is. `sessions`: those that run on the charge point."""

    SENT: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, data: Any = None, *, station: ChargePoint, sessions: Sequence[Transaction], initial: Any = None
    ) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        self.station, self.sessions = station, sessions

    def payload(self) -> dict[str, Any]:
        """Of a valid form; what is left empty is the station's choice, and isn't sent."""
        given = {name: self.cleaned_data[field] for name, field in self.SENT.items()}
        return {name: value for name, value in given.items() if value not in (None, "")}

    def limits(self) -> LimitValues | None:
        """What the session that it begins is limited to."""
        return None

    def _offer_connectors(self, *first: tuple[str, str]) -> None:
        numbers = self.station.evses.filter(number__gt=0).order_by("number").values_list("number", flat=True)
        choices = [*first, *((str(number), str(number)) for number in numbers[:MOST_CONNECTORS])]
        self.fields["connector"].choices = choices  # type: ignore[attr-defined]


class StartForm(ActionForm):
    """Which connector, which driver (OCPP 1.6 §5.11)."""

    SENT = {"idTag": "id_tag", "connectorId": "connector"}
    connector = NumberField(label=gettext_lazy("Connector"), required=False)
    id_tag = forms.CharField(
        label=gettext_lazy("Id tag"),
        max_length=20,
        help_text=gettext_lazy("The driver's: the session is accounted to it."),
    )
    max_kwh = forms.DecimalField(
        label=gettext_lazy("At most kWh"),
        required=False,
        min_value=Decimal("0.001"),
        max_digits=9,
        decimal_places=3,
        help_text=gettext_lazy("The session is stopped there. Empty: no limit."),
    )
    max_minutes = forms.IntegerField(
        label=gettext_lazy("At most minutes"), required=False, min_value=1, max_value=1_000_000
    )
    max_cost = forms.DecimalField(
        required=False,
        min_value=Decimal("0.0001"),
        max_digits=12,
        decimal_places=4,
        help_text=gettext_lazy("A session with a tariff in another currency is not limited by it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer_connectors(("", _("the station chooses")))
        currency = self.station.tenant.currency
        self.fields["max_cost"].label = _("At most this cost (%(currency)s, with tax)") % {"currency": currency}

    def limits(self) -> LimitValues | None:
        kwh, minutes, cost = (self.cleaned_data[name] for name in ("max_kwh", "max_minutes", "max_cost"))
        limits = LimitValues(kwh and kwh * 1000, minutes and minutes * 60, cost)
        return None if limits == LimitValues() else limits


class StopForm(ActionForm):
    """Which session (OCPP 1.6 §5.12)."""

    SENT = {"transactionId": "session"}
    session = NumberField(label=gettext_lazy("Session"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["session"].choices = [(one.protocol_id, _said(one)) for one in self.sessions]  # type: ignore[attr-defined]
        if len(self.sessions) == 1:
            self.fields["session"].initial = self.sessions[0].protocol_id


class UnlockForm(ActionForm):
    """Which connector (OCPP 1.6 §5.18)."""

    SENT = {"connectorId": "connector"}
    connector = NumberField(label=gettext_lazy("Connector"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer_connectors()


class ResetForm(ActionForm):
    """How (OCPP 1.6 §5.14)."""

    SENT = {"type": "kind"}
    kind = forms.ChoiceField(
        label=gettext_lazy("How"),
        widget=forms.RadioSelect,
        initial="Soft",
        choices=[
            ("Soft", gettext_lazy("Soft: it ends what runs, tells us, then restarts")),
            ("Hard", gettext_lazy("Hard: it restarts at once, as if its power had been cut")),
        ],
    )


class AvailabilityForm(ActionForm):
    """In or out of service (OCPP 1.6 §5.2)."""

    SENT = {"connectorId": "connector", "type": "kind"}
    connector = NumberField(label=gettext_lazy("What"), initial="0")
    kind = forms.ChoiceField(
        label=gettext_lazy("Shall be"),
        widget=forms.RadioSelect,
        choices=[("Inoperative", gettext_lazy("Out of service")), ("Operative", gettext_lazy("In service"))],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer_connectors(("0", _("the whole station")))


class TriggerForm(ActionForm):
    """Which message, of which connector (OCPP 1.6 §5.17)."""

    SENT = {"requestedMessage": "message", "connectorId": "connector"}
    message = forms.ChoiceField(label=gettext_lazy("Message"), initial="StatusNotification")
    connector = NumberField(label=gettext_lazy("Connector"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = schema("1.6", "TriggerMessage")["properties"]["requestedMessage"]["enum"]
        self.fields["message"].choices = [(name, name) for name in known]  # type: ignore[attr-defined]
        self._offer_connectors(("", _("all, or the station")))


def _said(session: Transaction) -> str:
    """`Connector 1: TAG, since 17:05, 12.345 kWh`."""
    energy = "" if session.energy_wh is None else f", {number_format(f'{session.energy_wh / 1000:.3f}')} kWh"
    return _("Connector %(number)s: %(tag)s, since %(time)s%(energy)s") % {
        "number": session.evse.number,
        "tag": session.id_tag,
        "time": date_format(timezone.localtime(session.started_at), "Y-m-d H:i"),
        "energy": energy,
    }


FORMS: Final[dict[str, type[ActionForm]]] = {
    "start": StartForm,
    "stop": StopForm,
    "unlock": UnlockForm,
    "reset": ResetForm,
    "availability": AvailabilityForm,
    "trigger": TriggerForm,
}
