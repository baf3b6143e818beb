"""A circuit of many active connectors: how long a round computes, and how soon the limits are out.

`scripts/bench circuit [--connectors 500]`: a server process of its own holds a socket for each station; the rounds run
here, as in a worker. Printed: what a round takes and of that the computing, until all its commands are stored (the
commit), until the last has arrived at its station, and until the last answer is written. The capacity moves up and down,
so that every limit does; and a few rounds in which nothing changes. Then all sessions end, a worker runs the rounds as
in life, and new sessions begin: from the start as it leaves the station until its first limit is there.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from csms.local.testing import start_services
from tests.benchmarks.first_limits import Starts, measure_first_limits
from tests.benchmarks.load import StationSocket, connect
from tests.benchmarks.worker import working

DURABLE = True


@dataclass
class Arrivals:
    """SetChargingProfile messages as they come in at the stations."""

    at: list[float] = field(default_factory=list)
    answers: bool = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connectors", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=20, help="New sessions, one by one; 0: none.")
    options = parser.parse_args()
    start_services(durable=DURABLE)
    os.environ["CSMS_ENV"] = "development"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csms.settings")
    import django

    django.setup()
    from tests.benchmarks.server import running

    roots = prepare(options.connectors)
    with running("csms.asgi:application") as server:
        asyncio.run(measure(server, options.connectors, options.rounds, options.starts, roots))


def prepare(connectors: int) -> tuple[int, int]:
    """(tenant, root): half of the capacity that all would take, over ten feeders."""
    from chargepoints.models import ChargePoint, IdTag
    from smartcharging.models import Circuit, CircuitMember
    from tenants.context import tenant_transaction
    from tenants.services.tenants import create_tenant

    tenant = create_tenant(slug="acme", name="Acme", allow_unauthenticated=True, unknown_charge_points="accept")
    with tenant_transaction(tenant.pk):
        IdTag.objects.create(tenant=tenant, token="T", token_key="t", max_active_transactions=None)
        root = Circuit.objects.create(tenant=tenant, name="Depot", capacity=16 * connectors, hold_s=0)
        feeders = [
            Circuit.objects.create(
                tenant=tenant, name=f"Feeder {number}", parent=root, capacity=2 * connectors, kind="feeder"
            )
            for number in range(10)
        ]
        stations = ChargePoint.objects.bulk_create(
            ChargePoint(tenant=tenant, identity=f"B{number}", identity_key=f"b{number}", security_profile=0)
            for number in range(connectors)
        )
        CircuitMember.objects.bulk_create(
            CircuitMember(
                tenant=tenant, circuit=feeders[number % 10], charge_point=station, evse_number=1, wiring="RST"
            )
            for number, station in enumerate(stations)
        )
    return tenant.pk, root.pk


async def measure(server: Any, connectors: int, rounds: int, starts: int, roots: tuple[int, int]) -> None:
    arrivals = Arrivals()
    sessions: dict[StationSocket, asyncio.Event] = {}
    running: dict[StationSocket, int] = {}
    new = Starts()

    def heard(socket: StationSocket, text: bytes) -> None:
        if text[:2] == b"[2":
            if b"SetChargingProfile" in text:
                arrivals.at.append(time.perf_counter())
                new.heard(socket, text)
            message_id = text.split(b'"')[1].decode()
            if arrivals.answers:
                socket.send(f'[3,"{message_id}",{{"status":"Accepted"}}]'.encode())
        elif text[:2] == b"[3" and socket in sessions:
            running[socket] = orjson.loads(text)[2].get("transactionId", 0)
            sessions[socket].set()

    sockets = await connect(server.port, [f"/ocpp/acme/B{number}" for number in range(connectors)])
    for socket in sockets:
        socket.on_text = heard
    await one_round(server, roots, "defaults", arrivals, connectors)
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for number, socket in enumerate(sockets):
        sessions[socket] = asyncio.Event()
        socket.send(
            f'[2,"s{number}","StartTransaction",{{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"{at}"}}]'.encode()
        )
    await asyncio.gather(*(event.wait() for event in sessions.values()))
    await one_round(server, roots, "all begin at once", arrivals, connectors)
    spent = []
    for number in range(rounds):
        await asyncio.to_thread(change_capacity, roots, connectors, 0.6 if number % 2 == 0 else 1.0)
        spent.append(await one_round(server, roots, f"every limit moves ({number + 1})", arrivals, connectors))
    steady = [await one_round(server, roots, "nothing changes", arrivals, 0) for _ in range(3)]
    print(
        f"computing: median {statistics.median(one for one, _ in spent):.0f} ms where all change, "
        f"{statistics.median(one for one, _ in steady):.0f} ms where nothing does; "
        f"limits out: median {statistics.median(out for _, out in spent):.2f} s"
    )
    if starts:
        await stop_all(sockets, sessions, running)
        with working():
            await measure_first_limits(sockets, new, *roots, single=starts, at_once=min(50, connectors - starts))


async def stop_all(
    sockets: "list[StationSocket]", sessions: "dict[StationSocket, asyncio.Event]", running: "dict[StationSocket, int]"
) -> None:
    """Every session ends."""
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for number, socket in enumerate(sockets):
        sessions[socket].clear()
        payload = f'{{"transactionId":{running[socket]},"meterStop":1000,"timestamp":"{at}"}}'
        socket.send(f'[2,"e{number}","StopTransaction",{payload}]'.encode())
    await asyncio.gather(*(sessions[socket].wait() for socket in sockets))


def change_capacity(roots: tuple[int, int], connectors: int, share: float) -> None:
    from smartcharging.models import Circuit
    from tenants.context import tenant_transaction

    with tenant_transaction(roots[0]):
        Circuit.objects.filter(pk=roots[1]).update(capacity=int(16 * connectors * share))


async def one_round(
    server: Any, roots: tuple[int, int], name: str, arrivals: Arrivals, expected: int
) -> tuple[float, float]:
    """Run it; (ms of computing, seconds until the last limit has arrived at its station)."""
    from smartcharging.services.rebalance import rebalance_circuit

    arrivals.at.clear()

    def run() -> tuple[Any, float]:
        began = time.thread_time()
        return rebalance_circuit(tenant_id=roots[0], root_id=roots[1], cause="benchmark"), time.thread_time() - began

    started, server_cpu = time.perf_counter(), server.cpu_s
    done, cpu = await asyncio.to_thread(run)
    committed = time.perf_counter() - started
    assert done is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(30):
            while len(arrivals.at) < min(expected, done.sent):
                await asyncio.sleep(0.005)
    last = max(arrivals.at) - started if arrivals.at else 0.0
    out_cpu = server.cpu_s - server_cpu
    answered = await asyncio.to_thread(all_answered, roots[0], started)
    print(
        f"{name:>24}: {done.sent:4} sent, computing {done.compute_ms:6.1f} ms, committed {committed:5.2f} s, "
        f"last out {last:5.2f} s, last answer written {answered:5.2f} s; processor: round {cpu:4.2f} s, "
        f"gateway until all are out {out_cpu:4.2f} s, and answered {server.cpu_s - server_cpu:4.2f} s  {done.detail[:60]}"
    )
    return done.compute_ms, last


def all_answered(tenant_id: int, started: float) -> float:
    from chargepoints.models import Command
    from tenants.context import tenant_transaction

    deadline = time.perf_counter() + 30
    while time.perf_counter() < deadline:
        with tenant_transaction(tenant_id):
            if not Command.objects.filter(state__in=["queued", "sent"]).exists():
                break
        time.sleep(0.05)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
