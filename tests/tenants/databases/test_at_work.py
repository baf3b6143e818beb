"""A tenant in a database of its own, at work: stations, programs, people, sweeps; and while it is being moved."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import websockets
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, CommandState, LoggedMessage, StationConnection, Transaction
from chargepoints.services import commands, leases
from chargepoints.tasks import sweep_commands
from csms.stillness import still_at_work
from metering.ingest.process import close_ingest
from metering.models import Sample
from tenants.api.sign_in import issue_tokens
from tenants.context import directory_transaction, in_database, system_transaction, tenant_transaction, where_lives
from tenants.databases import each
from tenants.databases.move import Work, begin_move, go_on, undo_move
from tenants.delivery import queue
from tenants.models import AuditEntry, IdempotentAnswer, Tenant, Webhook
from tenants.sealing import seal
from tenants.selectors import access_to
from tenants.services.api_keys import issue_api_key
from tests.conftest import eventually, make_user, wait_until
from tests.second_database import SPARE, move_to, rows_in, spare_urls
from tests.stations import Connect, SecondGateway, Station, connect_to, second_gateway

__all__ = ["second_gateway"]

pytestmark = pytest.mark.django_db
BEGAN = timezone.now().replace(microsecond=0) - timedelta(hours=1)


async def stored(tenant: Tenant, read: Any) -> Any:
    def look() -> Any:
        with tenant_transaction(tenant.pk):
            return read()

    return await asyncio.to_thread(look)


def client_of(tenant: Tenant, name: str = "alice") -> APIClient:
    user = make_user(name, tenant)
    access = access_to(user, tenant.slug)
    assert access is not None
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user, access)['access']}")
    return client


async def test_a_station_signs_in_charges_and_is_commanded_there(tenant: Tenant, spare: str, connect: Connect) -> None:
    await asyncio.to_thread(move_to, tenant, spare)
    async with connect("/ocpp/acme/CP1") as station:
        assert (await station.boot())["status"] == "Accepted"
        session = (await station.start())["transactionId"]
        await say(station, session, 1)
        station.answers["Reset"] = {"status": "Accepted"}

        def ask() -> Any:
            return commands.send_command(
                charge_point=ChargePoint.objects.get(identity="CP1"),
                action="Reset",
                payload={"type": "Soft"},
                requested_by="test",
                origin="test",
            ).pk

        pk = await stored(tenant, ask)
        await eventually(lambda: stored(tenant, lambda: Command.objects.get(pk=pk).state == CommandState.ACCEPTED))
        assert await stored(tenant, lambda: StationConnection.objects.live().count()) == 1
        assert session > 0
        await station.stop(session)
    await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))
    await eventually(lambda: stored(tenant, lambda: LoggedMessage.objects.filter(action="StopTransaction").exists()))
    await close_ingest()
    done = await stored(tenant, lambda: Transaction.objects.get(protocol_id=str(session)))
    assert done.meter_stop_wh == 8500
    for table in ("chargepoints_chargepoint", "chargepoints_transaction", "metering_sample", "chargepoints_message"):
        assert await asyncio.to_thread(rows_in, "", table, tenant.pk) == 0, table
        assert await asyncio.to_thread(rows_in, spare, table, tenant.pk) > 0, table


async def say(station: Station, session: int, number: int) -> bool:
    """A reading of that many kWh; whether the system has acknowledged it."""
    reading = {
        "timestamp": (BEGAN + timedelta(seconds=number)).isoformat().replace("+00:00", "Z"),
        "sampledValue": [{"value": str(1000 + number), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}],
    }
    asked = asyncio.ensure_future(
        station.frame("MeterValues", {"connectorId": 1, "transactionId": session, "meterValue": [reading]})
    )
    gone = asyncio.ensure_future(station.socket.wait_closed())
    await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    if not asked.done():
        asked.cancel()
        return False
    answer: list[Any] = asked.result()
    return bool(answer[0] == 3)


class Car:
    """Charges at CP1, whatever happens to the connection, and notes what was acknowledged."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self.acknowledged: list[int] = []
        self.refusals: list[tuple[int, bool]] = []
        self.session = 0
        self.number = 0
        self.done = asyncio.Event()

    async def charge(self) -> None:
        while not self.done.is_set():
            try:
                async with self._connect("/ocpp/acme/CP1") as station:
                    await self._talk(station)
            except websockets.InvalidStatus as refused:
                self.refusals.append((refused.response.status_code, "Retry-After" in refused.response.headers))
                await asyncio.sleep(0.1)
            except websockets.ConnectionClosed:
                await asyncio.sleep(0.1)

    async def _talk(self, station: Station) -> None:
        if not self.session:
            await station.boot()
            self.session = (await station.start(timestamp=BEGAN.isoformat()))["transactionId"]
        while not self.done.is_set():
            # What was not acknowledged is said again, as stations do.
            if not await say(station, self.session, self.number + 1):
                await asyncio.sleep(0.05)
                return
            self.number += 1
            self.acknowledged.append(self.number)
            await asyncio.sleep(0.005)
        await station.stop(self.session, meterStop=1000 + self.number, timestamp=datetime.now(UTC).isoformat())


