"""200 stations on one site connection, real processes, and everything that goes wrong: no fuse ever trips (DESIGN §7.4).

Held at every change on the stations' side: on each phase of each circuit the limits that the stations have taken, those
of the disobedient included, sum up to no more than the capacity; what is drawn too, once the disobedient are known.
A station that has lost its default holds no car back, whatever we do: no session begins there until it has one again.

Run with `scripts/test chaos`; `-s` shows the figures.
"""

import asyncio
import statistics
from collections.abc import Iterator

import pytest

from tests.conftest import eventually
from tests.e2e.plugs import MAX_A, Journal, Station
from tests.e2e.stack import Stack, running_stack

pytestmark = pytest.mark.chaos

TENANT = "acme"
SITE = "Site"
# A on each phase. The last can't give all of its cars the minimum: they take turns.
FEEDERS = {"F0": 600.0, "F1": 500.0, "F2": 400.0, "F3": 300.0, "Tight": 90.0}
SITE_A = 1500.0
ON_EACH = 40
PHASES = {
    "RST": (0, 1, 2),
    "STR": (1, 2, 0),
    "TRS": (2, 0, 1),
    "R": (0,),
    "S": (1,),
    "T": (2,),
}
ROTATION_S = 20
# 40 cars of which 15 (90 A of 6 A) at least are in the way at a time.
BOUND_S = ROTATION_S * 3
# Each turn ends with a round, and the limits that go down are out before those that go up.
ROUNDS_S = 30
KNOWN_S = 90
DISOBEDIENT = ("F0-7", "F1-11", "F2-23", "F3-30")

MAKE_CIRCUITS = """
from decimal import Decimal
from chargepoints.models import ChargePoint
from smartcharging.services.circuits import add_member, create_circuit
from tenants.context import system_transaction
from tenants.models import Tenant
by = {"actor": "test", "origin": "system"}
with system_transaction():
    tenant = Tenant.objects.get(slug="acme")
    stations = {one.identity: one for one in ChargePoint.objects.all()}
site = create_circuit(tenant=tenant, values={
    "name": "SITE_NAME", "capacity": Decimal("SITE_CAPACITY"), "fallback_a": Decimal(0), "rotation_s": ROTATION, "hold_s": 5,
    "tolerance_s": 10}, **by)
for name, capacity in FEEDER_CAPACITIES.items():
    values = {"name": name, "kind": "feeder", "parent": site, "capacity": Decimal(str(capacity))}
    feeder = create_circuit(tenant=tenant, values=values, **by)
    for identity, wiring in WIRINGS.items():
        if identity.startswith(name + "-"):
            values = {"charge_point": stations[identity], "evse_number": 1, "wiring": wiring}
            add_member(circuit=feeder, values=values, **by)
"""
FIGURES = """
SELECT count(*), coalesce(sum(sent), 0), coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY compute_ms), 0),
coalesce(max(compute_ms), 0), count(*) FILTER (WHERE detail LIKE '%failed%') FROM smartcharging_circuitround
"""
# From a start to the next round, and from a round to each of its limits on the wire.
PROMPT = """
SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM r.at - t.start_received_at)::float)
FROM chargepoints_transaction t
CROSS JOIN LATERAL (SELECT min(at) AS at FROM smartcharging_circuitround WHERE at > t.start_received_at) r
"""
OUT = """
SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM c.sent_at - l.at)::float)
FROM smartcharging_limitsent l JOIN chargepoints_command c ON c.id = l.command_id WHERE c.sent_at IS NOT NULL
"""


@pytest.fixture
def stack() -> Iterator[Stack]:
    with running_stack(TENANT) as stack:
        yield stack


def wirings() -> dict[str, str]:
    """Three of five on three phases, in each rotation; the others on one."""
    order = ("RST", "R", "STR", "S", "TRS", "RST", "T", "STR", "R", "TRS")
    return {f"{feeder}-{number}": order[number % len(order)] for feeder in FEEDERS for number in range(ON_EACH)}


