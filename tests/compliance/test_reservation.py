"""Reservations: used, expired, refused, cancelled."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.services.reservation_sweep import sweep_reservations
from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, at
from tests.conftest import eventually


async def reserve(operator: Operator, station: ScriptedStation, **fields: Any) -> Any:
    """ReserveNow, answered with Accepted; what the station was asked."""
    station.answers["ReserveNow"] = {"status": "Accepted"}
    wanted, expires = {"connectorId": 1, **fields}, at(minutes=15)
    command = await operator.tell("reserve-now", {**wanted, "expiryDate": expires})
    assert (command["status"], command["action"]) == ("accepted", "ReserveNow")
    asked = await station.was_asked("ReserveNow")
    assert wanted.items() <= asked.items()
    assert datetime.fromisoformat(asked["expiryDate"]) == datetime.fromisoformat(expires)
    await is_in(operator, "active")
    return asked


async def is_in(operator: Operator, status: str) -> Any:
    """The only reservation, once it has this status."""

    async def look() -> Any:
        [row] = await operator.get("reservations?chargePointId=CP1")
        return row if row["status"] == status else None

    return await eventually(look)


async def charge_reserved(station: ScriptedStation, asked: Any, tag: str, connector_id: int = 1) -> Any:
    """The session that uses it, as the station says."""
    assert await station.authorize(tag) == "Accepted"
    await station.is_now("Preparing", connector_id)
    started = await station.start_session(tag, connector_id=connector_id, reservation_id=asked["reservationId"])
    assert started.id_tag_info["status"] == "Accepted"
    await station.is_now("Charging", connector_id)
    return started


async def test_046_reservation_of_a_connector_used(operator: Operator, station: ScriptedStation) -> None:
    """Reservation of a connector, used by its tag"""
    tag = await operator.add_tag()
    asked = await reserve(operator, station, idTag=tag)
    await station.is_now("Reserved")
    assert (await operator.connector())["status"] == "Reserved"
    await charge_reserved(station, asked, tag)
    session = await operator.session()
    used = await is_in(operator, "used")
    assert (used["reservationId"], used["sessionId"]) == (asked["reservationId"], session["id"])
    assert session["flags"] == []


async def test_047_reservation_of_a_connector_expires(operator: Operator, station: ScriptedStation) -> None:
    """Reservation of a connector, expired: the next one may take it"""
    tag = await operator.add_tag()
    await reserve(operator, station, idTag=tag)
    await station.is_now("Reserved")
    assert await asyncio.to_thread(sweep_reservations, timezone.now()) == 0
    assert await asyncio.to_thread(sweep_reservations, timezone.now() + timedelta(minutes=16)) == 1
    await station.is_now("Available")
    await is_in(operator, "expired")
    other = await operator.add_tag("OTHER")
    await station.charge(other)
    assert (await operator.session())["flags"] == []


async def assert_refused(operator: Operator, station: ScriptedStation, status: str, connector_id: int) -> None:
    """The station's word for why not is the end of the reservation."""
    station.answers["ReserveNow"] = {"status": status}
    wanted = {"connectorId": connector_id, "idTag": await operator.add_tag(), "expiryDate": at(minutes=15)}
    command = await operator.tell("reserve-now", wanted)
    assert (command["status"], command["reply"]) == ("rejected", {"status": status})
    assert (await station.was_asked("ReserveNow"))["connectorId"] == connector_id
    ended = await is_in(operator, "rejected")
    assert (ended["detail"], ended["connectorId"]) == (status, connector_id)


async def test_048_1_reservation_of_a_connector_faulted(operator: Operator, station: ScriptedStation) -> None:
    """Reservation of a connector, refused: faulted"""
    await assert_refused(operator, station, "Faulted", 1)


async def test_048_2_reservation_of_a_connector_occupied(operator: Operator, station: ScriptedStation) -> None:
    """Reservation of a connector, refused: occupied"""
    await assert_refused(operator, station, "Occupied", 1)


async def assert_known(operator: Operator, station: ScriptedStation, status: str) -> None:
    """A connector that we know to be taken isn't asked for; where an operator insists, the station has the word."""
    wanted = {"connectorId": 1, "idTag": await operator.add_tag(), "expiryDate": at(minutes=15)}
    await operator.tell("reserve-now", wanted, status=409)
    assert station.was_not_asked("ReserveNow")
    station.answers["ReserveNow"] = {"status": status}
    command = await operator.call("ReserveNow", {**wanted, "reservationId": 4711})
    assert (await station.was_asked("ReserveNow"))["reservationId"] == 4711
    assert (command["status"], command["reply"]) == ("rejected", {"status": status})
    assert await operator.get("reservations") == []


