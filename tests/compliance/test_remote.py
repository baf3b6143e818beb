"""What an operator asks of a station: remote start and stop, reset, unlock."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.services.outcome_sweep import sweep_outcomes
from tests.compliance.conftest import Dial
from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation


async def remote_start(operator: Operator, station: ScriptedStation, tag: str) -> Any:
    """Accepted by the station; the command."""
    station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
    command = await operator.tell("remote-start", {"connectorId": 1, "idTag": tag})
    assert await station.was_asked("RemoteStartTransaction") == {"connectorId": 1, "idTag": tag}
    assert command["status"] == "accepted"
    return command


async def test_010_remote_start_plug_first(operator: Operator, station: ScriptedStation) -> None:
    """Remote start, the cable is plugged in first"""
    tag = await operator.add_tag()
    await station.is_now("Preparing")
    command = await remote_start(operator, station, tag)
    assert command["outcome"] == "waiting"
    assert await station.authorize(tag) == "Accepted"
    started = await station.start_session(tag)
    assert started.id_tag_info["status"] == "Accepted"
    await station.is_now("Charging")
    await operator.outcome(command, "fulfilled")
    assert (await operator.session())["transactionId"] == str(started.transaction_id)


async def test_011_1_remote_start_first(operator: Operator, station: ScriptedStation) -> None:
    """Remote start, the cable is plugged in afterwards"""
    tag = await operator.add_tag()
    command = await remote_start(operator, station, tag)
    assert await station.authorize(tag) == "Accepted"
    await station.is_now("Preparing")
    assert (await operator.session_count(), (await operator.connector())["status"]) == (0, "Preparing")
    started = await station.start_session(tag)
    assert started.id_tag_info["status"] == "Accepted"
    await operator.outcome(command, "fulfilled")


async def test_011_2_remote_start_time_out(operator: Operator, station: ScriptedStation) -> None:
    """Remote start, the cable is not plugged in before the time-out"""
    tag = await operator.add_tag()
    command = await remote_start(operator, station, tag)
    assert await station.authorize(tag) == "Accepted"
    await station.is_now("Preparing")
    await station.is_now("Available")
    later = timezone.now() + timedelta(minutes=10)
    assert await asyncio.to_thread(sweep_outcomes, later) == 1
    ended = await operator.outcome(command, "unfulfilled")
    assert (ended["status"], ended["outcomeDetail"]) == ("accepted", "No session began in time.")
    assert await operator.session_count() == 0


async def test_012_remote_stop(operator: Operator, station: ScriptedStation) -> None:
    """Remote stop of a session"""
    transaction_id = await station.charge(await operator.add_tag())
    station.answers["RemoteStopTransaction"] = {"status": "Accepted"}
    command = await operator.tell("remote-stop", {"transactionId": transaction_id})
    assert await station.was_asked("RemoteStopTransaction") == {"transactionId": transaction_id}
    assert command["status"] == "accepted"
    await station.stop_session(transaction_id, reason="Remote")
    await station.is_now("Finishing")
    await station.is_now("Available")
    session = await operator.session()
    assert (session["status"], session["stopReason"], session["stoppedBy"]) == ("stopped", "Remote", "alice")
    await operator.outcome(command, "fulfilled")


async def reset(operator: Operator, station: ScriptedStation, kind: str) -> Any:
    station.answers["Reset"] = {"status": "Accepted"}
    command = await operator.tell("reset", {"type": kind})
    assert await station.was_asked("Reset") == {"type": kind}
    assert (command["status"], command["outcome"]) == ("accepted", "waiting")
    return command


async def come_back(operator: Operator, line: Dial, command: Any, status: str = "Available") -> None:
    """The boot after a reset, which is its outcome; `status`: of connector 1."""
    async with line() as station:
        assert (await station.boot()).status == "Accepted"
        await station.is_now("Available", 0, 2)
        await station.is_now(status)
        await operator.outcome(command, "fulfilled")
        shown = await operator.station()
        assert (shown["online"], shown["status"]) == (True, "Available")
        assert [one["status"] for one in shown["connectors"]] == [status, "Available"]


async def test_013_hard_reset_without_transaction(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """Hard reset without a transaction"""
    command = await reset(operator, station, "Hard")
    station.power_off()
    await come_back(operator, line, command)


async def test_014_soft_reset_without_transaction(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """Soft reset without a transaction"""
    command = await reset(operator, station, "Soft")
    await station.hang_up()
    await come_back(operator, line, command)


async def test_015_hard_reset_with_transaction(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """Hard reset with a transaction: its stop comes when the station is back"""
    transaction_id = await station.charge(await operator.add_tag())
    command = await reset(operator, station, "Hard")
    station.power_off()
    async with line() as back:
        await back.boot()
        assert (await operator.session())["status"] == "active"
        await back.stop_session(transaction_id, reason="HardReset")
        await back.is_now("Finishing")
        await operator.outcome(command, "fulfilled")
    session = await operator.session()
    assert (session["status"], session["stopReason"], session["energyWh"]) == ("stopped", "HardReset", "7500")


async def test_016_soft_reset_with_transaction(operator: Operator, station: ScriptedStation, line: Dial) -> None:
    """Soft reset with a transaction: it is stopped before"""
    transaction_id = await station.charge(await operator.add_tag())
    command = await reset(operator, station, "Soft")
    await station.stop_session(transaction_id, reason="SoftReset")
    await station.is_now("Finishing")
    assert (await operator.session())["stopReason"] == "SoftReset"
    await station.hang_up()
    await come_back(operator, line, command, status="Preparing")


async def unlock(operator: Operator, station: ScriptedStation, status: str, connector_id: int = 1) -> Any:
    station.answers["UnlockConnector"] = {"status": status}
    command = await operator.tell("unlock-connector", {"connectorId": connector_id})
    assert await station.was_asked("UnlockConnector") == {"connectorId": connector_id}
    assert command["reply"] == {"status": status}
    return command


async def test_017_1_unlock_without_session(operator: Operator, station: ScriptedStation) -> None:
    """Unlock a connector, no session runs, the cable is not fixed"""
    command = await unlock(operator, station, "Unlocked")
    assert (command["status"], command["outcome"]) == ("accepted", "fulfilled")


async def test_017_2_unlock_of_a_fixed_cable(operator: Operator, station: ScriptedStation) -> None:
    """Unlock a connector, no session runs, the cable is fixed"""
    command = await unlock(operator, station, "NotSupported")
    assert (command["status"], command["outcome"]) == ("rejected", None)


async def test_018_unlock_with_session(operator: Operator, station: ScriptedStation) -> None:
    """Unlock a connector, a session runs: it ends"""
    transaction_id = await station.charge(await operator.add_tag())
    assert (await unlock(operator, station, "Unlocked"))["status"] == "accepted"
    await station.stop_session(transaction_id, reason="UnlockCommand")
    await station.is_now("Finishing")
    await station.is_now("Available")
    session = await operator.session()
    assert (session["status"], session["stopReason"]) == ("stopped", "UnlockCommand")
    assert (await operator.connector())["status"] == "Available"


async def test_026_remote_start_rejected(operator: Operator, station: ScriptedStation) -> None:
    """Remote start, the station rejects it"""
    station.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    command = await operator.tell("remote-start", {"connectorId": 1, "idTag": await operator.add_tag()})
    assert await station.was_asked("RemoteStartTransaction") == {"connectorId": 1, "idTag": "TAG"}
    assert (command["status"], command["reply"], command["outcome"]) == ("rejected", {"status": "Rejected"}, None)
    assert await operator.session_count() == 0


async def test_028_remote_stop_rejected(operator: Operator, station: ScriptedStation) -> None:
    """Remote stop, the station rejects it: the session goes on"""
    transaction_id = await station.charge(await operator.add_tag())
    station.answers["RemoteStopTransaction"] = {"status": "Rejected"}
    command = await operator.tell("remote-stop", {"transactionId": transaction_id})
    assert await station.was_asked("RemoteStopTransaction") == {"transactionId": transaction_id}
    assert (command["status"], command["outcome"]) == ("rejected", None)
    assert (await operator.session())["status"] == "active"


async def test_030_unlock_failure(operator: Operator, station: ScriptedStation) -> None:
    """Unlock a connector, it doesn't unlock"""
    command = await unlock(operator, station, "UnlockFailed")
    assert (command["status"], command["outcome"]) == ("rejected", None)


@pytest.mark.parametrize("connector_id", [3, 99])
async def test_031_unlock_unknown_connector(operator: Operator, station: ScriptedStation, connector_id: int) -> None:
    """Unlock a connector that the station doesn't have"""
    command = await unlock(operator, station, "NotSupported", connector_id)
    assert (command["status"], command["outcome"]) == ("rejected", None)
    assert len((await operator.station())["connectors"]) == 2
