"""Without power or connection: what the station says afterwards, and what it has queued."""

from tests.compliance.conftest import Dial
from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, at, call
from tests.conftest import eventually


async def is_offline(operator: Operator) -> None:
    async def look() -> bool:
        return not (await operator.station())["online"]

    await eventually(look)


async def test_032_power_failure_stops_the_transaction(
    operator: Operator, station: ScriptedStation, line: Dial
) -> None:
    """Power failure: the station is set to stop its transactions, and says so once it is back"""
    transaction_id = await station.charge(await operator.add_tag())
    station.power_off()
    await is_offline(operator)
    async with line() as back:
        assert (await back.boot()).status == "Accepted"
        # The boot alone ends nothing: the station may go on with the session.
        assert (await operator.session())["status"] == "active"
        await back.is_now("Available", 0, 2)
        await back.is_now("Finishing")
        await back.stop_session(transaction_id, reason="PowerLoss", timestamp=at(minutes=-1))
    session = await operator.session()
    assert (session["status"], session["stopReason"], session["energyWh"]) == ("stopped", "PowerLoss", "7500")


async def test_034_power_failure_with_unavailable_status(
    operator: Operator, station: ScriptedStation, line: Dial
) -> None:
    """Power failure: a station that was made unavailable still is"""
    station.answers["ChangeAvailability"] = {"status": "Accepted"}
    command = await operator.tell("change-availability", {"connectorId": 0, "type": "Inoperative"})
    assert await station.was_asked("ChangeAvailability") == {"connectorId": 0, "type": "Inoperative"}
    assert command["status"] == "accepted"
    await station.is_now("Unavailable", 0, 1, 2)
    await operator.outcome(command, "fulfilled")
    station.power_off()
    async with line() as back:
        assert (await back.boot()).status == "Accepted"
        await back.is_now("Unavailable", 0, 1, 2)
        shown = await operator.station()
    assert shown["status"] == "Unavailable"
    assert [one["status"] for one in shown["connectors"]] == ["Unavailable", "Unavailable"]


async def test_036_connection_loss_during_transaction(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """The connection is lost during a transaction: it goes on, and what was measured meanwhile is sent later"""
    transaction_id = await station.charge(await operator.add_tag(), timestamp=at(minutes=-10))
    station.power_off()
    await is_offline(operator)
    assert (await operator.session())["status"] == "active"
    async with line() as back:
        for wh, minutes in ((2000, -8), (3000, -4)):
            await back.meter(transaction_id, wh, at(minutes=minutes))
        session = await operator.session()
        assert session["status"] == "active"
        readings = await operator.get(f"transactions/{session['id']}/meter-values")
        assert [reading["value"] for reading in readings] == ["3000", "2000", "1000"]
        await back.stop_session(transaction_id, reason="Local")
    assert (await operator.session())["energyWh"] == "7500"


async def test_037_1_offline_start_with_a_valid_tag(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """Offline start of a transaction, the tag is valid"""
    tag, began = await operator.add_tag(), at(minutes=-20)
    await station.hang_up()
    async with line() as back:
        started = await back.start_session(tag, timestamp=began)
        assert started.id_tag_info["status"] == "Accepted"
        await back.is_now("Charging")
        session = await operator.session()
    assert (session["startTime"], session["status"]) == (began, "active")
    assert session["flags"] == ["started_offline"]


async def test_037_3_offline_start_with_an_invalid_tag(
    operator: Operator, station: ScriptedStation, line: Dial
) -> None:
    """Offline start of a transaction, the tag is invalid: the station stops it"""
    tag = "STRANGER"
    await station.hang_up()
    async with line() as back:
        started = await back.start_session(tag, timestamp=at(minutes=-20))
        assert (started.transaction_id > 0, started.id_tag_info["status"]) == (True, "Invalid")
        await back.stop_session(started.transaction_id, reason="DeAuthorized")
        await back.is_now("Finishing")
    session = await operator.session()
    assert (session["status"], session["stopReason"], session["idTagStatus"]) == ("stopped", "DeAuthorized", "Invalid")
    kept = await operator.get(f"id-tags/{tag}")
    assert (kept["status"], kept["seenOffline"]) == ("Blocked", True)


async def test_039_offline_transaction(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """Offline transaction: its start and stop are sent later, and are sent again where the answer was lost"""
    tag, began, ended = await operator.add_tag(), at(hours=-2), at(hours=-1)
    await station.hang_up()
    async with line() as back:
        started = await back.start_session(tag, timestamp=began)
        assert started.id_tag_info["status"] == "Accepted"
    async with line() as back:
        again = await back.start_session(tag, timestamp=began)
        assert again == started
        for _ in range(2):
            await back.stop_session(again.transaction_id, id_tag=tag, reason="Local", timestamp=ended)
        await back.tell(call.Heartbeat())
    session = await operator.session()
    assert (session["startTime"], session["stopTime"]) == (began, ended)
    assert (session["status"], session["energyWh"], session["stopReason"]) == ("stopped", "7500", "Local")
