"""From a stored reading to an alert: once per excursion, over gateways, restarts and outages."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from chargepoints.models import ChargePoint
from metering.alerts import watch as watch_module
from metering.alerts.services import delete_threshold, resolve_alert
from metering.alerts.watch import Watch
from metering.ingest.drain import drain_spill
from metering.ingest.message import MeterMessage
from metering.ingest.spill import SpillStream
from metering.models import Alert, MeteringSettings, Threshold
from metering.readings import Kind
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.conftest import eventually
from tests.metering.conftest import NOW, Fetch, make_charge_point, message, reading
from tests.metering.line import Line

TEMPERATURE = Kind("Temperature", "", "Outlet", "Celsius")
ALERTS = "SELECT status, worst_value::int, started_at, resolved_at, resolution FROM metering_alert ORDER BY id"


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WRITE_S", "LOAD_S", "REFRESH_S"):
        monkeypatch.setattr(watch_module, name, 0.02)


def hot(station: ChargePoint, celsius: int, seconds: int = 0, **more: Any) -> MeterMessage:
    at = NOW + timedelta(seconds=seconds)
    return message(station, reading(str(celsius), at, TEMPERATURE), received_at=at, **more)


def at(seconds: int) -> Any:
    return NOW + timedelta(seconds=seconds)


async def see(*messages: MeterMessage) -> None:
    """One gateway's life."""
    watch = Watch()
    for one in messages:
        watch.note([one])
    await watch.close()


def in_tenant(station: ChargePoint, act: Any) -> Any:
    with tenant_transaction(station.tenant_id):
        return act()


async def test_an_excursion_is_one_alert_and_two_events(station: ChargePoint, fetch: Fetch) -> None:
    await see(hot(station, 75), hot(station, 91, 10), hot(station, 40, 20))
    assert await fetch(ALERTS) == [("resolved", 91, at(0), at(20), "Back inside the bounds.")]
    events = await fetch("SELECT event_type, charge_point, data->>'value' FROM tenants_outboxevent ORDER BY id")
    assert events == [("alert.opened", "CP-1", "40"), ("alert.resolved", "CP-1", "40")]


async def test_every_tenant_starts_with_the_usual_thresholds(station: ChargePoint, fetch: Fetch) -> None:
    rows = await fetch("SELECT measurand, min_value::int, max_value::int FROM metering_threshold ORDER BY id")
    assert rows == [
        ("Power.Active.Import", None, 50000),
        ("Temperature", -10, 70),
        ("Voltage", 207, 253),
        ("Current.Import", None, 80),
    ]


async def test_a_restart_opens_no_second_alert_and_a_value_inside_resolves_the_first(
    station: ChargePoint, fetch: Fetch
) -> None:
    await see(hot(station, 75))
    await see(hot(station, 80, 70))
    assert await fetch(ALERTS) == [("open", 80, at(0), None, "")]
    await see(hot(station, 20, 80))
    assert [row[0] for row in await fetch(ALERTS)] == ["resolved"]


async def test_two_gateways_at_once_open_one_alert(station: ChargePoint, fetch: Fetch) -> None:
    await asyncio.gather(*[see(hot(station, 75, seconds)) for seconds in range(6)])
    assert len(await fetch(ALERTS)) == 1


async def test_another_gateway_learns_of_an_open_alert_and_ends_it(station: ChargePoint, fetch: Fetch) -> None:
    other = Watch()
    other.note([hot(station, 20)])
    await eventually(lambda: other._comparison.knows(station.tenant_id))
    await see(hot(station, 75, 10))
    other._noted = True
    other._refreshing.wake()
    await eventually(lambda: bool(other._comparison._active))
    other.note([hot(station, 20, 20)])
    await other.close()
    assert [row[0] for row in await fetch(ALERTS)] == ["resolved"]


