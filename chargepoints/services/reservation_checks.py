"""May it be reserved? Against what is known; the station has the last word. Every refusal has a name and a sentence."""

from datetime import datetime, timedelta

from django.utils.translation import gettext

from chargepoints.models import ChargePoint, Connector, Reservation, Transaction
from chargepoints.reported_keys import reported_flag, supports_profile
from chargepoints.services.authorize import ACCEPTED
from chargepoints.services.reservation_rows import BROKEN

LONGEST = timedelta(days=7)


class ReservationRefused(Exception):
    """The state of things forbids it. `reason` is its name for programs, the text a sentence for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class InvalidExpiry(ValueError):
    """Not in the future, or too far in it."""


def check_expiry(expires_at: datetime, now: datetime) -> None:
    """Raises InvalidExpiry."""
    if expires_at <= now:
        raise InvalidExpiry(gettext("Must be in the future."))
    if expires_at > now + LONGEST:
        raise InvalidExpiry(gettext("At most %(days)s days ahead.") % {"days": LONGEST.days})


def check_station(station: ChargePoint, evse_number: int) -> None:
    if supports_profile(station, "Reservation") is False:
        raise ReservationRefused(
            "not_supported", gettext("The charge point says that it does not support reservations.")
        )
    if evse_number == 0 and not reported_flag(station, "ReserveConnectorZeroSupported"):
        raise ReservationRefused(
            "connector_zero_not_supported",
            gettext(
                "The charge point does not report that it can reserve any connector (ReserveConnectorZeroSupported)."
            ),
        )
    if station.status in BROKEN:
        raise ReservationRefused(
            station.status.lower(), gettext("The charge point is %(status)s.") % {"status": station.status}
        )


def check_connectors(station: ChargePoint, evse_number: int) -> None:
    """Against what is known; the station has the last word."""
    found = {
        row.evse.number: row
        for row in Connector.objects.select_related("evse").filter(charge_point=station, evse__number__gt=0)
    }
    taken = list(Reservation.objects.filter(charge_point=station, state__in=Reservation.OPEN))
    if any(one.evse_number == evse_number for one in taken) or (found and len(taken) >= len(found)):
        raise ReservationRefused("reserved", gettext("Another reservation holds it."))
    if not found:
        return
    if evse_number and evse_number not in found:
        raise ReservationRefused(
            "unknown_connector",
            gettext("The charge point has no connector %(evse_number)s.") % {"evse_number": evse_number},
        )
    busy = _busy(station)
    held = {one.evse_number for one in taken}
    candidates = [found[evse_number]] if evse_number else [row for number, row in found.items() if number not in held]
    refusals = [_refusal(row, busy) for row in candidates]
    if None not in refusals:
        raise next(one for one in refusals if one is not None)


def _busy(station: ChargePoint) -> set[int]:
    running = Transaction.objects.filter(charge_point=station, state=Transaction.State.ACTIVE, verdict=ACCEPTED)
    return set(running.values_list("evse__number", flat=True))


def _refusal(connector: Connector, busy: set[int]) -> ReservationRefused | None:
    number, status = connector.evse.number, connector.status
    if status in BROKEN:
        return ReservationRefused(
            status.lower(), gettext("Connector %(number)s is %(status)s.") % {"number": number, "status": status}
        )
    if status == "Reserved":
        return ReservationRefused("reserved", gettext("Connector %(number)s is reserved.") % {"number": number})
    if number in busy or status not in {"", "Available"}:
        return ReservationRefused("occupied", gettext("Connector %(number)s is in use.") % {"number": number})
    return None
