"""A primary and its standby under a Sentinel: everything that uses Redis goes on after the primary has died."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.core.cache.backends.redis import RedisCache
from kombu.exceptions import OperationalError as BrokerAway

from csms.local import process
from csms.local.ports import HOST, choose
from csms.local.redis import binary
from metering.ingest.message import MeterMessage, unpack
from metering.ingest.spill import STREAM, SpillStream
from metering.readings import Kind, Reading
from tenants.redis_servers import broker_settings, cache_options, channel_host, connect, connect_async
from tests.conftest import eventually, wait_until

pytestmark = pytest.mark.e2e
PASSWORD, SERVICE = "of-the-data-servers", "main"
# A Sentinel that was held up itself for two seconds trusts nobody's silence for the next thirty.
PATIENCE_S = 120


class Watched:
    """Two data servers and a Sentinel of one's own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._children = folder, list[subprocess.Popen[str]]()
        first, second, self.port = choose(None), choose(None), choose(None)
        self.primary = self._server(first)
        self._server(second, f"replicaof {HOST} {first}")
        self._start(
            "sentinel",
            f"port {self.port}",
            f"sentinel monitor {SERVICE} {HOST} {first} 1",
            f"sentinel auth-pass {SERVICE} {PASSWORD}",
            f"sentinel down-after-milliseconds {SERVICE} 1000",
            f"sentinel failover-timeout {SERVICE} 3000",
        )
        wait_until(lambda: self.standbys() == 1, PATIENCE_S)

    @property
    def url(self) -> str:
        return f"redis+sentinel://:{PASSWORD}@{HOST}:{self.port}/{SERVICE}/1"

    def standbys(self) -> int:
        """That the Sentinel knows to be in step."""
        try:
            with redis.Redis(HOST, self.port, decode_responses=True) as sentinel:
                known: Any = sentinel.sentinel_slaves(SERVICE)
        except redis.RedisError:
            return 0
        return sum(not one["is_disconnected"] and one["master-link-status"] == "ok" for one in known)

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()

    def _server(self, port: int, *more: str) -> "subprocess.Popen[str]":
        login = (f"requirepass {PASSWORD}", f"masterauth {PASSWORD}")
        child = self._start(f"server-{port}", f"port {port}", 'save ""', "repl-diskless-sync-delay 0", *login, *more)

        def answers() -> bool:
            try:
                with redis.Redis(HOST, port, password=PASSWORD) as client:
                    return bool(client.ping())
            except redis.RedisError:
                return False

        wait_until(answers)
        return child

    def _start(self, name: str, *lines: str) -> "subprocess.Popen[str]":
        file = self.folder / f"{name}.conf"
        file.write_text("\n".join([f"bind {HOST}", f'dir "{self.folder}"', *lines]) + "\n")
        mode = ["--sentinel"] if name == "sentinel" else []
        child = process.start([str(binary()), str(file), *mode], output=subprocess.DEVNULL)
        self._children.append(child)
        return child


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    servers = Watched(tmp_path)
    yield servers
    servers.close()


def a_reading() -> MeterMessage:
    now, kind = datetime.now(UTC), Kind("Power.Active.Import", "", "Outlet", "W")
    return MeterMessage(1, 7, 1, None, now, [Reading(kind, now, 0, "7400", None, None)])


async def test_what_uses_redis_finds_the_new_primary_by_itself(watched: Watched, settings: Any) -> None:
    settings.REDIS_SPILL_URL = watched.url
    options = cache_options(watched.url)
    cache = RedisCache(options["LOCATION"], {"OPTIONS": options["OPTIONS"]})
    layer = RedisPubSubChannelLayer(hosts=[channel_host(watched.url)], prefix="test")
    channel = await layer.new_channel("gateway")
    broker_url, transport = broker_settings(watched.url)
    broker, spill = Celery(broker=broker_url, set_as_current=False), SpillStream()
    broker.conf.broker_transport_options = transport
    client, patient = connect(watched.url), connect_async(watched.url)

    async def all_work() -> bool:
        try:
            client.set("sync", 1)
            await patient.set("async", 1)
            cache.set("key", "kept")
            await spill.add([a_reading()])
            broker.send_task("any", retry=False)
            return bool(cache.get("key") == "kept")
        except (redis.RedisError, OSError, BrokerAway):
            return False

    heard: list[Any] = []

    async def hears(word: str) -> bool:
        try:
            await layer.send(channel, {"type": word})
        except (redis.RedisError, OSError):
            return False
        while not layer.channels[channel].empty():
            heard.append((await layer.receive(channel))["type"])
        return word in heard

    await eventually(all_work, PATIENCE_S)
    await eventually(lambda: hears("hello"), PATIENCE_S)

    def is_followed_by(standbys: int) -> bool:
        try:
            told: Any = client.info("replication")
        except (redis.RedisError, OSError):
            return False
        return (told["role"], told["connected_slaves"]) == ("master", standbys)

    await eventually(lambda: is_followed_by(1), PATIENCE_S)
    watched.primary.kill()
    watched.primary.wait()
    await eventually(all_work, PATIENCE_S)
    await eventually(lambda: is_followed_by(0), PATIENCE_S)
    entries: Any = client.xrange(STREAM)
    assert unpack(entries[-1][1][b"batch"])[0].charge_point_id == 7
    assert client.llen("celery") >= 1
    # Subscribed again, at the new one.
    await eventually(lambda: hears("again"), PATIENCE_S)
    await layer.flush()
    await spill.close()
    await patient.aclose()
    client.close()
    broker.close()
