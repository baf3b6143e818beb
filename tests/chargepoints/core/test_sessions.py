"""Sessions over the wire: starts, stops and tags (OCPP.md "Core")."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    IdTag,
    Transaction,
    UnmatchedStop,
)
from metering.models import Sample
from tenants.models import OutboxEvent, Tenant
from tests.chargepoints.core.rows import add_tag, only_session
from tests.chargepoints.test_connection import set_policy, stored
from tests.stations import Connect


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
