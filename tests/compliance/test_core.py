"""Core profile: booting, sessions that drivers begin and end, verdicts on tags, configuration."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ocpp.exceptions import SecurityError

from tenants.models import Tenant
from tests.chargepoints.test_connection import set_policy
from tests.compliance.conftest import Dial
from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, at, call
from tests.conftest import eventually


async def test_001_cold_boot(tenant: Tenant, operator: Operator, line: Dial) -> None:
    """Cold boot"""
    async with line() as station:
        booted = await station.boot(
            charge_point_serial_number="SN-1", firmware_version="1.2.3", iccid="8949", imsi="26201", meter_type="EM"
        )
        assert (booted.status, booted.interval) == ("Accepted", tenant.heartbeat_interval)
        assert_is_now(booted.current_time)
        await station.is_now("Available", 0, 1, 2)
        assert_is_now((await station.tell(call.Heartbeat())).current_time)
        row = await operator.station()
        assert (row["online"], row["registration"], row["status"]) == (True, "Accepted", "Available")
        assert (row["vendor"], row["model"], row["serialNumber"]) == ("Acme", "One", "SN-1")
        assert (row["firmwareVersion"], row["ocppVersion"]) == ("1.2.3", "1.6")
        assert [(one["connectorId"], one["status"]) for one in row["connectors"]] == [
            (1, "Available"),
            (2, "Available"),
        ]
        assert [client["chargePointId"] for client in await operator.get("clients")] == ["CP1"]
        logged = await eventually(lambda: operator.get("chargepoints/CP1/messages?action=BootNotification"))
        assert (logged[0]["direction"], logged[0]["reply"] is not None) == ("in", True)


async def test_001_cold_boot_of_a_station_that_waits_for_an_operator(
    tenant: Tenant, operator: Operator, line: Dial
) -> None:
    """Cold boot, first Pending"""
    await asyncio.to_thread(set_policy, tenant, unknown_charge_points="pending")
    async with line() as station:
        pending = await station.boot()
        assert pending.status == "Pending"
        assert pending.interval > 0
        with pytest.raises(SecurityError):
            await station.start_session("TAG")
        await operator.ask("patch", "chargepoints/CP1", {"registration": "Accepted"})
        assert (await station.boot()).status == "Accepted"
        assert await operator.session_count() == 0


def assert_is_now(timestamp: str) -> None:
    """A UTC time, as stations set their clocks by it."""
    assert timestamp.endswith("Z")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(timestamp)) < timedelta(seconds=15)


async def test_003_regular_session_plug_first(operator: Operator, station: ScriptedStation) -> None:
    """Regular charging session, plugged in first"""
    tag = await operator.add_tag()
    await station.is_now("Preparing")
    assert await station.authorize(tag) == "Accepted"
    started = await station.start_session(tag, meter_start=1000)
    assert started.transaction_id > 0
    assert started.id_tag_info["status"] == "Accepted"
    await station.is_now("Charging")
    await station.meter(started.transaction_id, 4200)
    running = await operator.session()
    assert (running["status"], running["transactionId"]) == ("active", str(started.transaction_id))
    assert (await operator.connector())["status"] == "Charging"
    await station.stop_session(started.transaction_id, id_tag=tag, reason="Local", meter_stop=8500)
    await station.is_now("Finishing")
    await station.is_now("Available")
    ended = await operator.session()
    assert (ended["status"], ended["energyWh"], ended["stopReason"]) == ("stopped", "7500", "Local")
    assert ended["flags"] == []
    readings = await operator.get(f"transactions/{ended['id']}/meter-values")
    assert {reading["value"] for reading in readings} == {"1000", "4200", "8500"}
    assert (await operator.connector())["status"] == "Available"


async def test_004_1_regular_session_identify_first(operator: Operator, station: ScriptedStation) -> None:
    """Regular charging session, identified first"""
    tag = await operator.add_tag()
    assert await station.authorize(tag) == "Accepted"
    await station.is_now("Preparing")
    started = await station.start_session(tag)
    assert started.id_tag_info["status"] == "Accepted"
    await station.is_now("Charging")
    session = await operator.session()
    assert (session["idTag"], session["idTagStatus"], session["connectorId"]) == (tag, "Accepted", 1)


async def test_004_2_regular_session_identify_first_time_out(operator: Operator, station: ScriptedStation) -> None:
    """Regular charging session, identified first, not plugged in before the time-out"""
    assert await station.authorize(await operator.add_tag()) == "Accepted"
    await station.is_now("Preparing")
    assert (await operator.connector())["status"] == "Preparing"
    await station.is_now("Available")
    assert (await operator.connector())["status"] == "Available"
    assert await operator.session_count() == 0


async def test_005_ev_side_disconnect(operator: Operator, station: ScriptedStation) -> None:
    """EV side disconnected"""
    transaction_id = await station.charge(await operator.add_tag())
    await station.is_now("SuspendedEV")
    assert (await operator.session())["status"] == "active"
    await station.stop_session(transaction_id, reason="EVDisconnected")
    assert "idTagInfo" not in station.last_reply
    await station.is_now("Finishing")
    await station.is_now("Available")
    session = await operator.session()
    assert (session["status"], session["stopReason"]) == ("stopped", "EVDisconnected")


async def test_007_cached_id(operator: Operator, station: ScriptedStation) -> None:
    """Regular start with a cached id: no Authorize, and the answer keeps the cache up to date"""
    await operator.add_tag("GROUP")
    tag = await operator.add_tag(parentIdTag="GROUP", expiryDate=at(days=1))
    await station.is_now("Preparing")
    started = await station.start_session(tag)
    assert started.id_tag_info["status"] == "Accepted"
    assert started.id_tag_info["parent_id_tag"] == "GROUP"
    assert station.last_reply["idTagInfo"]["expiryDate"].endswith("Z")
    await station.is_now("Charging")
    assert (await operator.session())["idTagStatus"] == "Accepted"


async def assert_refused(operator: Operator, station: ScriptedStation, tag: str, verdict: str) -> None:
    """By Authorize, and by the session of a station that starts it all the same."""
    await station.is_now("Preparing")
    assert await station.authorize(tag) == verdict
    assert await operator.session_count() == 0
    started = await station.start_session(tag)
    assert (started.transaction_id > 0, started.id_tag_info["status"]) == (True, verdict)
    assert (await operator.session())["idTagStatus"] == verdict


async def test_023_1_invalid_tag(operator: Operator, station: ScriptedStation) -> None:
    """Start of a session, the tag is invalid"""
    await assert_refused(operator, station, "STRANGER", "Invalid")


async def test_023_2_expired_tag(operator: Operator, station: ScriptedStation) -> None:
    """Start of a session, the tag has expired"""
    await assert_refused(operator, station, await operator.add_tag(expiryDate=at(hours=-1)), "Expired")


async def test_023_3_blocked_tag(operator: Operator, station: ScriptedStation) -> None:
    """Start of a session, the tag is blocked"""
    await assert_refused(operator, station, await operator.add_tag(status="Blocked"), "Blocked")


async def test_024_lock_failure(operator: Operator, station: ScriptedStation) -> None:
    """Start of a session, the connector doesn't lock"""
    assert await station.authorize(await operator.add_tag()) == "Accepted"
    await station.is_now("Preparing")
    await station.is_now("Faulted", error_code="ConnectorLockFailure")
    connector = await operator.connector()
    assert (connector["status"], connector["errorCode"]) == ("Faulted", "ConnectorLockFailure")
    assert await operator.session_count() == 0
    await operator.event("connector.status", errorCode="ConnectorLockFailure", connectorId=1)
    [alert] = await operator.get("alerts?chargePointId=CP1&status=open")
    assert (alert["kind"], alert["connectorId"]) == ("fault", 1)
    await station.is_now("Available")
    [alert] = await operator.get("alerts?chargePointId=CP1&kind=fault")
    assert alert["status"] == "resolved"


