"""How much one gateway process on one core takes: MeterValues of five values, each answered after its commit.

`scripts/bench ingest` starts a durable PostgreSQL and Redis of its own, then, at each number of sockets:
the bare ASGI echo, the least that durable ingest can be (`floor`), the gateway as fast as answers come, and the gateway
at a fixed rate (p99 counts from when a message was due). `--watch 30` goes on for so many minutes at that rate, and
prints the memory of each. The load, PostgreSQL and Redis share the other cores, so on two cores they slow the gateway.
"""

import argparse
import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import uvloop

from csms.local.testing import start_services, use_worker_database
from tests.benchmarks.load import Load, StationSocket, connect
from tests.benchmarks.server import ServerProcess, pin, running

TENANT = "benchmark"
_last_us = 0
_begin = datetime.now(UTC).replace(microsecond=0)


def meter_values(socket: StationSocket) -> bytes:
    """A five-value message of a running session, never the same instant twice."""
    global _last_us
    # Now, as live readings are: others would set off the alerts for clocks, and be noted as late for the aggregation.
    _last_us = max(time.time_ns() // 1000, _last_us + 1)
    at = datetime.fromtimestamp(_last_us / 1e6, UTC).isoformat(timespec="microseconds")[:-6]
    transaction_id = getattr(socket, "transaction_id", 1)
    return (
        f'[2,"{socket.number}","MeterValues",{{"connectorId":1,"transactionId":{transaction_id},"meterValue":[{{'
        f'"timestamp":"{at}Z","sampledValue":['
        '{"value":"123456","measurand":"Energy.Active.Import.Register","unit":"Wh","context":"Sample.Periodic"},'
        '{"value":"7.36","measurand":"Power.Active.Import","unit":"kW","location":"Outlet"},'
        '{"value":"31.8","measurand":"Current.Import","unit":"A","phase":"L1"},'
        '{"value":"230.4","measurand":"Voltage","unit":"V","phase":"L1-N"},'
        '{"value":"54","measurand":"SoC","unit":"Percent","location":"EV"}]}]}]'
    ).encode()


async def start_sessions(sockets: list[StationSocket]) -> None:
    """Every station starts charging; its messages then name the session."""
    at = (_begin - timedelta(minutes=1)).isoformat()[:-6]
    gate = asyncio.Semaphore(50)

    async def start(socket: StationSocket) -> None:
        async with gate:
            answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

            def take(_socket: StationSocket, text: bytes) -> None:
                # Calls of the gateway's own (it may read the configuration) are not for us.
                if text[:2] == b"[3" and not answered.done():
                    answered.set_result(text)

            socket.on_text = take
            socket.send(
                f'[2,"start","StartTransaction",{{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"{at}Z"}}]'.encode()
            )
            text = (await asyncio.wait_for(answered, 60)).decode()
            socket.transaction_id = int(text.partition('"transactionId":')[2].split(",")[0].strip("} ]"))  # type: ignore[attr-defined]

    await asyncio.gather(*(start(socket) for socket in sockets))


async def measure(server: ServerProcess, sockets: list[StationSocket], name: str, seconds: float, rate: float) -> float:
    """Warm up, load, print a line; messages per second."""
    await Load(sockets, meter_values, rate).run(1.5)
    await asyncio.sleep(1)
    load, before = Load(sockets, meter_values, rate), server.cpu_s
    await load.run(seconds)
    count = len(load.waits)
    per_second = count / load.seconds
    cpu = (server.cpu_s - before) / max(count, 1) * 1e6
    print(
        f"  {name:<26}{per_second:8,.0f} messages/s {5 * per_second:9,.0f} values/s   p50 {load.percentile(0.5):6.1f} ms"
        f"   p99 {load.percentile(0.99):6.1f} ms   {cpu:5.0f} us CPU/message   {len(load.errors)} errors",
        flush=True,
    )
    if load.errors:
        print("  first error:", load.errors[0][:200].decode(errors="replace"))
    await asyncio.sleep(1)
    return per_second


async def bench_echo(server: ServerProcess, count: int, seconds: float) -> None:
    sockets = await connect(server.port, [f"/{number}" for number in range(count)])
    await measure(server, sockets, "bare echo", seconds, 0)
    for socket in sockets:
        socket.transport.close()


async def bench_floor(server: ServerProcess, count: int, seconds: float) -> None:
    sockets = await connect(server.port, [f"/BENCH-{number}" for number in range(count)])
    await measure(server, sockets, "durable, and nothing else", seconds, 0)
    for socket in sockets:
        socket.transport.close()


async def watch_memory(server: ServerProcess, sockets: list[StationSocket], minutes: int, rate: float) -> None:
    """A long run: what the process holds at the end of each minute."""
    for minute in range(1, minutes + 1):
        load = Load(sockets, meter_values, rate)
        await load.run(60)
        resident = server.resident_bytes / 1024 / 1024
        print(
            f"  minute {minute}: {len(load.waits):,} messages, {resident:.1f} MiB, {len(load.errors)} errors",
            flush=True,
        )


async def bench_gateway(server: ServerProcess, count: int, seconds: float, rate: float, minutes: int) -> None:
    # The first socket brings up what every process has once.
    await connect(server.port, [f"/ocpp/{TENANT}/WARM-UP"])
    await asyncio.sleep(2)
    before = server.resident_bytes
    sockets = await connect(server.port, [f"/ocpp/{TENANT}/BENCH-{number}" for number in range(count)])
    await asyncio.sleep(2)
    print(f"  idle socket: {(server.resident_bytes - before) / count / 1024:.1f} KiB each", flush=True)
    await start_sessions(sockets)
    await measure(server, sockets, "gateway, all it takes", seconds, 0)
    await measure(server, sockets, f"gateway, {rate:,.0f}/s offered", seconds, rate)
    print(f"  memory: {server.resident_bytes / 1024 / 1024:.0f} MiB after that", flush=True)
    await watch_memory(server, sockets, minutes, rate)


def make_tenant(count: int) -> None:
    """A tenant with its stations known and accepted."""
    import django

    django.setup()
    from chargepoints.models import ChargePoint
    from tenants.context import system_transaction
    from tenants.services.tenants import create_tenant

    policies: dict[str, Any] = {"unknown_charge_points": "accept", "unknown_id_tags": "accept"}
    tenant = create_tenant(slug=TENANT, name="Benchmark", allow_unauthenticated=True, **policies)
    names = ["WARM-UP", *(f"BENCH-{number}" for number in range(count))]
    with system_transaction():
        ChargePoint.objects.bulk_create(
            ChargePoint(tenant=tenant, identity=name, identity_key=name.lower(), security_profile=0, send_unasked=False)
            for name in names
        )


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/bench ingest", description=__doc__)
    arguments.add_argument("--sockets", type=int, nargs="+", default=[200, 2000])
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--rate", type=float, default=4000, help="messages per second of the paced run")
    arguments.add_argument("--watch", type=int, default=0, help="minutes at that rate, with the memory of each")
    options = arguments.parse_args()
    print("starting PostgreSQL and Redis ...", flush=True)
    start_services(durable=True)
    use_worker_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    make_tenant(max(options.sockets))
    pin(os.getpid(), set(range(1, os.cpu_count() or 1)) or {0})
    for count in options.sockets:
        print(f"{count} sockets:", flush=True)
        with running("tests.benchmarks.echo:application") as server:
            uvloop.run(bench_echo(server, count, options.seconds))
        with running("tests.benchmarks.floor:application") as server:
            uvloop.run(bench_floor(server, count, options.seconds))
        with running("csms.asgi:application") as server:
            uvloop.run(bench_gateway(server, count, options.seconds, options.rate, options.watch))


if __name__ == "__main__":
    main()