async def test_the_same_excursion_seen_again_adds_nothing(station: ChargePoint, fetch: Fetch) -> None:
    excursion = [hot(station, 75), hot(station, 90, 10), hot(station, 20, 20)]
    await see(*excursion)
    before = await fetch(ALERTS)
    await see(*excursion)
    await see(excursion[1], excursion[2])
    assert await fetch(ALERTS) == before
    await see(hot(station, 75, 100))
    assert len(await fetch(ALERTS)) == 2


async def test_resolved_by_hand_it_stays_so_while_the_same_excursion_lasts(station: ChargePoint, fetch: Fetch) -> None:
    watch = Watch()
    watch.note([hot(station, 75)])
    await eventually(lambda: asyncio.to_thread(in_tenant, station, Alert.objects.exists))

    def resolve() -> None:
        with tenant_transaction(station.tenant_id):
            resolve_alert(alert=Alert.objects.get(), actor="alice", reason="Sensor")

    await asyncio.to_thread(resolve)
    watch.note([hot(station, 85, 120)])
    watch.note([hot(station, 20, 240)])
    # After the resolution, however long ago this module was read.
    watch.note([hot(station, 75, 24 * 3600)])
    await watch.close()
    rows = await fetch(ALERTS)
    assert [(row[0], row[4]) for row in rows] == [("resolved", "alice: Sensor"), ("open", "")]


async def test_a_removed_threshold_ends_its_alerts_and_a_new_one_holds_soon(
    station: ChargePoint, tenant: Tenant, fetch: Fetch
) -> None:
    watch = Watch()
    watch.note([hot(station, 75)])
    await eventually(lambda: asyncio.to_thread(in_tenant, station, Alert.objects.exists))

    def change() -> None:
        with tenant_transaction(station.tenant_id):
            threshold = Threshold.objects.get(measurand="Temperature")
            delete_threshold(threshold=threshold, actor="alice", origin="api", changes={})
            Threshold.objects.create(tenant=tenant, measurand="Temperature", max_value=30)

    await asyncio.to_thread(change)
    numbers = iter(range(1, 1000))

    async def seen() -> bool:
        watch.note([hot(station, 35, next(numbers))])
        return len(await fetch(ALERTS)) == 2

    await eventually(seen)
    await watch.close()
    assert [row[0] for row in await fetch(ALERTS)] == ["resolved", "open"]


async def test_nothing_is_lost_while_postgres_is_away(postgres_line: Line, station: ChargePoint, fetch: Fetch) -> None:
    watch = Watch()
    watch.note([hot(station, 20)])
    await eventually(lambda: watch._comparison.knows(station.tenant_id))
    away = asyncio.Event()

    async def write_fails() -> bool:
        return bool(watch._pending) and away.is_set()

    original = watch._threads.run

    async def run(function: Any, *args: Any, **kwargs: Any) -> Any:
        if postgres_line._refusing:
            away.set()
            raise OperationalError("away")
        return await original(function, *args, **kwargs)

    watch._threads.run = run  # type: ignore[method-assign]
    postgres_line.refuse()
    watch.note([hot(station, 75, 10), hot(station, 99, 20), hot(station, 20, 30), hot(station, 76, 40)])
    await eventually(write_fails)
    postgres_line.mend()
    await watch.close()
    assert [row[:4] for row in await fetch(ALERTS)] == [
        ("resolved", 99, at(10), at(30)),
        ("open", 76, at(40), None),
    ]


async def test_readings_held_and_alerts_waiting_are_bounded(
    station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "HELD_VALUES", 10)
    monkeypatch.setattr(watch_module, "PENDING", 3)
    watch = Watch()
    for number in range(50):
        watch._hold(hot(station, 75, number))
    assert (len(watch._held), watch._held_values) == (10, 10)
    await watch.close()
    flapping = Watch()
    await flapping._load([station.tenant_id])
    for number in range(50):
        flapping._comparison.compare(hot(station, 75 if number % 2 else 20, 200 + number))
    assert len(flapping._pending) == 3
    await flapping.close()


