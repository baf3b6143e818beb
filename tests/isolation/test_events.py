"""What leaves the system by itself: webhooks, MQTT, mails; and the feed that is asked for."""

from typing import Any

import pytest
from django.utils import timezone

from tenants.databases.each import in_each_database
from tenants.delivery import queue
from tenants.delivery.feed import envelope, settled_id
from tenants.delivery.mqtt import messages_of, take_batch, take_lease
from tenants.events import event_types
from tenants.models import OutboxEvent, Tenant
from tests.conftest import superuser, wait_until
from tests.isolation.conftest import B_LIVES_APART, Cast
from tests.isolation.marks import A, B, Marks


@pytest.fixture
def settled(both: Cast) -> None:
    """The feed reaches to its end: whatever else runs on this server, its transactions have ended since."""
    wait_until(lambda: min(in_each_database(settled_id)) >= B.number)


def event_of(marks: Marks, event_type: str, charge_point: str = "") -> tuple[OutboxEvent, Tenant]:
    tenant = Tenant(pk=marks.number, slug=marks.slug, name=marks.hidden, mqtt_topic_prefix="ocpp")
    event = OutboxEvent(
        tenant=tenant,
        event_type=event_type,
        at=timezone.now(),
        charge_point=charge_point or marks.key,
        data={"idTag": marks.hidden},
    )
    return event, tenant


@pytest.mark.skipif(B_LIVES_APART, reason="one feed of both")
def test_a_webhook_of_bs_is_sent_events_of_bs_only(both: Cast, settled: None) -> None:
    superuser().execute("UPDATE tenants_webhook SET cursor = 0; DELETE FROM tenants_webhookdelivery")
    hooks = {hook.tenant_id: hook for hook in queue.lease_webhooks(10)}
    assert set(hooks) == {A.number, B.number}
    jobs = queue.take_jobs(hooks[B.number].id)
    assert jobs
    for job in jobs:
        assert not A.known_to(str(job)), job
    assert both.stock.put_back(A) <= {"tenants_webhook", "tenants_webhookdelivery"}


@pytest.mark.parametrize("station", ["", f"../{A.slug}", f"x/../../{A.slug}/+", "#", "+", "$SYS"])
def test_every_event_is_published_below_its_own_tenant(station: str) -> None:
    """A broker lets a tenant read `{prefix}/+/{its slug}/#`; nothing that a station is called reaches another's topics."""
    for event_type in event_types():
        messages = messages_of(*event_of(B, event_type, station))
        assert messages, event_type
        for message in messages:
            prefix, kind, slug, *rest = message.topic.split("/")
            assert (prefix, slug) == ("ocpp", B.slug), message.topic
            assert len(rest) == {"events": 2, "status": 1}[kind], message.topic
            assert not any(sign in message.topic for sign in "+#"), message.topic


@pytest.mark.skipif(B_LIVES_APART, reason="one feed of both")
def test_what_is_published_of_both_is_in_the_topics_of_each(both: Cast, settled: None) -> None:
    take_lease()
    superuser().execute("UPDATE tenants_feedcursor SET cursor = 0, leased_until = NULL WHERE sink NOT LIKE 'feed %%'")
    lease = take_lease()
    assert lease is not None
    batch = take_batch(lease)
    assert batch is not None
    found = {marks.slug: [one for one in batch.messages if f"/{marks.slug}/" in one.topic] for marks in (A, B)}
    assert all(found.values())
    assert len(batch.messages) == sum(map(len, found.values()))
    for mine, other in ((A, B), (B, A)):
        for message in found[mine.slug]:
            assert not other.known_to(f"{message.topic} {message.payload.decode()}")


def test_what_receivers_get_names_its_own_tenant(both: Cast) -> None:
    for marks in (A, B):
        event, tenant = event_of(marks, "session.started")
        body: dict[str, Any] = envelope(event, tenant.slug)
        assert body["tenant_id"] == marks.slug


def test_the_feed_has_bs_events_only_from_wherever_it_is_asked(both: Cast, settled: None) -> None:
    for after in (0, A.number - 1, A.number, B.number - 1):
        answer = both.api().get(f"/api/v1/events?after={after}&limit=1000")
        rows = answer.json()["data"]
        assert [row["chargePointId"] for row in rows] == [B.key]
        assert not A.known_to(answer.content.decode().replace(str(after), ""))