def make_circuits(stack: Stack) -> None:
    code = MAKE_CIRCUITS.replace("SITE_NAME", SITE).replace("SITE_CAPACITY", str(SITE_A))
    code = code.replace("ROTATION", str(ROTATION_S)).replace("FEEDER_CAPACITIES", repr(FEEDERS))
    stack.shell(code.replace("WIRINGS", repr(wirings())))


def show(stack: Stack, journal: Journal) -> None:
    ((rounds, sent, usual_ms, most_ms, failed),) = stack.query(FIGURES)
    print(f"\n{rounds} rounds ({failed} failed), {usual_ms:.0f} ms each, at most {most_ms:.0f} ms; {sent} limits")  # noqa: T201
    print(f"{journal.changes} changes at the stations; {dict(journal.done)}")  # noqa: T201
    for circuit, most in journal.capacity.items():
        limits = "/".join(f"{amps:.1f}" for amps in journal.worst_limits[circuit])
        drawn = "/".join(f"{amps:.1f}" for amps in journal.worst_drawn[circuit])
        waited, who = journal.longest_wait.get(circuit, (0.0, "-"))
        print(f"{circuit}: worst allotted {limits}, drawn {drawn} of {most} A; longest wait {waited:.0f} s ({who})")  # noqa: T201
    for words, statement in (("a start to its round", PROMPT), ("a round to its limits on the wire", OUT)):
        ((found,),) = stack.query(statement)
        usual, most = found or (0, 0)
        print(f"{words}: median {usual:.2f} s, 95 % {most:.2f} s")  # noqa: T201
    took = sorted(journal.first_limit_s)
    if len(took) > 1:
        middle, most = statistics.median(took), took[int(len(took) * 0.95)]
        print(f"first limit after a start: median {middle:.1f} s, 95 % {most:.1f} s, of {len(took)}")  # noqa: T201


async def test_a_site_holds_whatever_its_stations_and_our_processes_do(stack: Stack) -> None:
    await eventually(stack.gateway_listens, 60)
    journal = Journal({SITE: SITE_A, **FEEDERS})
    url = f"ws://127.0.0.1:{stack.gateway_port}/ocpp/{TENANT}"
    stations = [
        Station(url, name, PHASES[wiring], (name.partition("-")[0], SITE), journal, obeys=name not in DISOBEDIENT)
        for name, wiring in wirings().items()
    ]
    tasks = [asyncio.create_task(station.live()) for station in stations]
    try:
        count = "SELECT count(*) FROM chargepoints_stationconnection"
        async with asyncio.timeout(90):
            while stack.query(count) != [(len(stations),)]:
                await asyncio.sleep(0.5)
        await asyncio.sleep(2)
        await asyncio.to_thread(make_circuits, stack)
        async with asyncio.timeout(90):
            while any(station.default_a != 0 for station in stations):
                await asyncio.sleep(0.5)
        for station in stations:
            station.misbehaves = station.obeys
        tasks += [asyncio.create_task(work) for station in stations for work in (station.play(), station.meter())]
        await asyncio.sleep(KNOWN_S)
        journal.arm()
        stack.kill_process("worker")
        await asyncio.sleep(2)
        stack.start_worker()
        await asyncio.sleep(50)
        stack.kill_process("gateway")
        stack.start_gateway()
        await asyncio.sleep(70)
        assert not [task.exception() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(show, stack, journal)
    assert not journal.violations, journal.violations[:20]
    assert max(seconds for seconds, _ in journal.longest_wait.values()) <= BOUND_S + ROUNDS_S
    # It was worth it: the site was full, and everything that can go wrong did.
    assert max(journal.worst_limits[SITE]) > SITE_A * 0.9
    assert min(journal.done[what] for what in ("rejected", "late", "offline", "reboots", "defaults lost")) > 0
    assert MAX_A * len(stations) * 0.6 > SITE_A