async def test_a_deleted_charge_point_does_not_hold_up_the_others(
    station: ChargePoint, tenant: Tenant, fetch: Fetch
) -> None:
    gone = await asyncio.to_thread(make_charge_point, tenant, "CP-2")
    await asyncio.to_thread(in_tenant, gone, lambda: ChargePoint.objects.filter(pk=gone.pk).delete())
    watch = Watch()
    # What was on its way when it was deleted.
    watch.note([hot(gone, 75), hot(station, 75)])
    await watch.close()
    assert len(await fetch(ALERTS)) == 1


async def test_a_station_gone_mad_fills_no_table(
    station: ChargePoint, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for round_ in range(4):
        values = [hot(station, 75 if number % 2 else 20, 1000 * round_ + number) for number in range(200)]
        await see(*values)
    ((count,),) = await fetch("SELECT count(*) FROM metering_alert")
    assert 200 <= count <= 500


async def test_drained_readings_raise_and_resolve_as_of_their_time(
    station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    stream = SpillStream()
    for number, celsius in enumerate((75, 90, 20, 80)):
        await stream.add([hot(station, celsius, 10 * number - 3600)])
    await stream.close()
    assert await drain_spill() == 4
    assert [row[:4] for row in await fetch(ALERTS)] == [
        ("resolved", 90, at(-3600), at(-3580)),
        ("open", 80, at(-3570), None),
    ]
    await see(hot(station, 20))
    assert [row[0] for row in await fetch(ALERTS)] == ["resolved", "resolved"]


async def test_what_the_gateway_has_compared_is_no_news_when_it_is_drained(
    station: ChargePoint, fetch: Fetch, redis_clean: Any
) -> None:
    spilled = [hot(station, celsius, 10 * number) for number, celsius in enumerate((75, 90, 20))]
    await see(*spilled)
    stream = SpillStream()
    await stream.add(spilled)
    await stream.close()
    await drain_spill()
    assert len(await fetch(ALERTS)) == 1


async def test_a_clock_ahead_of_the_tenants_tolerance_opens_and_ends(
    station: ChargePoint, tenant: Tenant, fetch: Fetch
) -> None:
    def tolerate() -> None:
        MeteringSettings.objects.create(tenant=tenant, clock_tolerance_seconds=120)

    await asyncio.to_thread(in_tenant, station, tolerate)
    watch = Watch()
    ahead = message(station, reading("5", NOW + timedelta(seconds=100), TEMPERATURE), received_at=NOW)
    watch.note([ahead])
    await eventually(lambda: watch._comparison.knows(station.tenant_id))
    watch.note_time(
        tenant_id=station.tenant_id, charge_point_id=station.pk, received_at=at(5), at=at(5) + timedelta(hours=1)
    )
    watch.note_time(tenant_id=station.tenant_id, charge_point_id=station.pk, received_at=at(20), at=at(20))
    await watch.close()
    rows = await fetch("SELECT kind, detail, started_at, resolved_at FROM metering_alert")
    assert rows == [("clock", "", at(5), at(20))] or rows == [("clock", "The clock is 1 h ahead.", at(5), at(20))]


async def test_alerts_of_a_tenant_are_its_own(
    station: ChargePoint, tenant: Tenant, other_tenant: Tenant, fetch: Fetch
) -> None:
    theirs = await asyncio.to_thread(make_charge_point, other_tenant, "CP-1")
    await see(hot(station, 75), hot(theirs, 75))
    rows = await fetch("SELECT tenant_id, charge_point_id FROM metering_alert ORDER BY tenant_id")
    assert rows == [(tenant.pk, station.pk), (other_tenant.pk, theirs.pk)]

    def events() -> int:
        return OutboxEvent.objects.count()

    assert await asyncio.to_thread(in_tenant, station, events) == 1
