"""Commands to stations, and their races by name (DESIGN §4)."""

import asyncio
import json
import os
import signal
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, Gateway, StationConnection
from chargepoints.protocol.actions import actions_to_station
from chargepoints.services.commands import StationOffline, cancel_command, finish_command, send_command, sweep_commands
from chargepoints.services.leases import sweep_dead_gateways
from chargepoints.services.priorities import PRIORITIES
from tenants.context import system_transaction
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect, SecondGateway, connect_to


async def send(tenant: Tenant, action: str = "RemoteStartTransaction", **options: Any) -> Command:
    payload = options.pop("payload", {"idTag": "TAG"})

    def act() -> Command:
        station = ChargePoint.objects.get()
        return send_command(
            charge_point=station, action=action, payload=payload, requested_by="alice", origin="api", **options
        )

    command: Command = await stored(tenant, act)
    return command


async def state_of(tenant: Tenant, command: Command) -> str:
    state: str = await stored(tenant, lambda: Command.objects.get(pk=command.pk).state)
    return state


async def ends(tenant: Tenant, command: Command, state: str) -> Command:
    """Wait until it has this state."""

    async def there() -> bool:
        return await state_of(tenant, command) == state

    await eventually(there)
    row: Command = await stored(tenant, lambda: Command.objects.get(pk=command.pk))
    return row


@pytest.mark.parametrize(("status", "state"), [("Accepted", "accepted"), ("Rejected", "rejected")])
async def test_010_026_remote_start_ends_as_the_station_answers(
    tenant: Tenant, connect: Connect, status: str, state: str
) -> None:
    async with connect() as station:
        station.answers["RemoteStartTransaction"] = {"status": status}
        command = await send(tenant)
        row = await ends(tenant, command, state)
    assert station.asked == [("RemoteStartTransaction", {"idTag": "TAG"})]
    assert row.reply == {"status": status}
    assert row.sent_at is not None


async def test_012_a_remote_stop_is_the_attributed_reason_of_the_stop(tenant: Tenant, connect: Connect) -> None:
    from chargepoints.models import Transaction

    async with connect() as station:
        started = await station.start()
        station.answers["RemoteStopTransaction"] = {"status": "Accepted"}
        command = await send(tenant, "RemoteStopTransaction", payload={"transactionId": started["transactionId"]})
        await ends(tenant, command, "accepted")
        await station.stop(started["transactionId"], reason="Remote")
    assert await stored(tenant, lambda: Transaction.objects.get().stopped_by) == "alice"


async def test_a_session_is_tied_to_the_remote_start_that_it_answers(tenant: Tenant, connect: Connect) -> None:
    from chargepoints.models import Transaction

    async with connect() as station:
        station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
        command = await send(tenant)
        await ends(tenant, command, "accepted")
        await station.start(timestamp=timezone.now().isoformat())
    assert await stored(tenant, lambda: Transaction.objects.get().remote_start_id) == command.pk


async def test_an_offline_station_is_refused_unless_the_command_may_wait(tenant: Tenant, connect: Connect) -> None:
    async with connect():
        pass
    await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))
    with pytest.raises(StationOffline):
        await send(tenant)
    command = await send(tenant, expires_at=timezone.now() + timedelta(minutes=5))
    async with connect() as station:
        station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
        await ends(tenant, command, "accepted")


