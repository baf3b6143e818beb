"""The form of ReserveNow: through the service, which gives the number, checks tag and connector, and keeps the row."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint, Command, Connector
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import StationOffline
from chargepoints.services.reservation_checks import LONGEST, InvalidExpiry, ReservationRefused, check_expiry
from chargepoints.services.reservations import LONGEST_TOKEN, reserve_now


class ReserveForm(forms.Form):
    """For whom, where, until when. Named as in the message, without reservationId."""

    connectorId = forms.TypedChoiceField(label=_("Connector"), coerce=int)
    idTag = forms.CharField(label=_("Id tag"), max_length=LONGEST_TOKEN)
    expiryDate = forms.DateTimeField(
        label=_("Held until"),
        widget=forms.DateTimeInput({"type": "datetime-local"}),
        help_text=_("At most %(days)s days ahead.") % {"days": LONGEST.days},
    )
    parentIdTag = forms.CharField(
        label=_("Parent tag"),
        max_length=LONGEST_TOKEN,
        required=False,
        help_text=_("Any tag of this group may use it. Empty: the tag's own parent."),
    )

    def __init__(self, data: Any = None, *, station: ChargePoint) -> None:
        super().__init__(data, prefix="payload")
        self.station = station
        known = Connector.objects.filter(charge_point=station, evse__number__gt=0).order_by("evse__number")
        numbers = list(known.values_list("evse__number", flat=True)) or [1]
        choices = [(0, _("Any connector")), *((number, str(number)) for number in numbers)]
        self.fields["connectorId"].choices = choices  # type: ignore[attr-defined]
        self.initial["connectorId"] = numbers[0]

    def clean_expiryDate(self) -> Any:
        at = self.cleaned_data["expiryDate"]
        try:
            check_expiry(at, timezone.now())
        except InvalidExpiry as error:
            raise ValidationError(str(error)) from None
        return at

    def send(self, actor: str) -> Command | None:
        """The command; None where it was refused: the reason stands at its field then."""
        given = self.cleaned_data
        try:
            row = reserve_now(
                charge_point=self.station,
                evse_number=given["connectorId"],
                id_tag=given["idTag"],
                expires_at=given["expiryDate"],
                parent_id_tag=given["parentIdTag"],
                requested_by=actor,
                origin="admin",
            )
        except ReservationRefused as error:
            self.add_error("idTag" if error.reason == "id_tag_not_valid" else "connectorId", str(error))
        except StationOffline:
            self.add_error(None, _("The charge point is offline: nothing can be reserved now."))
        except OcppError as error:
            self.add_error(None, error.description)
        else:
            return row.command
        return None
