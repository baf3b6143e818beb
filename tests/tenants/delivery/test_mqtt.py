"""Events to an MQTT broker, a real one (mosquitto): QoS 1, in order, nothing lost when it goes away."""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from django.utils import timezone

from csms.local.ports import choose
from tenants.context import system_transaction
from tenants.delivery.mqtt import WrongUrl, client_of, messages_of, publish_feed, take_batch, take_lease
from tenants.models import FeedCursor, OutboxEvent, Tenant
from tests.conftest import eventually
from tests.stations import PATIENCE_S
from tests.tenants.delivery.test_webhooks import act, tell

MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto on this machine: install Debian's mosquitto")


class Broker:
    """A mosquitto of the test's own, that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = choose(None)
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/passwords\n"
            f"user root\npersistence true\npersistence_location {folder}/\nlog_dest none\n"
        )
        (folder / "passwords").touch(mode=0o600)
        subprocess.run(["mosquitto_passwd", "-b", str(folder / "passwords"), "csms", "p@ss"], check=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://csms:p%40ss@127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen([str(MOSQUITTO), "-c", str(self._configuration)])
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert time.monotonic() < deadline

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE_S)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.kill()


class Subscriber:
    """Everything below `ocpp/`, as it comes."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any], bool]] = []
        self.listens = asyncio.Event()

    def numbers(self) -> list[int]:
        return [payload["data"]["n"] for _, payload, _ in self.got]

    async def listen(self, url: str) -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with client_of(url) as client:
                    await client.subscribe("ocpp/#", qos=1)
                    self.listens.set()
                    async for message in client.messages:
                        payload = json.loads(message.payload)
                        self.got.append((str(message.topic), payload, message.retain))
            # The broker is away: again, until the test ends.
            self.listens.clear()
            await asyncio.sleep(0.05)


@pytest.fixture
async def subscriber(broker: Broker) -> AsyncIterator[Subscriber]:
    subscriber = Subscriber()
    task = asyncio.create_task(subscriber.listen(broker.url))
    await asyncio.wait_for(subscriber.listens.wait(), PATIENCE_S)
    yield subscriber
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def publisher(tenant: Tenant, broker: Broker, settings: Any) -> AsyncIterator[None]:
    settings.MQTT_URL = broker.url
    stop = asyncio.Event()
    task = asyncio.create_task(publish_feed(stop))
    await eventually(lambda: act(tenant, _has_lease))
    yield
    stop.set()
    await asyncio.wait_for(task, PATIENCE_S)


def _has_lease() -> bool:
    with system_transaction():
        return FeedCursor.objects.exclude(leased_until=None).exists()


async def test_events_arrive_in_order_under_their_topics(
    tenant: Tenant, other_tenant: Tenant, subscriber: Subscriber, publisher: None
) -> None:
    await tell(tenant, *range(300), charge_point="CP+1")
    await tell(other_tenant, 900, charge_point="CP2")
    await eventually(lambda: len(subscriber.got) == 301)
    topic, payload, _ = subscriber.got[0]
    assert topic == "ocpp/events/acme/CP%2B1/test"
    assert (payload["event_type"], payload["charge_point_id"]) == ("test.numbered", "CP+1")
    assert subscriber.numbers()[:300] == list(range(300))
    assert subscriber.got[300][0] == "ocpp/events/umbrella/CP2/test"


async def test_what_happens_while_the_broker_is_away_is_published_when_it_is_back(
    tenant: Tenant, broker: Broker, subscriber: Subscriber, publisher: None
) -> None:
    await tell(tenant, 1)
    await eventually(lambda: subscriber.numbers() == [1])
    broker.kill()
    await tell(tenant, *range(2, 50))
    assert not await _published(tenant)
    broker.start()
    await eventually(lambda: _published(tenant))
    # A broker keeps nothing for those who weren't there; from here on it goes on.
    await asyncio.wait_for(subscriber.listens.wait(), PATIENCE_S)
    await tell(tenant, 50)
    await eventually(lambda: subscriber.numbers()[-1] == 50)


async def _published(tenant: Tenant) -> bool:
    def look() -> bool:
        with system_transaction():
            last = OutboxEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
            return FeedCursor.objects.get(sink="mqtt").cursor == last

    return bool(await asyncio.to_thread(look))


def _event(tenant: Tenant, event_type: str, charge_point: str = "CP1") -> OutboxEvent:
    return OutboxEvent(
        tenant=tenant, event_type=event_type, charge_point=charge_point, at=timezone.now(), data={"sessionId": 7}
    )


def test_a_status_is_kept_by_the_broker(tenant: Tenant) -> None:
    made = messages_of(_event(tenant, "connector.status"), tenant)
    assert [(one.topic, one.retain) for one in made] == [
        ("ocpp/events/acme/CP1/connector", False),
        ("ocpp/status/acme/CP1", True),
    ]
    (made_of_session,) = messages_of(_event(tenant, "session.started", ""), tenant)
    assert made_of_session.topic == "ocpp/events/acme/-/session"
    assert json.loads(made_of_session.payload)["session_id"] == 7


def test_only_the_one_with_the_lease_publishes(tenant: Tenant) -> None:
    lease = take_lease()
    assert lease is not None
    assert take_lease() is None
    batch = take_batch(lease)
    assert batch is not None
    # Another process thought that the first had died.
    assert take_batch(lease) is None
    assert take_batch(batch.leased_until) is not None


@pytest.mark.parametrize("url", ["http://broker", "mqtt://", "broker:1883"])
async def test_an_address_that_is_none_says_so(url: str) -> None:
    with pytest.raises(WrongUrl, match="CSMS_MQTT_URL"):
        client_of(url)
