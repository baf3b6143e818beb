"""How much two gateway processes take together beside one: MeterValues of five values, each answered after its commit.

`scripts/bench scaleout` starts a durable PostgreSQL and Redis of its own, then as many gateways as `--gateways` says, each
with its share of the sockets and each loaded by a process of its own. Everything shares the machine's cores: gateways, load,
PostgreSQL and Redis, so the sum says what this machine does, and the processor time for each message what a larger one would.
"""

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import uvloop

from csms.local.testing import start_services, use_worker_database
from tests.benchmarks.bench_ingest import TENANT, make_tenant, meter_values, start_sessions
from tests.benchmarks.load import Load, connect
from tests.benchmarks.server import ServerProcess, pin, running

WARM_UP_S = 2.0


async def load(port: int, first: int, count: int, seconds: float, start: Any, results: Any) -> None:
    """One gateway's stations: connect, begin sessions, wait for the others, load."""
    sockets = await connect(port, [f"/ocpp/{TENANT}/BENCH-{number}" for number in range(first, first + count)])
    await start_sessions(sockets)
    await Load(sockets, meter_values).run(WARM_UP_S)
    start.wait()
    measured = Load(sockets, meter_values)
    await measured.run(seconds)
    middle, most = measured.percentile(0.5), measured.percentile(0.99)
    results.put((len(measured.waits), measured.seconds, middle, most, len(measured.errors)))


def play(port: int, first: int, count: int, seconds: float, start: Any, results: Any) -> None:
    uvloop.run(load(port, first, count, seconds, start, results))


@contextmanager
def gateways(number: int) -> Iterator[list[ServerProcess]]:
    """So many, free to run on any core."""
    with ExitStack() as stack:
        servers = [stack.enter_context(running("csms.asgi:application")) for _ in range(number)]
        for server in servers:
            pin(server.pid, set(range(os.cpu_count() or 1)))
        yield servers


def measure(number: int, sockets: int, seconds: float) -> float:
    """Messages per second of `number` gateways with `sockets` stations in all; prints a line."""
    context = multiprocessing.get_context("spawn")
    start, results, share = context.Barrier(number + 1), context.Queue(), sockets // number
    with gateways(number) as servers:
        loads = [
            context.Process(target=play, args=(server.port, index * share, share, seconds, start, results))
            for index, server in enumerate(servers)
        ]
        for one in loads:
            one.start()
        start.wait()
        before = sum(server.cpu_s for server in servers)
        measured = [results.get(timeout=600) for _ in loads]
        cpu_s = sum(server.cpu_s for server in servers) - before
        for one in loads:
            one.join(30)
    rate = float(sum(count / took for count, took, *_ in measured))
    messages, errors = sum(one[0] for one in measured), sum(one[4] for one in measured)
    middle, most = max(one[2] for one in measured), max(one[3] for one in measured)
    print(
        f"  {number} gateway{'s' if number > 1 else ' '} {rate:8,.0f} messages/s   p50 {middle:6.1f} ms   p99 {most:6.1f} ms   "
        f"{cpu_s / max(messages, 1) * 1e6:5.0f} us CPU/message   {errors} errors",
        flush=True,
    )
    return rate


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/bench scaleout", description=__doc__)
    arguments.add_argument("--gateways", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--sockets", type=int, default=400, help="in all")
    arguments.add_argument("--seconds", type=float, default=15)
    options = arguments.parse_args()
    print("starting PostgreSQL and Redis ...", flush=True)
    start_services(durable=True)
    use_worker_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    make_tenant(options.sockets)
    print(f"{options.sockets} sockets on {os.cpu_count()} cores:", flush=True)
    rates = [measure(number, options.sockets, options.seconds) for number in options.gateways]
    print(f"  {rates[-1] / rates[0]:.2f} times the first", flush=True)


if __name__ == "__main__":
    main()
