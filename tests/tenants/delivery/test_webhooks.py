"""Events to webhooks: at least once, in order for each charge point, signed (API.md "Events")."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from tenants.context import system_transaction, tenant_transaction
from tenants.delivery import queue
from tenants.delivery.backoff import REFUSED_ATTEMPTS, SCHEDULE, pause_after
from tenants.delivery.webhooks import deliver, send_jobs, signed
from tenants.events import Event, event_types, publish
from tenants.models import OutboxEvent, Tenant, Webhook, WebhookDelivery
from tenants.outbound import new_secret
from tenants.services.webhooks import Who, change_webhook, create_webhook, redeliver_dead, rotate_secret
from tests.conftest import eventually
from tests.stations import PATIENCE_S
from tests.tenants.delivery.receiver import Receiver

WHO = Who("alice", "api")
State = WebhookDelivery.State


@dataclass(frozen=True, kw_only=True)
class Numbered(Event):
    event_type: ClassVar[str] = "test.numbered"
    n: int


def act(tenant: Tenant, what: Any) -> Any:
    """In a thread and a transaction of the tenant."""

    def run() -> Any:
        try:
            with tenant_transaction(tenant.pk):
                return what()
        finally:
            connections.close_all()

    return asyncio.to_thread(run)


def tell(tenant: Tenant, *numbers: int, charge_point: str = "CP1") -> Any:
    def write() -> None:
        for n in numbers:
            publish(Numbered(charge_point=charge_point, at=timezone.now(), n=n))

    return act(tenant, write)


def hook(tenant: Tenant, receiver: Receiver, **options: Any) -> Any:
    return act(tenant, lambda: create_webhook(url=receiver.url, who=WHO, **options))


def states(tenant: Tenant) -> Any:
    return act(tenant, lambda: list(WebhookDelivery.objects.order_by("event_id").values_list("state", flat=True)))


def make_due(tenant: Tenant) -> Any:
    """As if the pauses were over."""

    def write() -> None:
        Webhook.objects.update(rests_until=None)
        WebhookDelivery.objects.exclude(next_at=None).update(next_at=timezone.now() - timedelta(seconds=1))

    return act(tenant, write)


@pytest.fixture
async def receiver(settings: Any, tenant: Tenant) -> AsyncIterator[Receiver]:
    settings.ALLOW_PRIVATE_HOOKS = True
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    receiver.gate.set()
    server.close()


@pytest.fixture
async def sender(receiver: Receiver) -> AsyncIterator[None]:
    """The process that delivers."""
    stop = asyncio.Event()
    task = asyncio.create_task(deliver(stop))
    yield
    stop.set()
    receiver.gate.set()
    await asyncio.wait_for(task, PATIENCE_S)


async def test_what_happens_after_it_was_made_arrives_in_order(
    tenant: Tenant, receiver: Receiver, sender: None
) -> None:
    await tell(tenant, 1)
    await hook(tenant, receiver)
    await tell(tenant, *range(2, 30))
    await eventually(lambda: len(receiver.got) == 28)
    assert receiver.numbers() == list(range(2, 30))
    first = receiver.got[0]
    assert first["event_type"] == "test.numbered"
    assert first["tenant_id"] == "acme"
    assert first["charge_point_id"] == "CP1"
    assert receiver.headers[0]["webhook-id"] == first["event_id"]
    await eventually(lambda: _all(tenant, State.DELIVERED))


async def _all(tenant: Tenant, state: str) -> bool:
    return set(await states(tenant)) == {state}


async def test_requests_are_signed_by_both_secrets_while_one_is_rotated(
    tenant: Tenant, receiver: Receiver, sender: None
) -> None:
    row, first = await hook(tenant, receiver)
    second = await act(tenant, lambda: rotate_secret(webhook=row, who=WHO))
    await tell(tenant, 1)
    await eventually(lambda: receiver.got)
    headers, body = receiver.headers[0], receiver.bodies[0]
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = []
    for secret in (second, first):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected.append("v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode())
    assert headers["webhook-signature"].split(" ") == expected


async def test_only_the_types_that_it_asked_for_are_sent(tenant: Tenant, receiver: Receiver, sender: None) -> None:
    await hook(tenant, receiver, event_types=["session.started"])
    everything, _ = await hook(tenant, receiver)
    await tell(tenant, 1)
    await eventually(lambda: _all(tenant, State.DELIVERED))
    assert len(receiver.got) == 1
    rows = await act(tenant, lambda: list(WebhookDelivery.objects.values_list("webhook_id", flat=True)))
    assert rows == [everything.pk]


async def test_a_refused_event_holds_up_its_own_charge_point_only(
    tenant: Tenant, receiver: Receiver, sender: None
) -> None:
    await hook(tenant, receiver)
    receiver.answers["CP1"] = 400
    await tell(tenant, 1, 2, charge_point="CP1")
    await tell(tenant, 3, 4, charge_point="CP2")
    await eventually(lambda: receiver.numbers("CP2") == [3, 4] and receiver.numbers("CP1"))
    assert set(receiver.numbers("CP1")) == {1}
    receiver.answers.clear()
    await make_due(tenant)
    await eventually(lambda: receiver.numbers("CP1")[-2:] == [1, 2])
    await eventually(lambda: _all(tenant, State.DELIVERED))


async def test_one_that_is_refused_for_good_is_given_up_and_can_be_sent_again(
    tenant: Tenant, receiver: Receiver, sender: None
) -> None:
    row, _ = await hook(tenant, receiver)
    await tell(tenant, 1, 2)
    first = await act(tenant, lambda: str(OutboxEvent.objects.order_by("pk")[0].event_id))
    receiver.answers[first] = 422
    for _ in range(REFUSED_ATTEMPTS + 1):
        await eventually(lambda: _attempted(tenant))
        await make_due(tenant)
    await eventually(lambda: receiver.numbers()[-1:] == [2])
    await eventually(lambda: _states_are(tenant, [State.DEAD, State.DELIVERED]))
    receiver.answers.clear()
    assert await act(tenant, lambda: redeliver_dead(webhook=row, who=WHO)) == 1
    await eventually(lambda: _all(tenant, State.DELIVERED))


async def _attempted(tenant: Tenant) -> bool:
    """Nothing is due: what waits has been tried and rests, or is over."""
    waiting = WebhookDelivery.objects.filter(state=State.PENDING, next_at=None)
    due = WebhookDelivery.objects.filter(state=State.PENDING, next_at__lte=timezone.now())
    tried: bool = await act(
        tenant,
        lambda: (
            WebhookDelivery.objects.exists()
            and not due.exists()
            and (not waiting.exists() or WebhookDelivery.objects.filter(next_at__gt=timezone.now()).exists())
        ),
    )
    return tried


async def _states_are(tenant: Tenant, wanted: list[str]) -> bool:
    return bool(await states(tenant) == wanted)


async def test_an_address_that_does_not_answer_rests_and_loses_nothing(
    tenant: Tenant, receiver: Receiver, sender: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long this takes: it is not asked again until it is due.
    monkeypatch.setattr(queue, "rest_after", lambda failures: timedelta(hours=1))
    await hook(tenant, receiver)
    receiver.status = 503
    await tell(tenant, *range(40), charge_point="CP1")
    for n in range(20):
        await tell(tenant, 100 + n, charge_point=f"X{n}")
    await eventually(lambda: act(tenant, lambda: Webhook.objects.get().rests_until))
    # Those under way at once, not all sixty.
    assert len(receiver.got) < 20
    receiver.status, receiver.got = 204, []
    await make_due(tenant)
    await eventually(lambda: _all(tenant, State.DELIVERED))
    assert receiver.numbers("CP1") == list(range(40))
    row = await act(tenant, Webhook.objects.get)
    assert (row.failures, row.failing_since, row.rests_until) == (0, None, None)


async def test_after_days_without_an_answer_it_is_switched_off_and_says_why(
    tenant: Tenant, receiver: Receiver, sender: None
) -> None:
    row, _ = await hook(tenant, receiver)
    receiver.status = 500
    long_ago = timezone.now() - queue.DISABLE_AFTER - timedelta(hours=1)
    await act(tenant, lambda: Webhook.objects.update(failing_since=long_ago, failures=9))
    await tell(tenant, 1)
    await eventually(lambda: act(tenant, lambda: not Webhook.objects.get().enabled))
    assert "500" in (await act(tenant, Webhook.objects.get)).disabled_reason
    receiver.status = 204
    await act(tenant, lambda: change_webhook(webhook=row, who=WHO, enabled=True))
    await make_due(tenant)
    await eventually(lambda: _all(tenant, State.DELIVERED))


async def test_redirects_are_not_followed(tenant: Tenant, receiver: Receiver, sender: None) -> None:
    await hook(tenant, receiver)
    receiver.status = 302
    await tell(tenant, 1)
    await eventually(lambda: act(tenant, lambda: WebhookDelivery.objects.filter(status_code=302).exists()))


async def test_an_event_sent_but_not_written_down_is_sent_again_with_the_same_id(
    tenant: Tenant, receiver: Receiver
) -> None:
    row, _ = await hook(tenant, receiver)
    await tell(tenant, 1)
    one = queue.Hook(row.pk, tenant.pk, row.url, (row.secret,))
    for _ in range(2):
        jobs = await eventually(lambda: asyncio.to_thread(queue.take_jobs, row.pk))
        # The process dies between the answer and `write_results`.
        assert [result.delivered for result in await send_jobs(one, jobs)] == [True]
    assert receiver.got[0]["event_id"] == receiver.got[1]["event_id"]


async def test_two_processes_do_not_send_for_one_webhook_at_once(tenant: Tenant, receiver: Receiver) -> None:
    await hook(tenant, receiver)
    await tell(tenant, 1)
    assert len(await asyncio.to_thread(queue.lease_webhooks, 10)) == 1
    assert await asyncio.to_thread(queue.lease_webhooks, 10) == []
    # That one died: its lease runs out.
    await act(tenant, lambda: Webhook.objects.update(leased_until=timezone.now() - timedelta(seconds=1)))
    assert len(await asyncio.to_thread(queue.lease_webhooks, 10)) == 1


async def test_an_event_whose_transaction_commits_late_is_not_passed_over(
    tenant: Tenant, receiver: Receiver, sender: None
) -> None:
    await hook(tenant, receiver)
    begun, may_end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow() -> None:
        publish(Numbered(charge_point="CP1", at=timezone.now(), n=1))
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(PATIENCE_S)

    writing = asyncio.create_task(act(tenant, slow))
    await begun.wait()
    await tell(tenant, 2)
    await tell(tenant, 3, charge_point="CP2")
    assert receiver.got == []
    may_end.set()
    await writing
    await eventually(lambda: len(receiver.got) == 3)
    assert receiver.numbers("CP1") == [1, 2]


async def test_another_tenants_events_go_nowhere(
    tenant: Tenant, other_tenant: Tenant, receiver: Receiver, sender: None
) -> None:
    await hook(tenant, receiver)
    await tell(other_tenant, 1)
    await tell(tenant, 2)
    await eventually(lambda: receiver.got)
    assert receiver.numbers() == [2]


async def test_a_suspended_tenants_events_wait(tenant: Tenant, receiver: Receiver) -> None:
    await hook(tenant, receiver)
    await tell(tenant, 1)

    def suspend() -> None:
        with system_transaction():
            Tenant.objects.filter(pk=tenant.pk).update(status=Tenant.Status.SUSPENDED)
        connections.close_all()

    await asyncio.to_thread(suspend)
    assert await asyncio.to_thread(queue.lease_webhooks, 10) == []


def test_pauses_grow_for_two_days_and_a_refused_event_is_given_up_sooner() -> None:
    pauses = [pause_after(attempts, 500) for attempts in range(1, len(SCHEDULE) + 2)]
    assert pauses[:-1] == SCHEDULE
    assert pauses[-1] is None
    assert timedelta(days=2) < sum(SCHEDULE, timedelta()) < timedelta(days=7)
    assert [pause_after(attempts, 404) is None for attempts in (1, REFUSED_ATTEMPTS, REFUSED_ATTEMPTS + 1)] == [
        *(False, False, True)
    ]
    assert pause_after(REFUSED_ATTEMPTS + 1, 429) is not None


def test_one_secret_makes_one_signature() -> None:
    assert signed([new_secret()], "id", b"{}")["webhook-signature"].count("v1,") == 1


def test_every_event_has_a_public_name_of_its_own() -> None:
    names = [one.event_type for one in event_types().values()]
    assert "session.started" in names
    assert "alert.opened" in names
    assert len(names) == len(set(names))


def test_webhooks_of_another_tenant_are_out_of_reach_of_raw_sql(
    tenant: Tenant, other_tenant: Tenant, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_HOOKS = True
    with tenant_transaction(tenant.pk):
        create_webhook(url="https://example.com/", who=WHO)
    with tenant_transaction(other_tenant.pk), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_webhook")
        assert cursor.fetchone() == (0,)
        with pytest.raises((psycopg.Error, Exception), match="permission denied"):
            cursor.execute("SELECT count(*) FROM tenants_feedcursor")
