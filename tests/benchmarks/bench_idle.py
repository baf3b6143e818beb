"""Ten thousand stations that say nothing but a heartbeat now and then: what a gateway process holds for each.

`scripts/bench idle` starts a durable PostgreSQL and Redis of its own and one gateway. The stations connect, and stay for
`--minutes` with a heartbeat every `--heartbeat` seconds; printed are the memory for each socket, and the gateway's processor
time while they do nothing (pings of the websocket included). No socket may be lost.
"""

import argparse
import asyncio
import os
from dataclasses import dataclass

import uvloop

from csms.local.testing import start_services, use_worker_database
from tests.benchmarks.bench_ingest import TENANT, make_tenant
from tests.benchmarks.bench_reconnect import SPARE_FILES, allow_files
from tests.benchmarks.load import StationSocket
from tests.benchmarks.reconnecting import STATIONS_PER_ADDRESS
from tests.benchmarks.server import ServerProcess, pin, running

AT_ONCE = 50
OPENS_WITHIN_S = 120.0
KIB = 1024


@dataclass
class Idle:
    """The fleet: what it has seen."""

    sockets: list[StationSocket]
    lost: int = 0
    answered: int = 0


async def connect_all(port: int, count: int) -> Idle:
    """From several addresses: each has ports of its own."""
    loop, gate, idle = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE), Idle([])

    def lose() -> None:
        idle.lost += 1

    def hear(_socket: StationSocket, _text: bytes) -> None:
        idle.answered += 1

    async def one(number: int) -> None:
        async with gate:
            source = (f"127.0.0.{2 + number // STATIONS_PER_ADDRESS}", 0)
            _, socket = await loop.create_connection(
                lambda: StationSocket(f"/ocpp/{TENANT}/BENCH-{number}"), "127.0.0.1", port, local_addr=source
            )
            await asyncio.wait_for(socket.opened, OPENS_WITHIN_S)
            socket.on_lost, socket.on_text = lose, hear
            idle.sockets.append(socket)

    await asyncio.gather(*(one(number) for number in range(count)))
    return idle


async def beat(idle: Idle, every_s: float, seconds: float) -> int:
    """Heartbeats spread evenly; how many were sent."""
    loop = asyncio.get_running_loop()
    end, sent = loop.time() + seconds, 0
    while loop.time() < end:
        began = loop.time()
        due = int(len(idle.sockets) / every_s) + 1
        for _ in range(due):
            socket = idle.sockets[sent % len(idle.sockets)]
            socket.send(f'[2,"b{sent}","Heartbeat",{{}}]'.encode())
            sent += 1
        await asyncio.sleep(max(0.0, began + 1 - loop.time()))
    await asyncio.sleep(2)
    return sent


async def play(server: ServerProcess, options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    # The first socket brings up what every process has once.
    warm = await connect_all(server.port, 1)
    await asyncio.sleep(2)
    before, began = server.resident_bytes, loop.time()
    for socket in warm.sockets:
        socket.transport.close()
    idle = await connect_all(server.port, options.sockets)
    seconds = loop.time() - began
    await asyncio.sleep(5)
    each = (server.resident_bytes - before) / options.sockets / KIB
    print(
        f"  {options.sockets:,} connected in {seconds:.0f} s ({options.sockets / seconds:,.0f}/s): {each:.1f} KiB each, "
        f"{server.resident_bytes / KIB / KIB:,.0f} MiB in all",
        flush=True,
    )
    for minute in range(1, options.minutes + 1):
        cpu_s = server.cpu_s
        sent = await beat(idle, options.heartbeat, 60)
        each = (server.resident_bytes - before) / options.sockets / KIB
        print(
            f"  minute {minute}: {sent:,} heartbeats, {server.cpu_s - cpu_s:.1f} s CPU, {each:.1f} KiB each, {idle.lost} lost",
            flush=True,
        )
    if idle.lost:
        raise SystemExit(f"{idle.lost} sockets were lost")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/bench idle", description=__doc__)
    arguments.add_argument("--sockets", type=int, default=10_000)
    arguments.add_argument("--heartbeat", type=float, default=300, help="seconds between two of a station")
    arguments.add_argument("--minutes", type=int, default=3)
    options = arguments.parse_args()
    files = allow_files(options.sockets + SPARE_FILES)
    print(f"each process may have {files:,} files open; starting PostgreSQL and Redis ...", flush=True)
    start_services(durable=True)
    use_worker_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    make_tenant(options.sockets)
    pin(os.getpid(), set(range(1, os.cpu_count() or 1)) or {0})
    with running("csms.asgi:application", CSMS_DB_POOL="true") as server:
        uvloop.run(play(server, options))


if __name__ == "__main__":
    main()
