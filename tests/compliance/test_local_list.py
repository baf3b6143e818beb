"""What stations decide by themselves: the local authorization list, and the cache."""

from typing import Any

import pytest

from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation
from tests.conftest import eventually

LIMITS = {"LocalAuthListEnabled": "true", "LocalAuthListMaxLength": "100", "SendLocalListMaxLength": "20"}


async def tell_limits(operator: Operator, station: ScriptedStation) -> None:
    """The station reports what its list can hold."""
    keys = [{"key": key, "readonly": True, "value": value} for key, value in LIMITS.items()]
    station.answers["GetConfiguration"] = {"configurationKey": keys, "unknownKey": []}
    await operator.get(f"chargepoints/CP1/configuration?refresh=true&keys={','.join(LIMITS)}")


async def list_is(operator: Operator, status: str, version: int) -> Any:
    """The station's list as the operator sees it, once it is so."""

    async def look() -> Any:
        row = await operator.get("chargepoints/CP1/local-list")
        return row if (row["status"], row["listVersion"]) == (status, version) else None

    return await eventually(look)


async def send_list(operator: Operator, station: ScriptedStation, kind: str, answer: str, **body: Any) -> Any:
    """(the command, what the station was asked)"""
    station.answers["SendLocalList"] = {"status": answer}
    command = await operator.tell("send-local-list", {"updateType": kind, **body})
    asked = await station.was_asked("SendLocalList")
    assert asked["updateType"] == kind
    return command, asked


async def ask_version(operator: Operator, station: ScriptedStation, version: int) -> None:
    station.answers["GetLocalListVersion"] = {"listVersion": version}
    command = await operator.tell("get-local-list-version")
    assert await station.was_asked("GetLocalListVersion") == {}
    assert (command["status"], command["reply"]) == ("accepted", {"listVersion": version})


async def test_042_1_local_list_version_not_supported(operator: Operator, station: ScriptedStation) -> None:
    """Get the version of the local list: not supported"""
    await ask_version(operator, station, -1)
    assert (await list_is(operator, "unsupported", 0))["reportedVersion"] == -1


async def test_042_2_local_list_version_empty(operator: Operator, station: ScriptedStation) -> None:
    """Get the version of the local list: it is empty"""
    await ask_version(operator, station, 0)
    assert (await list_is(operator, "unknown", 0))["reportedVersion"] == 0


async def test_043_1_send_local_list_not_supported(operator: Operator, station: ScriptedStation) -> None:
    """Send the local list: not supported"""
    await operator.add_tag()
    command, _asked = await send_list(operator, station, "Full", "NotSupported")
    assert (command["status"], command["reply"]) == ("rejected", {"status": "NotSupported"})
    await list_is(operator, "unsupported", 0)


async def test_043_2_send_local_list_version_mismatch(operator: Operator, station: ScriptedStation) -> None:
    """Send the local list: the versions don't match, and a list that is kept in step is sent again in full"""
    await tell_limits(operator, station)
    await operator.add_tag("ONE")
    station.answers["SendLocalList"] = {"status": "Accepted"}
    await operator.ask("patch", "chargepoints/CP1/local-list", {"managed": True})
    first = await station.was_asked("SendLocalList")
    assert first["updateType"] == "Full"
    await list_is(operator, "in_step", first["listVersion"])

    def mismatch(asked: dict[str, Any]) -> dict[str, Any]:
        return {"status": "Accepted" if asked["updateType"] == "Full" else "VersionMismatch"}

    station.answers["SendLocalList"] = mismatch
    await operator.add_tag("TWO")
    # Tags that change are sent by themselves, gathered; here an operator doesn't wait for that.
    await operator.tell("send-local-list", {"updateType": "Differential"})
    refused = await station.was_asked("SendLocalList")
    assert (refused["updateType"], tokens(refused)) == ("Differential", {"TWO"})
    again = await station.was_asked("SendLocalList")
    assert (again["updateType"], tokens(again)) == ("Full", {"ONE", "TWO"})
    assert again["listVersion"] > first["listVersion"]
    assert (await list_is(operator, "in_step", again["listVersion"]))["inStep"] is True


def tokens(asked: dict[str, Any]) -> set[str]:
    return {entry["idTag"] for entry in asked["localAuthorizationList"]}


async def test_043_3_send_local_list_failed(operator: Operator, station: ScriptedStation) -> None:
    """Send the local list: failed"""
    await operator.add_tag()
    command, _asked = await send_list(operator, station, "Full", "Failed")
    assert (command["status"], command["reply"]) == ("rejected", {"status": "Failed"})
    assert (await list_is(operator, "failed", 0))["inStep"] is False


async def test_043_4_send_local_list_full(operator: Operator, station: ScriptedStation) -> None:
    """Send the local list: full"""
    await tell_limits(operator, station)
    await operator.add_tag("GROUP")
    await operator.add_tag("ONE", parentIdTag="GROUP")
    await operator.add_tag("BLOCKED", status="Blocked")
    command, asked = await send_list(operator, station, "Full", "Accepted")
    assert command["status"] == "accepted"
    entries = {entry["idTag"]: entry["idTagInfo"] for entry in asked["localAuthorizationList"]}
    assert entries["ONE"] == {"status": "Accepted", "parentIdTag": "GROUP"}
    assert entries.get("BLOCKED", {"status": "Blocked"})["status"] == "Blocked"
    shown = await list_is(operator, "in_step", asked["listVersion"])
    assert (shown["inStep"], shown["entryCount"]) == (True, len(entries))


async def test_043_5_send_local_list_differential(operator: Operator, station: ScriptedStation) -> None:
    """Send the local list: differential"""
    await tell_limits(operator, station)
    await operator.add_tag("ONE")
    _command, full = await send_list(operator, station, "Full", "Accepted")
    await list_is(operator, "in_step", full["listVersion"])
    await ask_version(operator, station, full["listVersion"])
    await operator.add_tag("TWO")
    command, asked = await send_list(operator, station, "Differential", "Accepted", idTags=["TWO"])
    assert command["status"] == "accepted"
    assert asked["localAuthorizationList"] == [{"idTag": "TWO", "idTagInfo": {"status": "Accepted"}}]
    assert asked["listVersion"] > full["listVersion"]
    assert (await list_is(operator, "in_step", asked["listVersion"]))["entryCount"] == 2


@pytest.mark.parametrize(("answer", "status"), [("Accepted", "accepted"), ("Rejected", "rejected")])
async def test_061_clear_cache(operator: Operator, station: ScriptedStation, answer: str, status: str) -> None:
    """Clear the authorization cache"""
    station.answers["ClearCache"] = {"status": answer}
    command = await operator.tell("clear-cache")
    assert await station.was_asked("ClearCache") == {}
    assert (command["status"], command["reply"]) == (status, {"status": answer})
