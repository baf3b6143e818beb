"""What the sockets of a gateway want of the commands table at once: claimed, read and ended together, each by itself."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connections

from chargepoints.gateway import commands as grouped
from chargepoints.gateway.commands import LinePerTenant
from chargepoints.models import ChargePoint, Command, CommandState
from chargepoints.services.claims import claim_many
from chargepoints.services.command_answers import Answer, finish_many
from chargepoints.services.commands import cancel_command
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.test_commands import ends, send
from tests.conftest import eventually
from tests.stations import Connect
from tests.threads import give_connections_back


def queue(tenant: Tenant, number: int) -> list[Command]:
    """A command for each of as many stations."""
    with tenant_transaction(tenant.pk):
        stations = ChargePoint.objects.bulk_create(
            ChargePoint(tenant=tenant, identity=f"Q{n}", identity_key=f"q{n}") for n in range(number)
        )
        return Command.objects.bulk_create(
            Command(tenant=tenant, charge_point=one, action="ClearCache", payload={}, requested_by="x", origin="system")
            for one in stations
        )


def claim(tenant: Tenant, commands: Sequence[Command], gateway_id: UUID | None = None) -> set[UUID]:
    wanted = [(command.pk, uuid4()) for command in commands]
    return claim_many(tenant_id=tenant.pk, gateway_id=gateway_id or uuid4(), wanted=wanted)


def states(tenant: Tenant, commands: Sequence[Command]) -> list[str]:
    with tenant_transaction(tenant.pk):
        rows = Command.objects.in_bulk([command.pk for command in commands])
    return [rows[command.pk].state for command in commands]


def test_two_gateways_that_claim_the_same_commands_get_each_of_them_once(tenant: Tenant) -> None:
    commands, gateways = queue(tenant, 40), [uuid4(), uuid4()]

    def run(turn: int) -> set[UUID]:
        try:
            return claim(tenant, commands[::-1] if turn else commands, gateways[turn])
        finally:
            give_connections_back()

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(run, (0, 1))
    assert not first & second
    # One that the other had in its hands just then is left to a claim of its own.
    rest = claim(tenant, [command for command in commands if command.pk not in first | second])
    assert len(first) + len(second) + len(rest) == 40
    with tenant_transaction(tenant.pk):
        assert Command.objects.filter(gateway_id=gateways[0], state=CommandState.SENT).count() == len(first)
        assert not Command.objects.filter(state=CommandState.SENT, connection_id=None).exists()


def test_a_cancelled_command_is_not_claimed_with_the_others_and_a_claimed_one_not_cancelled(tenant: Tenant) -> None:
    first, second, third = queue(tenant, 3)
    assert cancel_command(second, "alice")
    assert claim(tenant, [first, second, third]) == {first.pk, third.pk}
    assert not cancel_command(first, "alice")
    assert states(tenant, [first, second, third]) == ["sent", "cancelled", "sent"]


def test_a_command_that_somebody_has_locked_holds_none_of_the_others_up(tenant: Tenant) -> None:
    first, locked, third = queue(tenant, 3)
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT set_config('csms.tenant_id', %s, true)", [str(tenant.pk)])
            cursor.execute("SELECT id FROM chargepoints_command WHERE id = %s FOR UPDATE", [locked.pk])
            assert cursor.fetchone() is not None
        assert claim(tenant, [first, locked, third]) == {first.pk, third.pk}
        answers = [Answer(one.pk, CommandState.ACCEPTED, {"status": "Accepted"}) for one in (first, locked, third)]
        assert finish_many(tenant_id=tenant.pk, answers=answers) == {first.pk, third.pk}
    finally:
        other.rollback()
        other.close()
    assert states(tenant, [first, locked, third]) == ["accepted", "queued", "accepted"]


def test_answers_end_only_what_was_sent_and_once(tenant: Tenant) -> None:
    commands = queue(tenant, 3)
    claim(tenant, commands[:2])
    answers = [Answer(one.pk, CommandState.REJECTED, {"status": 'No "way"\\'}) for one in commands]
    assert finish_many(tenant_id=tenant.pk, answers=answers) == {one.pk for one in commands[:2]}
    assert finish_many(tenant_id=tenant.pk, answers=answers) == set()
    assert states(tenant, commands) == ["rejected", "rejected", "queued"]
    with tenant_transaction(tenant.pk):
        row = Command.objects.get(pk=commands[0].pk)
    assert row.reply == {"status": 'No "way"\\'}
    assert row.finished_at is not None


async def test_alone_nobody_waits_and_what_comes_meanwhile_goes_together() -> None:
    asked: list[list[int]] = []
    busy = asyncio.Event()

    async def act(tenant_id: int, numbers: Sequence[int]) -> list[int]:
        asked.append([*numbers])
        await busy.wait()
        return [number * 2 for number in numbers]

    line: LinePerTenant[int, int] = LinePerTenant(act, 3)
    first = asyncio.create_task(line.ask(1, 1))
    await eventually(lambda: asked == [[1]])
    others = [asyncio.create_task(line.ask(1, number)) for number in range(2, 7)]
    elsewhere = asyncio.create_task(line.ask(2, 10))
    await eventually(lambda: [10] in asked)
    busy.set()
    assert [await one for one in (first, *others, elsewhere)] == [2, 4, 6, 8, 10, 12, 20]
    assert asked == [[1], [10], [2, 3, 4], [5, 6]]


async def test_an_error_is_told_to_everybody_and_the_next_ones_are_answered() -> None:
    async def act(tenant_id: int, numbers: Sequence[int]) -> list[int]:
        if 0 in numbers:
            raise OperationalError("away")
        return [*numbers]

    line: LinePerTenant[int, int] = LinePerTenant(act, 10)
    answers = await asyncio.gather(*(line.ask(1, number) for number in (7, 0, 1)), return_exceptions=True)
    # The first finds nobody before it, and goes alone.
    assert [type(one) for one in answers] == [int, OperationalError, OperationalError]
    assert await line.ask(1, 2) == 2


async def test_a_claim_that_the_database_did_not_take_leaves_the_station_able_to_be_sent_to(
    tenant: Tenant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[int] = []

    def fail_once(**asked: Any) -> set[UUID]:
        if not failed:
            failed.append(1)
            raise OperationalError("away")
        return claim_many(**asked)

    monkeypatch.setattr(grouped, "claim_many", fail_once)
    async with connect() as station:
        station.answers["ClearCache"] = {"status": "Accepted"}
        command = await send(tenant, "ClearCache", payload={})
        await ends(tenant, command, "accepted")
    assert failed
    assert [action for action, _ in station.asked].count("ClearCache") == 1