async def test_048_2_reservation_of_a_connector_known_to_be_occupied(
    operator: Operator, station: ScriptedStation
) -> None:
    """Reservation of a connector, refused: plugged in, as we know"""
    await station.is_now("Preparing")
    await assert_known(operator, station, "Occupied")


async def test_048_3_reservation_of_a_connector_known_to_be_unavailable(
    operator: Operator, station: ScriptedStation
) -> None:
    """Reservation of a connector, refused: made unavailable by us"""
    station.answers["ChangeAvailability"] = {"status": "Accepted"}
    await operator.tell("change-availability", {"connectorId": 1, "type": "Inoperative"})
    assert await station.was_asked("ChangeAvailability") == {"connectorId": 1, "type": "Inoperative"}
    await station.is_now("Unavailable")
    await assert_known(operator, station, "Unavailable")


async def test_048_3_reservation_of_a_connector_unavailable(operator: Operator, station: ScriptedStation) -> None:
    """Reservation of a connector, refused: unavailable"""
    await assert_refused(operator, station, "Unavailable", 1)


async def test_048_4_reservation_of_a_connector_rejected(operator: Operator, station: ScriptedStation) -> None:
    """Reservation of a connector, refused: rejected"""
    await assert_refused(operator, station, "Rejected", 1)


async def allow_connector_zero(operator: Operator, station: ScriptedStation) -> None:
    """The station reports that it can reserve any of its connectors."""
    key = {"key": "ReserveConnectorZeroSupported", "readonly": True, "value": "true"}
    station.answers["GetConfiguration"] = {"configurationKey": [key], "unknownKey": []}
    await operator.get("chargepoints/CP1/configuration?refresh=true&keys=ReserveConnectorZeroSupported")


async def test_049_reservation_of_a_charge_point_used(operator: Operator, station: ScriptedStation) -> None:
    """Reservation of any connector of the station, used on one of them"""
    await allow_connector_zero(operator, station)
    tag = await operator.add_tag()
    asked = await reserve(operator, station, idTag=tag, connectorId=0)
    await station.is_now("Reserved", 0)
    await charge_reserved(station, asked, tag, connector_id=2)
    used = await is_in(operator, "used")
    session = await operator.session()
    assert (used["connectorId"], session["connectorId"], used["sessionId"]) == (0, 2, session["id"])


@pytest.mark.parametrize("status", ["Faulted", "Occupied", "Unavailable", "Rejected"])
async def test_050_reservation_of_a_charge_point_refused(
    operator: Operator, station: ScriptedStation, status: str
) -> None:
    """Reservation of any connector of the station, refused: faulted, occupied, unavailable, rejected"""
    await allow_connector_zero(operator, station)
    await assert_refused(operator, station, status, 0)


async def cancel(operator: Operator, station: ScriptedStation, asked: Any, status: str) -> Any:
    station.answers["CancelReservation"] = {"status": status}
    command = await operator.tell("cancel-reservation", {"reservationId": asked["reservationId"]})
    assert await station.was_asked("CancelReservation") == {"reservationId": asked["reservationId"]}
    return command


async def test_051_cancel_reservation(operator: Operator, station: ScriptedStation) -> None:
    """Cancel a reservation"""
    asked = await reserve(operator, station, idTag=await operator.add_tag())
    await station.is_now("Reserved")
    assert (await cancel(operator, station, asked, "Accepted"))["status"] == "accepted"
    await station.is_now("Available")
    await is_in(operator, "cancelled")
    assert (await operator.connector())["status"] == "Available"


async def test_052_cancel_reservation_rejected(operator: Operator, station: ScriptedStation) -> None:
    """Cancel a reservation, the station doesn't know it"""
    asked = await reserve(operator, station, idTag=await operator.add_tag())
    assert (await cancel(operator, station, asked, "Rejected"))["status"] == "rejected"
    # OCPP 1.6 §5.2: Rejected means that there is no such reservation.
    ended = await is_in(operator, "cancelled")
    assert ended["detail"]


async def test_053_reservation_used_by_the_same_parent(operator: Operator, station: ScriptedStation) -> None:
    """Reservation of a connector, used by another tag of the same parent"""
    await operator.add_tag("GROUP")
    first, second = [await operator.add_tag(name, parentIdTag="GROUP") for name in ("ONE", "TWO")]
    asked = await reserve(operator, station, idTag=first)
    assert asked["parentIdTag"] == "GROUP"
    await station.is_now("Reserved")
    await charge_reserved(station, asked, second)
    used = await is_in(operator, "used")
    session = await operator.session()
    assert (used["sessionId"], session["idTag"], session["flags"]) == (session["id"], second, [])
