"""Smart charging messages: profiles set, read back as a schedule, cleared; a remote start that brings one along."""

from typing import Any

import pytest

from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, at


def profile(purpose: str, profile_id: int = 1, **changes: Any) -> dict[str, Any]:
    """Sixteen amperes, then eight."""
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 1800, "limit": 8.1}]
    schedule = {"duration": 3600, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    return {
        "chargingProfileId": profile_id,
        "stackLevel": 1,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "validFrom": at(minutes=-5),
        "validTo": at(hours=2),
        "chargingSchedule": {**schedule, "startSchedule": at(minutes=-5)},
        **changes,
    }


async def set_profile(
    operator: Operator,
    station: ScriptedStation,
    wanted: dict[str, Any],
    connector_id: int = 1,
    status: str = "Accepted",
) -> Any:
    station.answers["SetChargingProfile"] = {"status": status}
    body = {"connectorId": connector_id, "csChargingProfiles": wanted}
    command = await operator.tell("set-charging-profile", body)
    assert await station.was_asked("SetChargingProfile") == body
    return command


async def test_056_tx_default_profile(operator: Operator, station: ScriptedStation) -> None:
    """Central smart charging: a default profile for sessions to come"""
    command = await set_profile(operator, station, profile("TxDefaultProfile"))
    assert (command["status"], command["action"]) == ("accepted", "SetChargingProfile")


async def test_057_tx_profile(operator: Operator, station: ScriptedStation) -> None:
    """Central smart charging: a profile for a running session"""
    transaction_id = await station.charge(await operator.add_tag())
    command = await set_profile(operator, station, profile("TxProfile", transactionId=transaction_id))
    assert command["status"] == "accepted"
    assert (await operator.session())["status"] == "active"


async def test_058_1_tx_profile_without_transaction(operator: Operator, station: ScriptedStation) -> None:
    """Central smart charging: a profile for a session, but none runs"""
    command = await set_profile(operator, station, profile("TxProfile", transactionId=4711), status="Rejected")
    assert (command["status"], command["reply"]) == ("rejected", {"status": "Rejected"})


async def test_058_2_tx_profile_of_another_transaction(operator: Operator, station: ScriptedStation) -> None:
    """Central smart charging: a profile for another session than the one that runs"""
    transaction_id = await station.charge(await operator.add_tag())
    wanted = profile("TxProfile", transactionId=transaction_id + 1)
    command = await set_profile(operator, station, wanted, status="Rejected")
    assert command["status"] == "rejected"
    assert (await operator.session())["status"] == "active"


async def remote_start_with_profile(operator: Operator, station: ScriptedStation, status: str) -> Any:
    tag = await operator.add_tag()
    station.answers["RemoteStartTransaction"] = {"status": status}
    wanted = {"connectorId": 1, "idTag": tag, "chargingProfile": profile("TxProfile")}
    command = await operator.tell("remote-start", wanted)
    assert await station.was_asked("RemoteStartTransaction") == wanted
    return command


async def test_059_remote_start_with_profile(operator: Operator, station: ScriptedStation) -> None:
    """Remote start with a charging profile"""
    await station.is_now("Preparing")
    command = await remote_start_with_profile(operator, station, "Accepted")
    assert command["status"] == "accepted"
    assert (await station.start_session("TAG")).id_tag_info["status"] == "Accepted"
    await station.is_now("Charging")
    await operator.outcome(command, "fulfilled")


async def test_060_remote_start_with_profile_rejected(operator: Operator, station: ScriptedStation) -> None:
    """Remote start with a charging profile, the station rejects it"""
    command = await remote_start_with_profile(operator, station, "Rejected")
    assert (command["status"], command["outcome"]) == ("rejected", None)
    assert await operator.session_count() == 0


async def test_066_composite_schedule(operator: Operator, station: ScriptedStation) -> None:
    """Get the composite schedule"""
    schedule = {"chargingRateUnit": "A", "duration": 600, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}
    reply = {"status": "Accepted", "connectorId": 1, "scheduleStart": at(), "chargingSchedule": schedule}
    station.answers["GetCompositeSchedule"] = reply
    wanted = {"connectorId": 1, "duration": 600, "chargingRateUnit": "A"}
    command = await operator.tell("get-composite-schedule", wanted)
    assert await station.was_asked("GetCompositeSchedule") == wanted
    assert (command["status"], command["reply"]) == ("accepted", reply)


async def test_067_clear_charging_profile(operator: Operator, station: ScriptedStation) -> None:
    """Clear charging profiles: by id, by criteria, all that remain"""
    transaction_id = await station.charge(await operator.add_tag())
    await set_profile(operator, station, profile("ChargePointMaxProfile", 1), connector_id=0)
    await set_profile(operator, station, profile("TxDefaultProfile", 2))
    await set_profile(operator, station, profile("TxProfile", 3, transactionId=transaction_id))
    station.answers["ClearChargingProfile"] = {"status": "Accepted"}
    criteria: list[dict[str, Any]] = [
        {"id": 1},
        {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1},
        {},
    ]
    for wanted in criteria:
        command = await operator.tell("clear-charging-profile", wanted)
        assert await station.was_asked("ClearChargingProfile") == wanted
        assert command["status"] == "accepted"


@pytest.mark.parametrize("status", ["Unknown"])
async def test_067_clear_charging_profile_unknown(operator: Operator, station: ScriptedStation, status: str) -> None:
    """Clear a charging profile that the station doesn't have"""
    station.answers["ClearChargingProfile"] = {"status": status}
    command = await operator.tell("clear-charging-profile", {"id": 99})
    assert await station.was_asked("ClearChargingProfile") == {"id": 99}
    assert (command["status"], command["reply"]) == ("rejected", {"status": status})
