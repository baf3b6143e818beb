"""Events to a webhook: how many a second one sender delivers, and how far it is behind at a steady rate.

`scripts/bench events` starts a durable PostgreSQL of its own, a receiver that answers at once, and `manage.py deliver_events` in a
process of its own. First a backlog is sent (the rate), then events are published at `--rate` a second, each in a transaction of its
own, and the time from before that transaction to the receiver is taken (the lag). Events of one charge point go one after the
other, of `--charge-points` side by side.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from csms.local.testing import start_services, use_worker_database

TENANT = "benchmark"
PATIENCE_S = 600
AT_ONCE = 500


class Receiver:
    """Counts, and notes how old each event is that carries its time."""

    def __init__(self) -> None:
        self.port, self.count = 0, 0
        self.lags: list[float] = []
        self._seen: set[str] = set()

    async def open(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._server = server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        event = json.loads(await reader.readexactly(size))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()
        if event["event_id"] not in self._seen:
            self._seen.add(event["event_id"])
            self.count += 1
            at = datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
            self.lags.append((datetime.now(UTC) - at).total_seconds())

    async def until(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.count < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.count} of {count} events within {PATIENCE_S} s")
            await asyncio.sleep(0.01)


def make_webhook(port: int) -> int:
    """A tenant with one; the tenant's id."""
    from tenants.context import tenant_transaction
    from tenants.services.tenants import create_tenant
    from tenants.services.webhooks import Who, create_webhook

    tenant = create_tenant(slug=TENANT, name="Benchmark")
    with tenant_transaction(tenant.pk):
        create_webhook(url=f"http://127.0.0.1:{port}/", who=Who("benchmark", "api"))
    return tenant.pk


def publish_some(tenant_id: int, first: int, count: int, charge_points: int) -> None:
    """Events of a status, of one charge point after the other, in one transaction."""
    from chargepoints.events import StatusChanged
    from tenants.context import tenant_transaction
    from tenants.events import publish_all

    now = datetime.now(UTC)
    with tenant_transaction(tenant_id):
        publish_all(
            StatusChanged(
                charge_point=f"BENCH-{number % charge_points}",
                at=now,
                connector_id=1,
                status="Charging",
                error_code="NoError",
                info="",
            )
            for number in range(first, first + count)
        )


@contextmanager
def sender() -> Iterator[None]:
    """`manage.py deliver_events`."""
    environment = os.environ | {"CSMS_ENV": "development", "CSMS_DB_POOL": "true"}
    child = subprocess.Popen([sys.executable, "manage.py", "deliver_events"], env=environment)
    try:
        yield
    finally:
        child.terminate()
        child.wait(60)


async def backlog(receiver: Receiver, tenant_id: int, options: argparse.Namespace) -> None:
    for first in range(0, options.events, AT_ONCE):
        await asyncio.to_thread(publish_some, tenant_id, first, AT_ONCE, options.charge_points)
    await receiver.until(1)
    began = time.monotonic()
    await receiver.until(options.events)
    seconds = time.monotonic() - began
    print(
        f"  {options.events:,} waiting, of {options.charge_points} charge points: {options.events / seconds:,.0f} events/s",
        flush=True,
    )


async def steady(receiver: Receiver, tenant_id: int, options: argparse.Namespace) -> None:
    before = receiver.count
    receiver.lags.clear()
    began, total = time.monotonic(), int(options.rate * options.seconds)
    for number in range(total):
        await asyncio.sleep(max(0.0, began + number / options.rate - time.monotonic()))
        await asyncio.to_thread(publish_some, tenant_id, number, 1, options.charge_points)
    await receiver.until(before + total)
    lags = sorted(receiver.lags)
    print(
        f"  {options.rate:g} a second: behind by p50 {lags[len(lags) // 2] * 1000:,.0f} ms, "
        f"p99 {lags[int(len(lags) * 0.99)] * 1000:,.0f} ms, at most {lags[-1] * 1000:,.0f} ms",
        flush=True,
    )


async def play(options: argparse.Namespace) -> None:
    receiver = Receiver()
    await receiver.open()
    tenant_id = await asyncio.to_thread(make_webhook, receiver.port)
    with sender():
        await backlog(receiver, tenant_id, options)
        await steady(receiver, tenant_id, options)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/bench events", description=__doc__)
    arguments.add_argument("--events", type=int, default=10_000, help="of the backlog")
    arguments.add_argument("--charge-points", type=int, default=300)
    arguments.add_argument("--rate", type=float, default=50)
    arguments.add_argument("--seconds", type=float, default=20)
    options = arguments.parse_args()
    options.events = -(-options.events // AT_ONCE) * AT_ONCE
    print("starting PostgreSQL and Redis ...", flush=True)
    os.environ["CSMS_ALLOW_PRIVATE_HOOKS"] = "1"
    start_services(durable=True)
    use_worker_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    import django

    django.setup()
    asyncio.run(play(options))


if __name__ == "__main__":
    main()
