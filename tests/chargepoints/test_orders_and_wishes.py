"""Configuration keys set by orders, by people and by the periodic push at the same time: what was written later holds."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from chargepoints.models import BulkCommand, BulkTarget, ChargePoint, Command, CommandState, ConfigurationKey
from chargepoints.services.bulk_progress import advance_bulk
from chargepoints.services.bulk_wishes import SET_ANEW, configure_many
from chargepoints.services.commands import queued_by_station
from chargepoints.services.configuration import change_station
from chargepoints.services.configuration_push import push_configuration, push_to_fleet
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.test_bulk import answer_all, make_fleet, no_worker

__all__ = ["no_worker"]
KEY = "HeartbeatInterval"


def order(tenant: Tenant, value: str, *, keep: bool, concurrency: int = 50) -> BulkCommand:
    with tenant_transaction(tenant.pk):
        (bulk,) = configure_many(
            stations=ChargePoint.objects.all(),
            values={KEY: value},
            keep=keep,
            concurrency=concurrency,
            order_id=uuid4(),
            requested_by="alice",
            origin="admin",
        )
    return bulk


def advance(tenant: Tenant, bulk: BulkCommand) -> None:
    advance_bulk(tenant_id=tenant.pk, bulk_id=bulk.pk)


def station_of(tenant: Tenant) -> ChargePoint:
    with tenant_transaction(tenant.pk):
        return ChargePoint.objects.order_by("pk").first() or ChargePoint()


def change(tenant: Tenant, station: ChargePoint, value: str) -> None:
    with tenant_transaction(tenant.pk):
        change_station(charge_point=station, changes={KEY: value}, actor="bob", origin="api")


def sent_to(tenant: Tenant, station: ChargePoint) -> list[str]:
    """Values of the key, in the order in which the gateway sends what waits."""
    found = queued_by_station(tenant.pk, [station.pk])[station.pk]
    return [command.payload["value"] for command in found if command.payload.get("key") == KEY]


def detail(bulk: BulkCommand, station: ChargePoint) -> str:
    with tenant_transaction(bulk.tenant_id):
        return BulkTarget.objects.get(bulk=bulk, charge_point=station).detail


def reports(tenant: Tenant, station: ChargePoint, value: str) -> None:
    with tenant_transaction(tenant.pk):
        ConfigurationKey.objects.update_or_create(
            charge_point=station,
            key=KEY,
            defaults={"tenant_id": tenant.pk, "value": value, "reported_at": timezone.now()},
        )


def settled(tenant: Tenant, station: ChargePoint) -> None:
    """It has booted and told its keys: the push may speak to it."""
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=station.pk).update(last_boot_at=timezone.now() + timedelta(seconds=1))
    reports(tenant, station, "1")


@pytest.mark.parametrize("keep", [True, False])
def test_an_order_leaves_out_who_has_been_set_anew_before_its_turn(tenant: Tenant, keep: bool) -> None:
    make_fleet(tenant, 2)
    station = station_of(tenant)
    bulk = order(tenant, "300", keep=keep)
    change(tenant, station, "600")
    advance(tenant, bulk)
    assert sent_to(tenant, station) == ["600"]
    assert detail(bulk, station) == SET_ANEW
    with tenant_transaction(tenant.pk):
        other = ChargePoint.objects.exclude(pk=station.pk).get()
    assert sent_to(tenant, other) == ["300"]


def test_of_two_orders_the_later_one_holds_whoever_has_its_turn_first(tenant: Tenant) -> None:
    make_fleet(tenant, 2)
    stations = [station_of(tenant)]
    with tenant_transaction(tenant.pk):
        stations += ChargePoint.objects.exclude(pk=stations[0].pk)
    first = order(tenant, "300", keep=False, concurrency=1)
    advance(tenant, first)
    second = order(tenant, "600", keep=False, concurrency=1)
    advance(tenant, second)
    # To the first station both have gone. To the other one the first order goes before the second has its turn there.
    assert sent_to(tenant, stations[0]) == ["300", "600"]
    answer_all(tenant)
    advance(tenant, first)
    assert sent_to(tenant, stations[1]) == ["300"]
    advance(tenant, second)
    assert sent_to(tenant, stations[1]) == ["300", "600"]


def test_an_order_whose_turn_comes_after_a_later_ones_goes_nowhere(tenant: Tenant) -> None:
    make_fleet(tenant, 1)
    first, second = order(tenant, "300", keep=True), order(tenant, "600", keep=True)
    advance(tenant, second)
    advance(tenant, first)
    station = station_of(tenant)
    assert (sent_to(tenant, station), detail(first, station)) == (["600"], SET_ANEW)
    assert station.desired_configuration[KEY] == "600"


def test_what_was_set_anew_and_refused_holds_nobody_up(tenant: Tenant) -> None:
    make_fleet(tenant, 1)
    station = station_of(tenant)
    bulk = order(tenant, "300", keep=False)
    change(tenant, station, "600")
    with tenant_transaction(tenant.pk):
        Command.objects.update(state=CommandState.REJECTED)
    advance(tenant, bulk)
    assert sent_to(tenant, station) == ["300"]


def test_a_push_that_was_on_its_way_is_followed_by_the_order(tenant: Tenant) -> None:
    make_fleet(tenant, 1)
    station = station_of(tenant)
    settled(tenant, station)
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(desired_configuration={KEY: "100"})
    assert push_to_fleet(tenant.pk) == 1
    bulk = order(tenant, "300", keep=True)
    # Before the order's turn the push knows the new wish already, and afterwards there is nothing more to say.
    push_configuration(tenant_id=tenant.pk, charge_point_id=station.pk)
    advance(tenant, bulk)
    assert sent_to(tenant, station) == ["100", "300", "300"]
    assert push_configuration(tenant_id=tenant.pk, charge_point_id=station.pk) == 0


def test_a_later_wish_is_told_again_after_an_order_that_crossed_it(tenant: Tenant) -> None:
    make_fleet(tenant, 1)
    station = station_of(tenant)
    settled(tenant, station)
    bulk = order(tenant, "300", keep=False)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=station.pk).update(desired_configuration={KEY: "600"})
    assert push_configuration(tenant_id=tenant.pk, charge_point_id=station.pk) == 1
    advance(tenant, bulk)
    answer_all(tenant)
    reports(tenant, station, "300")
    assert push_configuration(tenant_id=tenant.pk, charge_point_id=station.pk) == 1
    assert sent_to(tenant, station) == ["600"]