async def test_a_station_that_charges_through_a_move_loses_nothing_acknowledged(
    tenant: Tenant, spare: str, connect: Connect
) -> None:
    car = Car(connect)
    charging = asyncio.create_task(car.charge())
    try:
        await eventually(lambda: car.number >= 20 or charging.done())
        for place in (spare, ""):
            work = Work(still_at_work=still_at_work, settle_s=0.5)
            move = await asyncio.to_thread(begin_move, slug=tenant.slug, target=place, actor="test")
            await asyncio.to_thread(go_on, move, work)
            at = car.number
            await eventually(lambda at=at: car.number >= at + 20 or charging.done())
    finally:
        car.done.set()
        await asyncio.wait_for(charging, 60)
    await close_ingest()
    assert set(car.refusals) <= {(503, True)}
    session = await stored(tenant, lambda: Transaction.objects.get(protocol_id=str(car.session)))
    assert session.meter_stop_wh == 1000 + car.number
    assert await stored(tenant, Transaction.objects.count) == 1
    values = await stored(
        tenant, lambda: list(Sample.objects.filter(at__gte=BEGAN, at__lt=timezone.now()).values_list("at", "value"))
    )
    found = [
        int((at - BEGAN).total_seconds())
        for at, value in values
        if value == Decimal(1000 + int((at - BEGAN).total_seconds()))
    ]
    assert set(car.acknowledged) <= set(found)
    assert await asyncio.to_thread(rows_in, spare, "metering_sample", tenant.pk) == 0


