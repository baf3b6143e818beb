"""Remote trigger: the station is asked to say something."""

from typing import Any

import pytest

from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, at, call


def meter_values() -> Any:
    sample = {"value": "4321", "context": "Trigger", "unit": "Wh"}
    return call.MeterValues(connector_id=1, meter_value=[{"timestamp": at(), "sampled_value": [sample]}])


def status() -> Any:
    return call.StatusNotification(connector_id=1, error_code="NoError", status="Preparing", timestamp=at())


MESSAGES: dict[str, tuple[int | None, Any]] = {
    "MeterValues": (1, meter_values),
    "Heartbeat": (None, call.Heartbeat),
    "StatusNotification": (1, status),
    "DiagnosticsStatusNotification": (None, lambda: call.DiagnosticsStatusNotification(status="Idle")),
    "FirmwareStatusNotification": (None, lambda: call.FirmwareStatusNotification(status="Idle")),
    "BootNotification": (None, lambda: call.BootNotification(charge_point_vendor="Acme", charge_point_model="Two")),
}


@pytest.mark.parametrize("message", MESSAGES)
async def test_054_trigger_message(operator: Operator, station: ScriptedStation, message: str) -> None:
    """Trigger a message"""
    connector_id, made = MESSAGES[message]
    wanted = {"requestedMessage": message} | ({"connectorId": connector_id} if connector_id else {})
    station.answers["TriggerMessage"] = {"status": "Accepted"}
    command = await operator.tell("trigger-message", wanted)
    assert await station.was_asked("TriggerMessage") == wanted
    assert (command["status"], command["outcome"]) == ("accepted", "waiting")
    await station.tell(made())
    fulfilled = await operator.outcome(command, "fulfilled")
    assert message in fulfilled["outcomeDetail"]


async def test_055_trigger_message_rejected(operator: Operator, station: ScriptedStation) -> None:
    """Trigger a message, the station rejects it"""
    station.answers["TriggerMessage"] = {"status": "Rejected"}
    command = await operator.tell("trigger-message", {"requestedMessage": "MeterValues", "connectorId": 1})
    assert (await station.was_asked("TriggerMessage"))["requestedMessage"] == "MeterValues"
    assert (command["status"], command["reply"], command["outcome"]) == ("rejected", {"status": "Rejected"}, None)


async def test_055_trigger_message_not_implemented(operator: Operator, station: ScriptedStation) -> None:
    """Trigger a message that the station can't send"""
    station.answers["TriggerMessage"] = {"status": "NotImplemented"}
    wanted = {"requestedMessage": "FirmwareStatusNotification"}
    command = await operator.tell("trigger-message", wanted)
    assert await station.was_asked("TriggerMessage") == wanted
    assert (command["status"], command["outcome"]) == ("rejected", None)