async def test_a_callerror_fails_the_command_with_its_code(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await send(tenant)
        await eventually(lambda: station.asked)
        await station.send(json.dumps([4, str(command.pk), "NotSupported", "no such thing", {}]))
        row = await ends(tenant, command, "failed")
    assert (row.error_code, row.error_description) == ("NotSupported", "no such thing")


async def test_a_reply_after_the_time_out_is_kept_beside_it(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await send(tenant, timeout_s=1)
        await ends(tenant, command, "timed_out")
        await station.send(json.dumps([3, str(command.pk), {"status": "Accepted"}]))
        late = await eventually(lambda: stored(tenant, lambda: Command.objects.get().late_reply))
    assert late == {"status": "Accepted"}
    assert await state_of(tenant, command) == "timed_out"


async def test_a_disconnect_between_send_and_reply_fails_the_command(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await send(tenant)
        await eventually(lambda: station.asked)
    row = await ends(tenant, command, "failed")
    assert row.error_code == "ConnectionLost"


async def test_ten_commands_at_once_are_strictly_one_outstanding(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        commands = [await send(tenant) for _ in range(10)]
        for number in range(1, 11):
            await eventually(lambda number=number: len(station.asked) == number)
            await station.call("Heartbeat")
            assert len(station.asked) == number
            await station.send(json.dumps([3, station.asked_ids[-1], {"status": "Accepted"}]))
        for command in commands:
            await ends(tenant, command, "accepted")


async def test_a_stop_overtakes_what_waits(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        first = await send(tenant, "ClearCache", payload={})
        await eventually(lambda: station.asked)
        await send(tenant, "GetConfiguration", payload={})
        await send(tenant, "RemoteStopTransaction", payload={"transactionId": 1})
        await station.call("Heartbeat")
        await station.send(json.dumps([3, str(first.pk), {"status": "Accepted"}]))
        await eventually(lambda: len(station.asked) >= 2)
        assert station.asked[1][0] == "RemoteStopTransaction"


async def test_cancel_against_send_has_one_winner(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
        for _ in range(10):
            command = await send(tenant)
            cancelled = await asyncio.to_thread(cancel_command, command, "alice")
            row = await ends(tenant, command, "cancelled" if cancelled else "accepted")
            assert (row.sent_at is None) == cancelled


async def test_a_command_ends_once_however_often_it_is_finished(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await send(tenant)
        await eventually(lambda: station.asked)
        results = await asyncio.gather(
            *(
                asyncio.to_thread(
                    finish_command, tenant_id=tenant.pk, command_id=command.pk, state=state, reply={"status": "x"}
                )
                for state in (CommandState.ACCEPTED, CommandState.REJECTED, CommandState.TIMED_OUT)
            )
        )
    assert sorted(results) == [False, False, True]


async def test_a_payload_that_breaks_the_schema_is_never_sent(tenant: Tenant, connect: Connect) -> None:
    from chargepoints.protocol.errors import OcppError

    async with connect() as station:
        with pytest.raises(OcppError):
            await send(tenant, payload={"idTag": 5})
        await station.call("Heartbeat")
        assert station.asked == []


async def test_the_sweep_ends_what_a_crash_left(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        command = await send(tenant)
        await eventually(lambda: station.asked)
        long_ago = timezone.now() - timedelta(hours=1)
        await stored(tenant, lambda: Command.objects.update(sent_at=long_ago))
        assert await asyncio.to_thread(sweep_commands) == 1
        assert await state_of(tenant, command) == "timed_out"


async def test_a_dead_gateways_stations_go_offline(tenant: Tenant, connect: Connect) -> None:
    async with connect():
        assert await stored(tenant, lambda: StationConnection.objects.live().count()) == 1

        def die() -> None:
            with system_transaction():
                Gateway.objects.update(seen_at=timezone.now() - timedelta(minutes=5))

        await asyncio.to_thread(die)
        assert await stored(tenant, lambda: StationConnection.objects.live().count()) == 0
        assert await asyncio.to_thread(sweep_dead_gateways) == 1


async def test_a_command_reaches_a_station_on_another_gateway(tenant: Tenant, second_gateway: SecondGateway) -> None:
    async with connect_to(second_gateway.address, "/ocpp/acme/CP1") as station:
        station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
        await ends(tenant, await send(tenant), "accepted")


async def test_a_station_that_moves_to_another_gateway_closes_its_old_socket_and_takes_its_queue_along(
    tenant: Tenant, connect: Connect, second_gateway: SecondGateway
) -> None:
    async with connect() as old:
        first = await send(tenant)
        await eventually(lambda: old.asked)
        waiting = await send(tenant, "ClearCache", payload={})
        async with connect_to(second_gateway.address, "/ocpp/acme/CP1") as new:
            new.answers["ClearCache"] = {"status": "Accepted"}
            assert await old.closed() == 1008
            await ends(tenant, first, "failed")
            await ends(tenant, waiting, "accepted")
            assert await stored(tenant, lambda: StationConnection.objects.live().count()) == 1


async def test_a_gateway_killed_hard_loses_its_lease(tenant: Tenant, second_gateway: SecondGateway) -> None:
    async with connect_to(second_gateway.address, "/ocpp/acme/CP1"):
        gateway_id = await stored(tenant, lambda: StationConnection.objects.get().gateway_id)

        def kill() -> None:
            with system_transaction():
                os.kill(Gateway.objects.get(pk=gateway_id).pid, signal.SIGKILL)
                Gateway.objects.filter(pk=gateway_id).update(seen_at=timezone.now() - timedelta(minutes=1))

        await asyncio.to_thread(kill)
        assert await stored(tenant, lambda: not StationConnection.objects.live().exists())


async def test_a_call_sent_again_through_another_gateway_gets_the_stored_answer(
    tenant: Tenant, connect: Connect, second_gateway: SecondGateway
) -> None:
    from chargepoints.models import StatusChange

    payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    async with connect() as station:
        first = await station.frame("StatusNotification", payload, "again")
    async with connect_to(second_gateway.address, "/ocpp/acme/CP1") as station:
        assert await station.frame("StatusNotification", payload, "again") == first
    assert await stored(tenant, StatusChange.objects.count) == 1


async def test_an_answer_just_before_the_disconnect_counts(tenant: Tenant, connect: Connect) -> None:
    for _ in range(5):
        async with connect() as station:
            command = await send(tenant, "Reset", payload={"type": "Soft"})
            await eventually(lambda station=station: station.asked)
            await station.send(json.dumps([3, str(command.pk), {"status": "Accepted"}]))
        await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))
        assert await state_of(tenant, command) == "accepted"


async def test_the_same_start_resent_on_a_new_socket_through_another_gateway_at_the_same_instant_is_one_transaction(
    tenant: Tenant, connect: Connect, second_gateway: SecondGateway
) -> None:
    from chargepoints.models import Transaction

    for number in range(5):
        start = {"idTag": f"TAG{number}", "timestamp": timezone.now().isoformat()}
        payload = {"connectorId": 1, "meterStart": 1000, **start}
        async with connect() as old:
            # Sent and not waited for: the station has lost its connection and comes back elsewhere.
            await old.send(json.dumps([2, f"start{number}", "StartTransaction", payload]))
            async with connect_to(second_gateway.address, "/ocpp/acme/CP1") as new:
                again = await new.frame("StartTransaction", payload, f"start{number}")
                await old.closed()
        assert again[0] == 3
        rows = await stored(tenant, lambda tag=start["idTag"]: list(Transaction.objects.filter(id_tag=tag)))
        assert [int(row.protocol_id) for row in rows] == [again[2]["transactionId"]]


def test_every_action_has_its_priority_and_a_stop_goes_first_diagnostics_last() -> None:
    assert set(PRIORITIES) == actions_to_station("1.6")
    ranked = sorted(PRIORITIES, key=PRIORITIES.__getitem__)
    assert ranked[0] == "RemoteStopTransaction"
    assert {action for action in ranked if PRIORITIES[action] == max(PRIORITIES.values())} == {
        "GetDiagnostics",
        "GetLog",
    }
    # A reset puts the configuration before it into force: it must not overtake it.
    assert PRIORITIES["Reset"] >= PRIORITIES["ChangeConfiguration"] >= PRIORITIES["InstallCertificate"]


async def test_a_stop_overtakes_a_diagnostics_request(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        session = await station.start()
        first = await send(tenant, "ClearCache", payload={})
        await eventually(lambda: station.asked)
        for action in ("RemoteStopTransaction", "ClearCache", "GetDiagnostics"):
            station.answers[action] = {} if action == "GetDiagnostics" else {"status": "Accepted"}
        await send(tenant, "GetDiagnostics", payload={"location": "ftp://files.example.com/"})
        last = await send(tenant, "RemoteStopTransaction", payload={"transactionId": session["transactionId"]})
        await station.send(json.dumps([3, str(first.pk), {"status": "Accepted"}]))
        await ends(tenant, last, "accepted")
        await eventually(lambda: len(station.asked) == 3)
    assert [action for action, _ in station.asked] == ["ClearCache", "RemoteStopTransaction", "GetDiagnostics"]


async def test_what_we_never_send_is_refused(tenant: Tenant, connect: Connect) -> None:
    from chargepoints.protocol.errors import OcppError

    async with connect() as station:
        for action in ("Heartbeat", "StartTransaction", "NoSuchThing", "../Reset"):
            with pytest.raises(OcppError):
                await send(tenant, action, payload={})
        await station.call("Heartbeat")
        assert station.asked == []