async def test_068_stop_with_the_same_tag(operator: Operator, station: ScriptedStation) -> None:
    """Stop of a session, the tag is the one that started it"""
    tag = await operator.add_tag()
    stopped = await station.stop_session(await station.charge(tag), id_tag=tag.lower(), reason="Local")
    assert stopped.id_tag_info["status"] == "Accepted"
    session = await operator.session()
    assert (session["status"], session["flags"]) == ("stopped", [])


async def test_069_stop_with_a_tag_of_the_same_parent(operator: Operator, station: ScriptedStation) -> None:
    """Stop of a session, the tag has the same parent as the one that started it"""
    await operator.add_tag("GROUP")
    first, second = [await operator.add_tag(name, parentIdTag="GROUP") for name in ("ONE", "TWO")]
    transaction_id = await station.charge(first)
    assert await station.authorize(second) == "Accepted"
    assert station.last_reply["idTagInfo"]["parentIdTag"] == "GROUP"
    stopped = await station.stop_session(transaction_id, id_tag=second, reason="Local")
    assert stopped.id_tag_info["status"] == "Accepted"
    session = await operator.session()
    assert (session["status"], session["flags"]) == ("stopped", [])


# --- configuration ---

KEYS = [
    {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
    {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
    {"key": "VendorKey", "readonly": False, "value": "x"},
]


def report(asked: dict[str, Any]) -> dict[str, Any]:
    """GetConfiguration.conf of a station with these keys."""
    names = asked.get("key") or [row["key"] for row in KEYS]
    known = {str(row["key"]) for row in KEYS}
    return {
        "configurationKey": [row for row in KEYS if row["key"] in names],
        "unknownKey": [name for name in names if name not in known],
    }


async def test_019_1_read_the_whole_configuration(operator: Operator, station: ScriptedStation) -> None:
    """Retrieve all configuration keys"""
    station.answers |= {"GetConfiguration": report, "ChangeConfiguration": {"status": "Accepted"}}
    shown = await operator.get("chargepoints/CP1/configuration?refresh=true")
    assert not (await station.was_asked("GetConfiguration")).get("key")
    values = {row["key"]: (row["value"], row["readonly"]) for row in shown}
    assert values["HeartbeatInterval"] == ("300", False)
    assert values["NumberOfConnectors"] == ("2", True)
    assert values["VendorKey"] == ("x", False)


async def test_019_2_read_one_key(operator: Operator, station: ScriptedStation) -> None:
    """Retrieve a specific configuration key"""
    station.answers["GetConfiguration"] = report
    shown = await operator.get("chargepoints/CP1/configuration?refresh=true&keys=NumberOfConnectors")
    assert await station.was_asked("GetConfiguration") == {"key": ["NumberOfConnectors"]}
    assert [(row["key"], row["value"]) for row in shown] == [("NumberOfConnectors", "2")]


async def change(operator: Operator, station: ScriptedStation, key: str, value: str, status: str) -> str:
    """PUT one key; the result that the operator is shown."""
    station.answers["ChangeConfiguration"] = {"status": status}
    [row] = await operator.ask("put", "chargepoints/CP1/configuration", {key: value})
    assert await station.was_asked("ChangeConfiguration") == {"key": key, "value": value}
    return str(row["result"])


async def test_021_change_configuration(operator: Operator, station: ScriptedStation) -> None:
    """Change a configuration key"""
    assert await change(operator, station, "MeterValueSampleInterval", "30", "Accepted") == "Accepted"

    async def is_reported() -> bool:
        [row] = await operator.get("chargepoints/CP1/configuration?keys=MeterValueSampleInterval")
        return bool((row["value"], row["desired"], row["drift"]) == ("30", "30", False))

    await eventually(is_reported)


async def test_040_1_unknown_key(operator: Operator, station: ScriptedStation) -> None:
    """Change a configuration key that the station doesn't know"""
    assert await change(operator, station, "FancyLights", "on", "NotSupported") == "NotSupported"


async def test_040_2_invalid_value(operator: Operator, station: ScriptedStation) -> None:
    """Change a configuration key to a value that the station doesn't take"""
    station.answers["GetConfiguration"] = report
    await operator.get("chargepoints/CP1/configuration?refresh=true&keys=HeartbeatInterval")
    assert await change(operator, station, "HeartbeatInterval", "301", "Rejected") == "Rejected"
    [row] = await operator.get("chargepoints/CP1/configuration?keys=HeartbeatInterval")
    assert (row["value"], row["desired"], row["drift"]) == ("300", "301", True)
