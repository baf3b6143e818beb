"""Commands as a person writes them (`call`, bulk, forms), past the services that know more: what is refused of them.

Services that send the same actions themselves say `vetted`.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from chargepoints.models import ChargePoint
from chargepoints.protocol.errors import Code, violation
from chargepoints.services.reservation_rows import refuse_taken_number
from chargepoints.services.secret_payloads import refuse_reserved

INT32 = 2**31 - 1
# (payload, the stations) -> raises OcppError.
StationCheck = Callable[[dict[str, Any], QuerySet[ChargePoint]], None]
_checks: dict[str, StationCheck] = {}
# What is sent or accepted gets a row of ours (`reservation_adoption`, `local_list_adoption`, `file_adoption`), which
# holds these.
_RANGES = {
    "ReserveNow": {"reservationId": (1, INT32), "connectorId": (0, 1000)},
    "SendLocalList": {"listVersion": (1, INT32)},
    "GetLog": {"requestId": (0, INT32)},
    "SignedUpdateFirmware": {"requestId": (0, INT32)},
}


def register_check(action: str, check: StationCheck) -> None:
    """Higher apps register when they are ready what they refuse of an action: `check(payload, stations)`."""
    _checks[action] = check


def check_by_hand(action: str, payload: dict[str, Any]) -> None:
    """OcppError for what nobody sends by hand. Types are the schema's business."""
    refuse_reserved(action, payload)
    for name, (least, most) in _RANGES.get(action, {}).items():
        number = payload.get(name)
        if isinstance(number, int | float) and not least <= number <= most:
            raise violation(Code.PROPERTY, name, f"Between {least} and {most}.")


def check_for_stations(action: str, payload: dict[str, Any], stations: QuerySet[ChargePoint]) -> None:
    """The same, against what these stations have. In their tenant; the payload fits its schema."""
    if action == "ReserveNow":
        refuse_taken_number(stations, payload["reservationId"])
    if (check := _checks.get(action)) is not None:
        check(payload, stations)
