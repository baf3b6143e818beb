"""A gateway is restarted under its whole fleet: how long until all are back, what it costs, and is all as it was?

`scripts/bench reconnect` starts a durable PostgreSQL and Redis of its own, one gateway process on a core of its own and
10,000 light stations with Basic passwords in another process. The gateway is killed (SIGKILL), then, in a second round,
asked to stop (SIGTERM), and started again at once each time; stations come back after a random time within `--jitter`
and with back-off. Commands queued while it was away must arrive once each. The beat's sweeps run meanwhile, as always.
"""

import argparse
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from csms.local.testing import start_services, use_worker_database
from tests.benchmarks.reconnecting import Counters, fleet, password_of
from tests.benchmarks.server import ServerProcess, free_port, pin, running

TENANT = "benchmark"
# What ends the gateway that the stations are connected to before each round; the first begins with none.
ROUNDS = {"first connect": 0, "killed (SIGKILL)": signal.SIGKILL, "stopped (SIGTERM)": signal.SIGTERM}
# With a pool, as a gateway has it; the benchmark of ingest wants none.
SETTINGS = {"CSMS_DB_POOL": "true"}
SPARE_FILES = 500
PATIENCE_S = 1800
SWEEP_EVERY_S = 10
MIB = 1024 * 1024


def main() -> None:
    options = _options()
    files = allow_files(options.stations + SPARE_FILES)
    print(f"{options.stations:,} stations; each process may have {files:,} files open", flush=True)
    print("starting PostgreSQL and Redis ...", flush=True)
    start_services(durable=True)
    use_worker_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    make_fleet(options.stations)
    pin(os.getpid(), set(range(1, os.cpu_count() or 1)) or {0})
    port, ends = free_port(), list(ROUNDS.values())
    with sweeping(), fleet(options.stations, port, TENANT, options.jitter) as counters:
        lost_at = time.monotonic()
        for number, name in enumerate(ROUNDS):
            with running("csms.asgi:application", port=port, **SETTINGS) as server:
                listened = time.monotonic()
                print(f"{name}: the next gateway listened {listened - lost_at:.1f} s later", flush=True)
                play_round(server, counters, listened, options.stations, options.commands if number else 0)
                if number + 1 < len(ends):
                    print(f"  it ended within {server.end(ends[number + 1]):.1f} s", flush=True)
            lost_at = time.monotonic()
            if number + 1 < len(ends):
                counters.reset()
                queue_commands(options.commands)


def play_round(server: ServerProcess, counters: Counters, since: float, count: int, waiting: int) -> None:
    """All come back; then the tables and the stations must agree. SystemExit where they don't."""
    half = wait_until(lambda: counters["online"] >= count // 2, since)
    seconds = wait_until(lambda: counters["online"] >= count, since)
    print(
        f"  {count:,} online {seconds:.1f} s after that (half after {half:.1f} s): {count / seconds:,.0f}/s; "
        f"gateway: peak {server.peak_bytes / MIB:,.0f} MiB, {server.cpu_s:.1f} s CPU\n"
        f"  attempts while nobody listened {counters['not_listening']:,}, turned away (503) {counters['refused']:,}, "
        f"timed out {counters['timed_out']:,}",
        flush=True,
    )
    wait_until(lambda: counters["commands"] >= waiting, time.monotonic())
    wait_until(lambda: is_consistent(count, waiting), time.monotonic())
    if counters["repeated"] or counters["commands"] != waiting or counters["online"] != count:
        raise SystemExit(f"not as it was: {counters.shown()}")
    print(
        f"  {count:,} live rows, none twice, no other gateway; {waiting:,} of {waiting:,} commands, each once",
        flush=True,
    )


def is_consistent(count: int, waiting: int) -> bool:
    """Presence is the fleet's, of one gateway; every command that waited was accepted."""
    from chargepoints.models import Command, Gateway, StationConnection
    from tenants.context import system_transaction

    with system_transaction():
        accepted = Command.objects.filter(state="accepted").count()
        return (
            StationConnection.objects.count() == StationConnection.objects.live().count() == count
            and StationConnection.objects.values("gateway_id").order_by().distinct().count() == 1
            and Gateway.objects.count() == 1
            and (accepted == Command.objects.count() == waiting)
        )


def wait_until(holds: Callable[[], bool], since: float) -> float:
    """Seconds since `since` when it first held."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {PATIENCE_S} s")
        time.sleep(0.1)
    return time.monotonic() - since


def allow_files(wanted: int) -> int:
    """Raise the limit on open files as far as it may; SystemExit where that is not enough."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SystemExit(f"{wanted:,} open files are needed, {hard:,} are allowed (ulimit -Hn).")
    allowed = max(wanted, 65_536) if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def make_fleet(count: int) -> None:
    """A tenant and its stations, known and accepted, each with its password."""
    import django

    django.setup()
    from chargepoints.models import ChargePoint
    from chargepoints.services.passwords import hash_password
    from tenants.context import system_transaction
    from tenants.services.tenants import create_tenant

    tenant = create_tenant(slug=TENANT, name="Benchmark")
    names = [f"BENCH-{number}" for number in range(count)]
    with system_transaction():
        ChargePoint.objects.bulk_create(
            ChargePoint(
                tenant=tenant,
                identity=name,
                identity_key=name.lower(),
                password_hash=hash_password(password_of(name).encode()),
                send_unasked=False,
            )
            for name in names
        )


def queue_commands(number: int) -> None:
    """One for each of the first stations, to wait for them; those of the round before are forgotten."""
    from django.utils import timezone

    from chargepoints.models import ChargePoint, Command
    from chargepoints.services.commands import send_command
    from tenants.context import system_transaction

    with system_transaction():
        Command.objects.all().delete()
        stations = list(ChargePoint.objects.order_by("pk")[:number])
    until = timezone.now() + timedelta(hours=1)
    for station in stations:
        send_command(
            charge_point=station,
            action="ClearCache",
            payload={},
            requested_by="benchmark",
            origin="api",
            expires_at=until,
        )


@contextmanager
def sweeping() -> Iterator[None]:
    """What the beat does meanwhile."""
    from chargepoints.services.commands import sweep_commands
    from chargepoints.services.leases import sweep_dead_gateways

    ended = threading.Event()

    def sweep() -> None:
        while not ended.wait(SWEEP_EVERY_S):
            sweep_dead_gateways()
            sweep_commands()

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="scripts/bench reconnect", description=__doc__)
    arguments.add_argument("--stations", type=int, default=10_000)
    arguments.add_argument("--jitter", type=float, default=10.0, help="seconds within which stations come back")
    arguments.add_argument("--commands", type=int, default=200, help="queued while the gateway is away")
    return arguments.parse_args()


if __name__ == "__main__":
    main()