@pytest.fixture
def known_to_processes(spare: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Processes that are started from here know of the second database too."""
    monkeypatch.setenv("CSMS_TENANT_DATABASES", json.dumps({spare: spare_urls()}))
    return spare


async def test_a_gateway_in_another_process_hears_of_a_move(
    tenant: Tenant, known_to_processes: str, second_gateway: SecondGateway
) -> None:
    car = Car(lambda path: connect_to(second_gateway.address, path))
    charging = asyncio.create_task(car.charge())
    try:
        await eventually(lambda: car.number >= 5 or charging.done())
        move = await asyncio.to_thread(begin_move, slug=tenant.slug, target=known_to_processes, actor="test")
        await asyncio.to_thread(go_on, move, Work(still_at_work=still_at_work, settle_s=1.5))
        at = car.number
        await eventually(lambda: car.number >= at + 5 or charging.done())
    finally:
        car.done.set()
        await asyncio.wait_for(charging, 60)
    session = await stored(tenant, lambda: Transaction.objects.get(protocol_id=str(car.session)))
    assert session.meter_stop_wh == 1000 + car.number
    values = await stored(tenant, lambda: {int(value) for value in Sample.objects.values_list("value", flat=True)})
    assert {1000 + number for number in car.acknowledged} <= values


def test_programs_and_people_are_told_to_come_again_while_it_moves(tenant: Tenant, spare: str) -> None:
    client, office = client_of(tenant), Client(raise_request_exception=False)
    office.force_login(access_user("alice"))
    with tenant_transaction(tenant.pk):
        _, key = issue_api_key(name="program", role="operator")
    program = APIClient()
    program.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    assert client.get("/api/v1/chargepoints").status_code == 200
    move = begin_move(slug=tenant.slug, target=spare, actor="test")
    for caller in (client, program):
        answer = caller.get("/api/v1/chargepoints")
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert answer.json()["errors"][0]["code"] == "being_moved"
    page = office.get(reverse("admin:index"))
    assert page.status_code == 503
    assert page["Retry-After"]
    assert "Acme is being moved" in page.content.decode()
    go_on(move, Work(still_at_work=lambda tenant: "", settle_s=0.0))
    assert client.get("/api/v1/chargepoints").status_code == 200
    assert program.get("/api/v1/chargepoints").status_code == 200
    assert office.get(reverse("admin:index")).status_code == 200


def access_user(name: str) -> Any:
    from tenants.models import User

    return User.objects.using("system").get(username=name)


def test_what_programs_write_is_there_with_its_trail_and_is_done_once(tenant: Tenant, spare: str) -> None:
    client = client_of(tenant)
    move_to(tenant, spare)
    body = {"idTag": "CARD-1", "status": "Accepted"}
    for _ in range(2):
        answer = client.post("/api/v1/id-tags", body, format="json", HTTP_IDEMPOTENCY_KEY="once")
        assert answer.status_code == 201, answer.content
    with tenant_transaction(tenant.pk):
        assert AuditEntry.objects.filter(action="create").count() == 1
        assert IdempotentAnswer.objects.count() == 1
    assert rows_in("", "chargepoints_idtag", tenant.pk) == rows_in("", "tenants_auditentry", tenant.pk) == 0


def test_an_answer_that_was_kept_is_given_again_after_a_move(tenant: Tenant, spare: str) -> None:
    client = client_of(tenant)
    body = {"idTag": "CARD-1", "status": "Accepted"}
    client.post("/api/v1/id-tags", body, format="json", HTTP_IDEMPOTENCY_KEY="once")
    move_to(tenant, spare)
    again = client.post("/api/v1/id-tags", body, format="json", HTTP_IDEMPOTENCY_KEY="once")
    assert again.status_code == 201
    assert again["Idempotent-Replayed"] == "true"


def test_sweeps_run_in_every_database(tenant: Tenant, other_tenant: Tenant, spare: str) -> None:
    move_to(tenant, spare)
    for one in (tenant, other_tenant):
        with tenant_transaction(one.pk):
            station = ChargePoint.objects.create(tenant=one, identity="CP1", identity_key="cp1")
            Command.objects.create(
                tenant=one,
                charge_point=station,
                action="Reset",
                payload={},
                expires_at=timezone.now() - timedelta(hours=1),
                timeout_s=30,
            )
    assert sweep_commands() == 2
    for one in (tenant, other_tenant):
        with tenant_transaction(one.pk):
            assert Command.objects.get().state == CommandState.TIMED_OUT


def test_a_sweep_passes_over_a_tenant_that_is_being_moved(tenant: Tenant, other_tenant: Tenant, spare: str) -> None:
    for one in (tenant, other_tenant):
        with tenant_transaction(one.pk):
            station = ChargePoint.objects.create(tenant=one, identity="CP1", identity_key="cp1")
            Command.objects.create(
                tenant=one,
                charge_point=station,
                action="Reset",
                payload={},
                expires_at=timezone.now() - timedelta(hours=1),
                timeout_s=30,
            )
    move = begin_move(slug=tenant.slug, target=spare, actor="test")

    class Paused(Exception):
        pass

    def pause(step: str) -> None:
        if step == "closed":
            raise Paused

    with pytest.raises(Paused):
        go_on(move, Work(still_at_work=lambda tenant: "", settle_s=0.0, reached=pause))
    assert sweep_commands() == 1
    undo_move(move)
    assert sweep_commands() == 1


def test_webhooks_are_sent_for_from_where_their_tenant_lives(tenant: Tenant, spare: str) -> None:
    with tenant_transaction(tenant.pk):
        Webhook.objects.create(tenant=tenant, url="https://example.com/hook", secret=seal("whsec_c2VjcmV0", "webhook"))
    move_to(tenant, spare)
    client = client_of(tenant)
    client.post("/api/v1/chargepoints", {"id": "CP1"}, format="json")
    from chargepoints.events import ChargePointConnected
    from tenants.events import publish

    with tenant_transaction(tenant.pk):
        publish(ChargePointConnected(charge_point="CP1", at=timezone.now(), gateway_id="g"))
    (hook,) = wait_until(lambda: queue.lease_webhooks(5))
    assert hook.database == spare
    # A transaction that may have written events holds it back until it has ended.
    jobs = wait_until(lambda: queue.take_jobs(hook.id, hook.database))
    results = [queue.Result(job, True, 200, "", 5) for job in jobs]
    queue.write_results(hook.id, results, hook.database)
    queue.release(hook.id, hook.database)
    with tenant_transaction(tenant.pk):
        assert Webhook.objects.get().last_delivered_at is not None
    assert queue.lease_webhooks(5) == []


def test_a_database_that_is_away_keeps_no_one_else_waiting(
    tenant: Tenant, other_tenant: Tenant, spare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    move_to(tenant, spare)
    asked: list[str] = []

    def look() -> str:
        from tenants.context import current_database

        asked.append(current_database())
        if current_database() == SPARE:
            raise OperationalError("connection refused")
        return current_database()

    assert each.in_each_database(look) == [""]
    # It is left alone for a while.
    assert each.in_each_database(look) == [""]
    assert asked == ["", SPARE, ""]
    with tenant_transaction(other_tenant.pk):
        assert not ChargePoint.objects.exists()


def test_a_gateway_holds_its_lease_in_every_database(tenant: Tenant, spare: str) -> None:

    from chargepoints.models import Gateway

    gateway_id = uuid4()
    leases.renew_lease(gateway_id=gateway_id, host="h", pid=1, channel="c", started_at=timezone.now())
    for database in ("", spare):
        with in_database(database), system_transaction():
            assert Gateway.objects.filter(pk=gateway_id).exists()
    leases.end_gateway(gateway_id)
    for database in ("", spare):
        with in_database(database), system_transaction():
            assert not Gateway.objects.filter(pk=gateway_id).exists()


def test_a_copy_that_an_outage_has_left_behind_is_mended(tenant: Tenant, spare: str) -> None:
    from tenants.tasks import mend_copies_of_tenants

    move_to(tenant, spare)
    with directory_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(heartbeat_interval=77)
    assert mend_copies_of_tenants() == 1
    with where_lives(tenant.pk), system_transaction():
        assert Tenant.objects.get(pk=tenant.pk).heartbeat_interval == 77
    assert mend_copies_of_tenants() == 0
