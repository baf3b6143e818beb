"""A command's way through another process: API (web process) -> PostgreSQL, Redis -> gateway -> station -> answer -> client.

`scripts/bench roundtrip` starts a durable PostgreSQL and Redis of its own, a gateway, a web process, and stations that answer
at once. A client posts commands with `?wait=10`. Two times, p50 and p99: from the request to the CALL at the station, and from
the request to the HTTP answer that says how it ended. `--at-once`: clients side by side.
"""

import argparse
import asyncio
import json
import os
import time

import httpx
import uvloop

from csms.local.testing import start_services, use_worker_database
from tests.benchmarks.bench_ingest import TENANT, make_tenant
from tests.benchmarks.load import StationSocket, connect
from tests.benchmarks.server import running

PORT_OF = "http://127.0.0.1:{}/api/v1"
STATIONS = 200


class Clients:
    """Each has one station after the other cleared of its cache; a station has one command at a time."""

    def __init__(self, web_port: int, key: str, sockets: list[StationSocket]) -> None:
        headers = {"Authorization": f"Api-Key {key}"}
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        self._http = httpx.AsyncClient(
            base_url=PORT_OF.format(web_port), headers=headers, timeout=30, trust_env=False, limits=limits
        )
        self._arrived: dict[int, float] = {}
        self._free: asyncio.Queue[int] = asyncio.Queue()
        for number, socket in enumerate(sockets):
            socket.number, socket.on_text = number, self._obey
            self._free.put_nowait(number)
        self.at_station: list[float] = []
        self.answered: list[float] = []

    def _obey(self, socket: StationSocket, text: bytes) -> None:
        if text[:2] == b"[2":
            self._arrived[socket.number] = time.perf_counter()
            socket.send(f'[3,"{json.loads(text)[1]}",{{"status":"Accepted"}}]'.encode())

    async def run(self, seconds: float, at_once: int) -> None:
        end = time.perf_counter() + seconds
        self.at_station.clear()
        self.answered.clear()

        async def one_client() -> None:
            while time.perf_counter() < end:
                await self._order()

        await asyncio.gather(*(one_client() for _ in range(at_once)))

    async def _order(self) -> None:
        number = await self._free.get()
        began = time.perf_counter()
        answer = await self._http.post(f"/chargepoints/BENCH-{number}/clear-cache?wait=10", json={})
        ended = time.perf_counter()
        if answer.status_code != 202 or answer.json()["data"]["status"] != "accepted":
            raise SystemExit(f"{answer.status_code}: {answer.text[:300]}")
        self.at_station.append(self._arrived[number] - began)
        self.answered.append(ended - began)
        self._free.put_nowait(number)

    async def close(self) -> None:
        await self._http.aclose()


def shown(seconds: list[float]) -> str:
    """Median and 99th percentile."""
    ordered = sorted(seconds)
    middle, most = ordered[len(ordered) // 2], ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]
    return f"p50 {middle * 1000:6.1f} ms   p99 {most * 1000:6.1f} ms"


async def play(gateway_port: int, web_port: int, key: str, options: argparse.Namespace) -> None:
    sockets = await connect(gateway_port, [f"/ocpp/{TENANT}/BENCH-{number}" for number in range(STATIONS)])
    clients = Clients(web_port, key, sockets)
    await clients.run(3, 4)
    for at_once in options.at_once:
        await clients.run(options.seconds, at_once)
        rate = len(clients.answered) / options.seconds
        print(
            f"  {at_once:3} at once: {rate:6.1f} commands/s   to the station {shown(clients.at_station)}   "
            f"to the client {shown(clients.answered)}",
            flush=True,
        )
    await clients.close()


def make_key() -> str:
    """Of a program that may do everything; the tenant's limit of requests out of the way."""
    from tenants.context import system_transaction, tenant_transaction
    from tenants.models import Tenant
    from tenants.services.api_keys import issue_api_key

    with system_transaction():
        tenant = Tenant.objects.get(slug=TENANT)
        Tenant.objects.update(api_rate_limit=10_000_000)
    with tenant_transaction(tenant.pk):
        return issue_api_key(name="benchmark", role="admin")[1]


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/bench roundtrip", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=15)
    arguments.add_argument("--at-once", type=int, nargs="+", default=[1, 8])
    options = arguments.parse_args()
    print("starting PostgreSQL and Redis ...", flush=True)
    start_services(durable=True)
    use_worker_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    make_tenant(STATIONS)
    key = make_key()
    application = "csms.asgi:application"
    with running(application, CSMS_DB_POOL="true") as gateway, running(application, CSMS_DB_POOL="true") as web:
        uvloop.run(play(gateway.port, web.port, key, options))


if __name__ == "__main__":
    main()
