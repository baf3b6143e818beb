"""Data transfer, frames as they come, and the message log (OCPP.md "Framing")."""

import asyncio
import json
from typing import Any

import pytest

from chargepoints.models import (
    ChargePoint,
    LoggedMessage,
    StatusChange,
)
from tenants.models import Tenant
from tests.chargepoints.core.rows import STATUS
from tests.chargepoints.test_connection import set_policy, stored
from tests.conftest import eventually
from tests.stations import PATIENCE_S, TIME, Connect


@pytest.mark.parametrize(
    ("vendor", "message", "status"),
    [
        ("unknown", "", "UnknownVendorId"),
        ("org.csms.test", "Nothing", "UnknownMessageId"),
        ("org.csms.test", "Echo", "Accepted"),
    ],
)
async def test_062_064_data_transfer(tenant: Tenant, connect: Connect, vendor: str, message: str, status: str) -> None:
    from chargepoints.services import data_transfer

    data_transfer._handlers.pop("org.csms.test", None)
    data_transfer.vendor_message("org.csms.test", "Echo")(lambda context, data: ("Accepted", data))
    async with connect() as station:
        answer = await station.call("DataTransfer", vendorId=vendor, messageId=message, data="hi")
    assert answer["status"] == status
    assert answer.get("data") == ("hi" if status == "Accepted" else None)


async def test_a_call_resent_with_the_same_id_gets_the_stored_answer(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        for _ in range(2):
            assert (await station.frame("StatusNotification", payload, "same-id"))[0] == 3
    assert await stored(tenant, StatusChange.objects.count) == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"x"]', "FormationViolation"),
        ('[2,"x","Heartbeat",[]]', "FormationViolation"),
        ('[9,"x","Heartbeat",{}]', "FormationViolation"),
        ('[2,"x","MakeCoffee",{}]', "NotImplemented"),
        ('[2,"x","Reset",{"type":"Hard"}]', "NotSupported"),
        ('[2,"x","Authorize",{}]', "OccurenceConstraintViolation"),
        ('[2,"x","Authorize",{"idTag":{}}]', "TypeConstraintViolation"),
        ('[2,"x","StatusNotification",{"errorCode":"NoError","connectorId":1,"status":"Sleepy"}]', "PropertyConstraintViolation"),
        (f'[2,"x","StatusNotification",{{{STATUS},"connectorId":99999}}]', "PropertyConstraintViolation"),
    ],
)  # fmt: skip
async def test_a_bad_frame_gets_its_callerror_and_the_socket_stays(
    tenant: Tenant, connect: Connect, frame: str, code: str
) -> None:
    async with connect() as station:
        future = station._replies["x"] = asyncio.get_running_loop().create_future()
        await station.send(frame)
        answer = await asyncio.wait_for(future, PATIENCE_S)
        assert (answer[0], answer[2]) == (4, code)
        await station.call("Heartbeat")


async def test_unreadable_frames_and_unasked_answers_are_dropped(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        for text in (
            "",
            "   ",
            "nonsense",
            "{}",
            "[]",
            "[3]",
            '[3,"nobody",{}]',
            '[4,"nobody","x","",{}]',
            '[2,null,"A",{}]',
        ):
            await station.send(text)
        await station.call("Heartbeat")


async def test_lenient_mends_and_strict_refuses(tenant: Tenant, connect: Connect) -> None:
    payload = {
        "connectorId": "1",
        "errorCode": "NoError",
        "status": "Available",
        "timestamp": "2026-11-20T10:00:00",
        "x": 1,
    }
    async with connect() as station:
        assert (await station.frame("StatusNotification", payload))[0] == 3
    await stored(tenant, lambda: ChargePoint.objects.update(strict=True))
    async with connect() as station:
        assert (await station.frame("StatusNotification", payload, "another-id"))[0] == 4
    await eventually(lambda: stored(tenant, LoggedMessage.objects.filter(note__contains="read as int").exists))


async def test_our_own_fault_is_an_internal_error_without_details(
    tenant: Tenant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chargepoints.ocpp16 import status

    def broken(**kwargs: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(status, "record_status", broken)
    async with connect() as station:
        payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        answer = await station.frame("StatusNotification", payload)
    assert answer[2] == "InternalError"
    assert "secret" not in json.dumps(answer)


async def test_the_message_log_keeps_both_directions_and_masks_passwords(tenant: Tenant, connect: Connect) -> None:
    from chargepoints.gateway.message_log import mask

    async with connect() as station:
        await station.call("Heartbeat")
    await eventually(lambda: stored(tenant, lambda: LoggedMessage.objects.count() >= 2))
    lines = await stored(tenant, lambda: list(LoggedMessage.objects.order_by("id")))
    assert [(line.direction, line.kind, line.action) for line in lines] == [
        ("in", 2, "Heartbeat"),
        ("out", 3, "Heartbeat"),
    ]
    frame = '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"0123456789abcdef"}]'
    assert "0123456789abcdef" not in mask(frame)


async def test_a_tenant_may_switch_its_message_log_off(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(set_policy, tenant, message_log_enabled=False)
    async with connect() as station:
        await station.call("Heartbeat")
    assert TIME
    assert await stored(tenant, LoggedMessage.objects.count) == 0
