"""Waking: many events are one round, what happens during a round asks for one more, and nothing outlasts a minute."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from celery import current_app
from django.core.cache import cache
from django.utils import timezone

from chargepoints.models import StationConnection
from chargepoints.services.connections import release_connection
from chargepoints.services.status import Notification, record_status
from metering.ingest.message import MeterMessage
from metering.readings import Kind, Reading
from smartcharging import tasks
from smartcharging.models import CircuitRound, LimitSent
from smartcharging.services import roots, wake
from smartcharging.services.power_watch import PowerWatch
from smartcharging.services.rebalance import rebalance_all
from smartcharging.services.rounds import delete_old_rounds
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.smartcharging.rebalance.conftest import Woken
from tests.smartcharging.rebalance.yard import Yard, make_yard

Make = Callable[..., Yard]


@pytest.fixture
def yard(make: Make, woken: Woken) -> Yard:
    yard = make("A", "B")
    wake.take_wake(tenant_id=yard.tenant.pk, root_id=yard.root.pk)
    roots.forget_roots()
    woken.clear()
    return yard


def causes(woken: Woken) -> list[object]:
    return [arguments[2] for name, arguments in woken if name == wake.TASK]


def test_many_events_ask_for_one_round(yard: Yard, woken: Woken) -> None:
    for _ in range(5):
        yard.start("A")
        yard.stop("A")
    assert causes(woken) == ["session_start"]


def test_what_happens_once_a_round_has_begun_asks_for_one_more(yard: Yard, woken: Woken) -> None:
    yard.start("A")
    tasks.rebalance(yard.tenant.pk, yard.root.pk, "session_start")
    wake.take_wake(tenant_id=yard.tenant.pk, root_id=yard.root.pk)
    woken.clear()
    yard.start("B")
    assert causes(woken) == ["session_start"]


def test_a_change_that_is_rolled_back_wakes_nobody(yard: Yard, woken: Woken) -> None:
    def change() -> None:
        with tenant_transaction(yard.tenant.pk):
            wake.wake_circuit(tenant_id=yard.tenant.pk, root_id=yard.root.pk, cause="circuit_changed")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change()
    assert woken == []


def test_status_disconnect_and_an_answered_limit_wake(yard: Yard, woken: Woken) -> None:
    plug, now = yard.plugs["A"], timezone.now()

    def take() -> list[object]:
        found = causes(woken)
        woken.clear()
        wake.take_wake(tenant_id=yard.tenant.pk, root_id=yard.root.pk)
        return found

    record_status(
        tenant_id=yard.tenant.pk,
        charge_point_id=plug.charge_point_id,
        notification=Notification(evse_number=1, status="Preparing", error_code="NoError", at=now, received_at=now),
    )
    assert take() == ["connector_status"]
    yard.start("A")
    take()
    yard.round()
    take()
    (command,) = yard.queued()
    yard.answer(command)
    assert "limit_settled" in take()
    with tenant_transaction(yard.tenant.pk):
        connection = StationConnection.objects.get(charge_point_id=plug.charge_point_id)
    release_connection(
        tenant_id=yard.tenant.pk,
        charge_point_id=plug.charge_point_id,
        identity="A",
        connection_id=connection.connection_id,
        at=now,
        reason="closed",
    )
    assert take() == ["offline"]


def test_another_tenants_station_of_the_same_name_wakes_nobody(yard: Yard, other_tenant: Tenant, woken: Woken) -> None:
    other = make_yard(other_tenant)
    other.add("A")
    woken.clear()
    yard.start("A")
    assert {arguments[0] for _, arguments in woken} == {yard.tenant.pk}


def test_without_a_broker_the_minute_runs_the_rounds_itself(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.start("A")
    wake.take_wake(tenant_id=yard.tenant.pk, root_id=yard.root.pk)

    def away(*args: object, **options: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(current_app, "send_task", away)
    assert rebalance_all() == 1
    assert len(yard.queued()) == 1


def test_the_minute_asks_for_a_round_of_every_tree(yard: Yard, woken: Woken) -> None:
    assert rebalance_all() == 1
    assert causes(woken) == ["minute"]


def test_a_later_round_is_asked_for_once_and_an_earlier_one_beats_it(yard: Yard, woken: Woken) -> None:
    cache.clear()
    now = timezone.now()
    for seconds in (30, 40, 5):
        at = now + timedelta(seconds=seconds)
        wake.wake_at(tenant_id=yard.tenant.pk, root_id=yard.root.pk, at=at, cause="retry")
    assert causes(woken) == ["retry", "retry"]


def test_redis_away_is_no_error_of_the_caller(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object, **options: object) -> None:
        raise ConnectionError("no Redis")

    monkeypatch.setattr(cache, "add", away)
    yard.start("A")


def message(yard: Yard, amps: float) -> MeterMessage:
    now = timezone.now()
    kind = Kind("Current.Import", "L1", "Outlet", "A")
    return MeterMessage(
        tenant_id=yard.tenant.pk,
        charge_point_id=yard.plugs["A"].charge_point_id,
        evse_number=1,
        transaction_id=None,
        received_at=now,
        readings=[Reading(kind, now, 0, str(Decimal(str(amps))), None, None)],
    )


def test_power_that_moves_beyond_the_band_wakes_and_noise_does_not(yard: Yard, woken: Woken) -> None:
    roots.roots_of(yard.tenant.pk)

    async def play() -> None:
        watch = PowerWatch()
        for amps in (10.0, 11.0, 9.5, 13.0):
            watch.note([message(yard, amps)])
            await asyncio.gather(*watch._tasks)
            if amps == 9.5:
                assert causes(woken) == ["power"]
                wake.take_wake(tenant_id=yard.tenant.pk, root_id=yard.root.pk)
        await watch.close()

    asyncio.run(play())
    assert causes(woken) == ["power", "power"]


def test_connectors_on_no_circuit_are_not_looked_at(tenant: Tenant, woken: Woken) -> None:
    yard = make_yard(tenant)
    yard.add("A")
    roots.roots_of(tenant.pk)
    loose = message(yard, 10.0)
    loose.evse_number = 2

    async def play() -> None:
        watch = PowerWatch()
        watch.note([loose])
        assert watch._last == {}
        await watch.close()

    woken.clear()
    asyncio.run(play())
    assert causes(woken) == []


def test_rounds_and_limits_of_long_ago_are_deleted(yard: Yard) -> None:
    with tenant_transaction(yard.tenant.pk):
        rounds, limits = CircuitRound.objects.count(), LimitSent.objects.count()
        CircuitRound.objects.filter(pk=CircuitRound.objects.earliest("at").pk).update(
            at=timezone.now() - timedelta(days=31)
        )
    assert delete_old_rounds(timezone.now()) == 1
    with tenant_transaction(yard.tenant.pk):
        assert CircuitRound.objects.count() == rounds - 1
        assert LimitSent.objects.count() == limits
