"""Core profile, inbound (OCPP.md "Core", "Framing"). Numbers in names are the compliance tool's cases."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    ConfigurationKey,
    Connector,
    IdTag,
    LoggedMessage,
    StatusChange,
    Transaction,
    UnmatchedStop,
)
from metering.models import Sample
from tenants.models import OutboxEvent, Tenant
from tests.chargepoints.test_connection import set_policy, stored
from tests.conftest import eventually
from tests.stations import TIME, Connect

STATUS = '"errorCode":"NoError","status":"Available"'


async def add_tag(tenant: Tenant, token: str, **fields: Any) -> IdTag:
    tag: IdTag = await stored(
        tenant, lambda: IdTag.objects.create(tenant=tenant, token=token, token_key=token.lower(), **fields)
    )
    return tag


async def only_session(tenant: Tenant) -> Transaction:
    session: Transaction = await stored(tenant, lambda: Transaction.objects.select_related("evse").get())
    return session


async def test_001_cold_boot_keeps_every_field_and_answers_the_tenants_interval(
    tenant: Tenant, connect: Connect
) -> None:
    await asyncio.to_thread(set_policy, tenant, heartbeat_interval=123)
    async with connect() as station:
        answer = await station.call(
            "BootNotification",
            chargePointVendor="V",
            chargePointModel="M",
            firmwareVersion="1.2",
            iccid="8949",
            meterType="EM",
        )
    assert (answer["status"], answer["interval"]) == ("Accepted", 123)
    row = await stored(tenant, ChargePoint.objects.get)
    assert (row.vendor, row.firmware_version, row.boot_info["iccid"], row.boot_info["meterType"]) == (
        "V",
        "1.2",
        "8949",
        "EM",
    )


async def test_after_a_boot_the_configuration_is_read_and_what_differs_is_set(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["GetConfiguration"] = {
            "configurationKey": [
                {"key": "MeterValueSampleInterval", "readonly": False, "value": "900"},
                {"key": "ClockAlignedDataInterval", "readonly": False, "value": "900"},
                {"key": "AuthorizationKey", "readonly": False, "value": "secret-secret-secret"},
            ]
        }
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        await station.boot()
        await eventually(lambda: len(station.asked) >= 2)
        assert station.asked[1] == ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "60"})
        kept = await eventually(
            lambda: stored(
                tenant, lambda: dict(ConfigurationKey.objects.filter(value="60").values_list("key", "value"))
            )
        )
        assert kept == {"MeterValueSampleInterval": "60"}
        assert not await stored(tenant, lambda: ConfigurationKey.objects.filter(value__contains="secret").exists())


async def test_nothing_is_sent_unasked_to_a_station_that_is_set_so(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await stored(tenant, lambda: ChargePoint.objects.update(send_unasked=False))
        await station.boot()
        await station.call("Heartbeat")
        assert station.asked == []


async def test_003_a_regular_session_has_the_registers_energy(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
        started = await station.start()
        assert started["idTagInfo"]["status"] == "Invalid"
        await asyncio.to_thread(set_policy, tenant, unknown_id_tags="accept")
        started = await station.start(idTag="GUEST", meterStart=2000)
        assert started["idTagInfo"]["status"] == "Accepted"
        assert started["transactionId"] > 0
        samples = [
            {"value": "2500", "context": "Sample.Periodic"},
            {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"},
            {"value": "231", "measurand": "Voltage"},
            {"value": "16", "measurand": "Current.Import", "phase": "L1"},
            {"value": "NaN", "measurand": "SoC"},
        ]
        now = timezone.now().isoformat()
        await station.call(
            "MeterValues",
            connectorId=1,
            transactionId=started["transactionId"],
            meterValue=[{"timestamp": now, "sampledValue": samples}],
        )
        await station.stop(started["transactionId"])
    session = await stored(tenant, lambda: Transaction.objects.get(id_tag="GUEST"))
    assert (session.state, session.energy_wh) == ("stopped", Decimal(6500))
    values = await stored(
        tenant, lambda: set(Sample.objects.filter(transaction_id=session.pk).values_list("series__measurand", "value"))
    )
    assert ("Power.Active.Import", Decimal(7200)) in values
    assert {name for name, _ in values} == {
        "Energy.Active.Import.Register", "Power.Active.Import", "Voltage", "Current.Import",
    }  # fmt: skip
    types = await stored(tenant, lambda: list(OutboxEvent.objects.values_list("event_type", flat=True)))
    assert types.count("session.started") == 2
    # The refused session that was still open there ended with it.
    assert types.count("session.stopped") == 2


@pytest.mark.parametrize(
    ("case", "fields", "status"),
    [
        ("023.1 invalid", None, "Invalid"),
        ("023.2 expired", {"expires_at": timezone.now() - timedelta(days=1)}, "Expired"),
        ("023.3 blocked", {"status": "Blocked"}, "Blocked"),
        ("none allowed", {"max_active_transactions": 0}, "Blocked"),
        ("known", {}, "Accepted"),
    ],
)
async def test_023_authorize(tenant: Tenant, connect: Connect, case: str, fields: Any, status: str) -> None:
    if fields is not None:
        await add_tag(tenant, "Tag", **fields)
    async with connect() as station:
        assert (await station.call("Authorize", idTag=" TAG "))["idTagInfo"]["status"] == status


async def test_parent_and_expiry_are_answered(tenant: Tenant, connect: Connect) -> None:
    parent = await add_tag(tenant, "GROUP")
    await add_tag(tenant, "CHILD", parent=parent, expires_at=timezone.now() + timedelta(days=1))
    async with connect() as station:
        info = (await station.call("Authorize", idTag="child"))["idTagInfo"]
    assert info["parentIdTag"] == "GROUP"
    assert info["expiryDate"].endswith("Z")


async def test_concurrent_use_is_refused_for_a_start_never_for_authorize(tenant: Tenant, connect: Connect) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        first = await station.start()
        assert (await station.start(connectorId=2))["idTagInfo"]["status"] == "ConcurrentTx"
        assert (await station.call("Authorize", idTag="TAG"))["idTagInfo"]["status"] == "Accepted"
        again = await station.start()
    assert again == first


async def test_the_same_start_again_gets_the_same_id_and_makes_no_second_event(
    tenant: Tenant, connect: Connect
) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        first = await station.start()
    async with connect() as station:
        second = await station.start()
    assert first == second
    assert await stored(tenant, lambda: OutboxEvent.objects.filter(event_type="session.started").count()) == 1


async def test_the_same_start_through_two_sockets_at_the_same_instant_is_one_session(
    tenant: Tenant, connect: Connect
) -> None:
    from chargepoints.services.transactions import Start, start_transaction

    await add_tag(tenant, "TAG")
    async with connect():
        station_id = await stored(tenant, lambda: ChargePoint.objects.get().pk)
    now = timezone.now()
    start = Start(evse_number=1, id_tag="TAG", at=now, meter_wh=Decimal(1), received_at=now)
    results = await asyncio.gather(
        *(
            asyncio.to_thread(start_transaction, tenant_id=tenant.pk, charge_point_id=station_id, start=start)
            for _ in range(8)
        )
    )
    assert len({result.transaction.pk for result in results}) == 1
    assert sorted(result.created for result in results) == [False] * 7 + [True]


async def test_an_unknown_tag_of_an_offline_start_is_kept_as_blocked(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        assert (await station.start(idTag="OFFLINE"))["idTagInfo"]["status"] == "Invalid"
        again = await station.start(idTag="OFFLINE")
    assert again["idTagInfo"]["status"] == "Invalid"
    tag = await stored(tenant, IdTag.objects.get)
    assert (tag.status, tag.seen_offline) == ("Blocked", True)
    session = await only_session(tenant)
    assert session.id_tag_row_id == tag.pk


async def test_a_new_session_on_a_connector_ends_the_one_still_open_there(tenant: Tenant, connect: Connect) -> None:
    await add_tag(tenant, "ONE", max_active_transactions=None)
    now = timezone.now()
    async with connect() as station:
        first = await station.start(idTag="ONE", timestamp=(now - timedelta(hours=2)).isoformat())
        reading = {"timestamp": (now - timedelta(hours=1)).isoformat(), "sampledValue": [{"value": "4200"}]}
        await station.call("MeterValues", connectorId=1, transactionId=first["transactionId"], meterValue=[reading])
        await station.start(idTag="ONE", meterStart=5000, timestamp=now.isoformat())
    old = await stored(tenant, lambda: Transaction.objects.get(protocol_id=str(first["transactionId"])))
    assert (old.state, old.meter_stop_wh, old.flags) == (
        "inferred",
        Decimal(4200),
        ["started_offline", "closed_by_next_start"],
    )


async def test_a_refused_start_does_not_end_a_running_session(tenant: Tenant, connect: Connect) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        running = await station.start()
        assert (await station.start(idTag="STRANGER"))["idTagInfo"]["status"] == "Invalid"
    row = await stored(tenant, lambda: Transaction.objects.get(protocol_id=str(running["transactionId"])))
    assert row.state == "active"


async def test_a_replayed_start_older_than_the_running_session_does_not_end_it(
    tenant: Tenant, connect: Connect
) -> None:
    await add_tag(tenant, "TAG", max_active_transactions=None)
    async with connect() as station:
        running = await station.start(meterStart=5000, timestamp="2026-11-20T12:00:00Z")
        late = await station.start(meterStart=1000, timestamp="2026-11-20T09:00:00Z")
        await station.stop(late["transactionId"], meterStop=4000, timestamp="2026-11-20T10:00:00Z")
    states = await stored(tenant, lambda: dict(Transaction.objects.values_list("protocol_id", "state")))
    assert states == {str(running["transactionId"]): "active", str(late["transactionId"]): "stopped"}


async def test_a_repeated_stop_is_answered_and_counted_once(tenant: Tenant, connect: Connect) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        started = await station.start()
        for _ in range(3):
            assert await station.stop(started["transactionId"]) == {}
    assert await stored(tenant, lambda: OutboxEvent.objects.filter(event_type="session.stopped").count()) == 1
    assert (await only_session(tenant)).energy_wh == Decimal(7500)


@pytest.mark.parametrize("transaction_id", [0, -1, 999_999])
async def test_a_stop_for_an_id_never_given_is_kept_and_answered(
    tenant: Tenant, connect: Connect, transaction_id: int
) -> None:
    async with connect() as station:
        for _ in range(2):
            assert await station.stop(transaction_id) == {}
    assert await stored(tenant, UnmatchedStop.objects.count) == 1


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"meterStop": 500}, "register_backwards"),
        ({"timestamp": "2026-11-20T09:00:00Z"}, "stop_before_start"),
        ({"timestamp": "2036-01-01T00:00:00Z"}, "stop_in_future"),
        ({"idTag": "OTHER"}, "stopped_by_other_tag"),
    ],
)
async def test_an_odd_stop_is_kept_flagged_and_answered(
    tenant: Tenant, connect: Connect, changes: dict[str, Any], flag: str
) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        started = await station.start()
        await station.stop(started["transactionId"], **changes)
    session = await only_session(tenant)
    assert session.state == "stopped"
    assert flag in session.flags


async def test_068_069_a_tag_of_the_same_parent_may_stop(tenant: Tenant, connect: Connect) -> None:
    parent = await add_tag(tenant, "GROUP")
    for token in ("ONE", "TWO"):
        await add_tag(tenant, token, parent=parent)
    async with connect() as station:
        started = await station.start(idTag="ONE")
        answer = await station.stop(started["transactionId"], idTag="TWO")
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert "stopped_by_other_tag" not in (await only_session(tenant)).flags


async def test_a_start_on_connector_zero_is_kept_and_flagged(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.start(connectorId=0)
    assert "bad_connector" in (await only_session(tenant)).flags


async def test_a_late_older_status_does_not_overwrite_the_newer(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        for status, at in (("Charging", "2026-11-20T10:05:00Z"), ("Preparing", "2026-11-20T10:00:00Z")):
            await station.call("StatusNotification", connectorId=1, errorCode="NoError", status=status, timestamp=at)
    assert await stored(tenant, lambda: Connector.objects.get().status) == "Charging"
    assert await stored(tenant, StatusChange.objects.count) == 2


async def test_a_clock_in_the_future_does_not_freeze_the_status(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        for status, at in (
            ("Charging", "2036-01-01T00:00:00Z"),
            ("Available", (timezone.now() + timedelta(seconds=30)).isoformat()),
        ):
            await station.call("StatusNotification", connectorId=1, errorCode="NoError", status=status, timestamp=at)
    assert await stored(tenant, lambda: Connector.objects.get().status) == "Available"


async def test_first_notifications_of_many_connectors_at_once_are_safe(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await asyncio.gather(
            *(
                station.call("StatusNotification", connectorId=number % 5, errorCode="NoError", status="Available")
                for number in range(20)
            )
        )
    assert await stored(tenant, Connector.objects.count) == 4


async def test_a_connector_that_turns_available_under_a_session_warns_once(tenant: Tenant, connect: Connect) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        await station.start()
        for _ in range(2):
            await station.call("StatusNotification", connectorId=1, errorCode="NoError", status="Available")
    assert await stored(tenant, lambda: OutboxEvent.objects.filter(event_type="session.warning").count()) == 1


async def test_a_station_without_status_gets_an_implied_one(tenant: Tenant, connect: Connect) -> None:
    await add_tag(tenant, "TAG")
    async with connect() as station:
        await stored(tenant, lambda: ChargePoint.objects.update(imply_status=True))
        started = await station.start()
        assert await stored(tenant, lambda: Connector.objects.get().status) == "Charging"
        await station.stop(started["transactionId"])
    assert await stored(tenant, lambda: Connector.objects.get().status) == "Available"


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
        answer = await asyncio.wait_for(future, 10)
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
    notes = await eventually(
        lambda: stored(tenant, lambda: list(LoggedMessage.objects.exclude(note="").values_list("note", flat=True)))
    )
    assert "read as int" in notes[0]


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
    lines = await eventually(lambda: stored(tenant, lambda: list(LoggedMessage.objects.order_by("id"))))
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
