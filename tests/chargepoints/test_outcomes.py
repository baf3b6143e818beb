"""What became of accepted commands, and the races between effect, answer and sweep by name."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.gateway.triggers import MOST, TriggerWatch
from chargepoints.models import ChargePoint, Command, CommandState, ConfigurationKey, Connector, Outcome, Transaction
from chargepoints.protocol.pending import OutgoingCall
from chargepoints.services.commands import finish_command
from chargepoints.services.outcome_sweep import sweep_outcomes
from chargepoints.services.outcomes import station_booted
from chargepoints.services.transactions import Start, start_transaction
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.chargepoints.test_commands import ends, send
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect, Station

ACCEPTED = {"status": "Accepted"}


@pytest.fixture(autouse=True)
def events_are_kept(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        Tenant.objects.update(queue_enabled=True)


async def told(tenant: Tenant) -> list[str]:
    """The outcomes that were published."""

    def read() -> list[str]:
        rows = OutboxEvent.objects.filter(event_type="command.outcome").order_by("pk")
        return [row.data["outcome"] for row in rows]

    found: list[str] = await stored(tenant, read)
    return found


async def outcome(tenant: Tenant, command: Command) -> Command:
    row: Command = await stored(tenant, lambda: Command.objects.get(pk=command.pk))
    return row


async def turns(tenant: Tenant, command: Command, wanted: Outcome) -> Command:
    async def there() -> bool:
        return (await outcome(tenant, command)).outcome == wanted

    await eventually(there)
    return await outcome(tenant, command)


async def accepted(
    tenant: Tenant, station: Station, action: str, payload: dict[str, Any], status: str = "Accepted"
) -> Command:
    station.answers[action] = {"status": status}
    command = await send(tenant, action, payload=payload)
    return await ends(tenant, command, "accepted")


async def later(tenant: Tenant, command: Command, seconds: int) -> int:
    """The sweep, so many seconds after the answer."""
    assert command.finished_at is not None
    return await asyncio.to_thread(sweep_outcomes, command.finished_at + timedelta(seconds=seconds))


async def start_now(station: Station, **changes: Any) -> dict[str, Any]:
    return await station.start(timestamp=timezone.now().isoformat(), **changes)


async def test_010_a_remote_start_is_fulfilled_by_its_session(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await accepted(tenant, station, "RemoteStartTransaction", {"idTag": "TAG"})
        assert (await outcome(tenant, command)).outcome == Outcome.WAITING
        await start_now(station, idTag="tag")
    row = await outcome(tenant, command)
    session = await stored(tenant, Transaction.objects.get)
    assert row.outcome == Outcome.FULFILLED
    assert f"Session {session.pk} " in row.outcome_detail
    assert await told(tenant) == ["fulfilled"]


async def test_011_a_remote_start_that_nobody_plugs_in_for_is_unfulfilled_after_the_connection_time_out(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        command = await accepted(tenant, station, "RemoteStartTransaction", {"idTag": "TAG"})
        assert await later(tenant, command, 170) == 0
        assert await later(tenant, command, 181) == 1
        assert await later(tenant, command, 181) == 0
    row = await outcome(tenant, command)
    assert (row.outcome, row.outcome_detail) == (Outcome.UNFULFILLED, "No session began in time.")
    assert await told(tenant) == ["unfulfilled"]


@pytest.mark.parametrize(("value", "seconds"), [("60", 60), ("0", 180), ("soon", 180)])
async def test_the_time_out_is_the_one_that_the_station_reports(
    tenant: Tenant, connect: Connect, value: str, seconds: int
) -> None:
    async with connect() as station:

        def report() -> None:
            ConfigurationKey.objects.create(
                tenant=tenant,
                charge_point=ChargePoint.objects.get(),
                key="ConnectionTimeOut",
                value=value,
                reported_at=timezone.now(),
            )

        await stored(tenant, report)
        command = await accepted(tenant, station, "RemoteStartTransaction", {"idTag": "TAG"})
        row = await outcome(tenant, command)
        assert row.outcome_until is not None
        assert row.finished_at is not None
        assert round((row.outcome_until - row.finished_at).total_seconds()) == seconds


async def test_a_session_that_comes_after_the_time_fulfils_its_remote_start_all_the_same(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        command = await accepted(tenant, station, "RemoteStartTransaction", {"idTag": "TAG"})
        await later(tenant, command, 200)
        await start_now(station)
    assert (await outcome(tenant, command)).outcome == Outcome.FULFILLED
    assert await told(tenant) == ["unfulfilled", "fulfilled"]


async def test_a_start_transaction_that_arrives_before_the_reply_to_its_remote_start_is_written(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        command = await send(tenant)
        await eventually(lambda: station.asked)
        await start_now(station)
        early = await outcome(tenant, command)
        assert (early.state, early.outcome) == (CommandState.SENT, Outcome.FULFILLED)
        assert await told(tenant) == []
        await station.send(json.dumps([3, str(command.pk), ACCEPTED]))
        row = await ends(tenant, command, "accepted")
    assert row.outcome == Outcome.FULFILLED
    assert await told(tenant) == ["fulfilled"]


async def test_what_came_before_a_refusal_was_not_its_doing(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await send(tenant)
        await eventually(lambda: station.asked)
        await start_now(station)
        await station.send(json.dumps([3, str(command.pk), {"status": "Rejected"}]))
        row = await ends(tenant, command, "rejected")
    assert (row.outcome, row.outcome_detail, row.outcome_at) == (Outcome.NONE, "", None)
    assert await told(tenant) == []


async def test_012_a_remote_stop_is_fulfilled_by_the_stations_stop(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        session = await start_now(station)
        command = await accepted(tenant, station, "RemoteStopTransaction", {"transactionId": session["transactionId"]})
        await station.stop(session["transactionId"], reason="Remote", timestamp=timezone.now().isoformat())
        row = await outcome(tenant, command)
    assert row.outcome == Outcome.FULFILLED
    assert row.outcome_detail.endswith("ended: Remote.")


async def test_an_end_of_ours_does_not_fulfil_a_remote_stop(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        session = await start_now(station)
        command = await accepted(tenant, station, "RemoteStopTransaction", {"transactionId": session["transactionId"]})
        await start_now(station, idTag="OTHER")
        assert (await outcome(tenant, command)).outcome == Outcome.WAITING
        assert await later(tenant, command, 181) == 1


@pytest.mark.parametrize("kind", ["Hard", "Soft"])
async def test_013_016_a_reset_is_fulfilled_by_the_boot_after_it(tenant: Tenant, connect: Connect, kind: str) -> None:
    async with connect() as station:
        await station.boot()
        command = await accepted(tenant, station, "Reset", {"type": kind})
        assert (await outcome(tenant, command)).outcome == Outcome.WAITING
    async with connect() as station:
        await station.boot()
        assert (await outcome(tenant, command)).outcome == Outcome.FULFILLED
        await station.boot()
    assert await told(tenant) == ["fulfilled"]


async def test_a_boot_before_the_reply_of_the_reset_is_written(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await send(tenant, "Reset", payload={"type": "Soft"})
        await eventually(lambda: station.asked)
        await station.boot()
        assert await told(tenant) == []
        await station.send(json.dumps([3, str(command.pk), ACCEPTED]))
        row = await ends(tenant, command, "accepted")
    assert row.outcome == Outcome.FULFILLED
    assert await told(tenant) == ["fulfilled"]


async def test_017_an_unlock_says_itself_what_became_of_it(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        unlocked = await accepted(tenant, station, "UnlockConnector", {"connectorId": 1}, "Unlocked")
        row = await outcome(tenant, unlocked)
        assert (row.outcome, row.outcome_detail) == (Outcome.FULFILLED, "Unlocked")
        station.answers["UnlockConnector"] = {"status": "UnlockFailed"}
        failed = await ends(tenant, await send(tenant, "UnlockConnector", payload={"connectorId": 1}), "rejected")
        assert failed.outcome == Outcome.NONE


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
async def test_054_a_trigger_is_fulfilled_by_the_message_of_that_connector(
    tenant: Tenant, connect: Connect, action: str
) -> None:
    status = {"errorCode": "NoError", "status": "Available"}
    async with connect() as station:
        command = await accepted(tenant, station, action, {"requestedMessage": "StatusNotification", "connectorId": 2})
        await station.call("StatusNotification", connectorId=1, **status)
        await station.call("Heartbeat")
        assert (await outcome(tenant, command)).outcome == Outcome.WAITING
        await station.call("StatusNotification", connectorId=2, **status)
        row = await turns(tenant, command, Outcome.FULFILLED)
    assert row.outcome_detail == "StatusNotification came."


async def test_a_triggered_heartbeat_fulfils_though_it_costs_no_query_otherwise(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        command = await accepted(tenant, station, "TriggerMessage", {"requestedMessage": "Heartbeat"})
        await station.call("Heartbeat")
        await turns(tenant, command, Outcome.FULFILLED)


async def test_a_trigger_that_nothing_follows_is_unfulfilled(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await accepted(tenant, station, "TriggerMessage", {"requestedMessage": "MeterValues"})
        assert await later(tenant, command, 61) == 1
    assert (await outcome(tenant, command)).outcome_detail == "The message was not seen in time."


async def test_a_scheduled_change_of_availability_waits_for_the_status(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.call("StatusNotification", connectorId=1, errorCode="NoError", status="Charging")
        payload = {"connectorId": 1, "type": "Inoperative"}
        command = await accepted(tenant, station, "ChangeAvailability", payload, "Scheduled")
        assert await later(tenant, command, 5) == 0
        await station.call("StatusNotification", connectorId=1, errorCode="NoError", status="Unavailable")
        assert await later(tenant, command, 10) == 1
    assert (await outcome(tenant, command)).outcome == Outcome.FULFILLED


async def test_the_whole_station_has_changed_when_all_connectors_have(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        for number in (1, 2):
            await station.call("StatusNotification", connectorId=number, errorCode="NoError", status="Available")
        payload = {"connectorId": 0, "type": "Inoperative"}
        command = await accepted(tenant, station, "ChangeAvailability", payload, "Scheduled")
        await stored(tenant, lambda: Connector.objects.filter(evse__number=1).update(status="Unavailable"))
        assert await later(tenant, command, 5) == 0
        await stored(tenant, lambda: Connector.objects.update(status="Unavailable"))
        assert await later(tenant, command, 10) == 1


async def test_an_accepted_change_of_availability_has_happened(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await accepted(tenant, station, "ChangeAvailability", {"connectorId": 0, "type": "Operative"})
        assert (await outcome(tenant, command)).outcome == Outcome.FULFILLED


def race(*steps: Callable[[], object]) -> None:
    """All at the same instant, each in a thread of its own."""
    barrier = Barrier(len(steps))

    def run(step: Callable[[], object]) -> None:
        barrier.wait(60)
        step()

    async def together() -> None:
        await asyncio.gather(*(asyncio.to_thread(run, step) for step in steps))

    asyncio.run(together())


def make_command(tenant: Tenant, action: str, state: CommandState, **fields: Any) -> Command:
    now = timezone.now()
    with tenant_transaction(tenant.pk):
        station, _ = ChargePoint.objects.get_or_create(tenant=tenant, identity="CP1", identity_key="cp1")
        return Command.objects.create(
            tenant=tenant,
            charge_point=station,
            action=action,
            state=state,
            sent_at=now - timedelta(minutes=5),
            requested_by="alice",
            origin="api",
            **fields,
        )


def read(tenant: Tenant, command: Command) -> tuple[Command, list[str]]:
    with tenant_transaction(tenant.pk):
        events = OutboxEvent.objects.filter(event_type="command.outcome").order_by("pk")
        return Command.objects.get(pk=command.pk), [event.data["outcome"] for event in events]


def test_the_sweep_against_the_arrival_of_a_session_ends_fulfilled(tenant: Tenant) -> None:
    for number in range(8):
        past = timezone.now() - timedelta(seconds=1)
        command = make_command(
            tenant,
            "RemoteStartTransaction",
            CommandState.ACCEPTED,
            payload={"idTag": f"T{number}"},
            outcome=Outcome.WAITING,
            outcome_until=past,
        )
        now = timezone.now()
        start = Start(number + 1, f"T{number}", now, 0, now)  # type: ignore[arg-type]
        race(
            lambda: sweep_outcomes(timezone.now()),
            lambda start=start, pk=command.charge_point_id: start_transaction(  # type: ignore[misc]
                tenant_id=tenant.pk, charge_point_id=pk, start=start
            ),
        )
        row, events = read(tenant, command)
        assert row.outcome == Outcome.FULFILLED
        assert events[-1] == "fulfilled"


def test_the_sweep_against_a_boot_settles_a_reset_once(tenant: Tenant) -> None:
    for number in range(1, 9):
        past = timezone.now() - timedelta(seconds=1)
        command = make_command(tenant, "Reset", CommandState.ACCEPTED, outcome=Outcome.WAITING, outcome_until=past)

        def boot(pk: int = command.charge_point_id) -> None:
            with tenant_transaction(tenant.pk):
                station_booted(charge_point_id=pk, at=timezone.now())

        race(lambda: sweep_outcomes(timezone.now()), boot)
        row, events = read(tenant, command)
        assert row.outcome in {Outcome.FULFILLED, Outcome.UNFULFILLED}
        assert len(events) == number
        assert events[-1] == row.outcome


def test_a_boot_at_the_same_instant_as_the_reply_fulfils_the_reset_once(tenant: Tenant) -> None:
    for number in range(1, 9):
        command = make_command(tenant, "Reset", CommandState.SENT, payload={"type": "Hard"})

        def boot(pk: int = command.charge_point_id) -> None:
            with tenant_transaction(tenant.pk):
                station_booted(charge_point_id=pk, at=timezone.now())

        def answer(command: Command = command) -> None:
            finish_command(tenant_id=tenant.pk, command_id=command.pk, state=CommandState.ACCEPTED, reply=ACCEPTED)

        race(boot, answer)
        row, events = read(tenant, command)
        assert (row.state, row.outcome) == (CommandState.ACCEPTED, Outcome.FULFILLED)
        assert events == ["fulfilled"] * number


def trigger(number: int, **payload: Any) -> OutgoingCall:
    return OutgoingCall(f"00000000-0000-4000-8000-{number:012d}", "TriggerMessage", payload, 30.0)


def test_the_watch_for_triggered_messages_is_bounded() -> None:
    watch = TriggerWatch()
    for number in range(MOST * 2):
        watch.sent(trigger(number, requestedMessage="Heartbeat"))
    assert len(watch.came("Heartbeat", {})) == MOST
    assert not watch


def test_a_triggered_certificate_request_comes_under_another_name() -> None:
    watch = TriggerWatch()
    watch.sent(trigger(1, requestedMessage="SignChargePointCertificate"))
    assert watch.came("BootNotification", {}) == []
    assert len(watch.came("SignCertificate", {"csr": "x"})) == 1
