"""Connectors that take more than they may: told again, then counted with what they take, then believed again."""

from collections.abc import Callable

import pytest

from metering.models import Alert
from smartcharging.models import Allotment
from tenants.context import tenant_transaction
from tests.smartcharging.rebalance.yard import Yard

Make = Callable[..., Yard]


@pytest.fixture
def charging(make: Make) -> Yard:
    """A and B share 32 A; both keep to it."""
    yard = make("A", "B")
    yard.start("A")
    yard.start("B")
    yard.settle()
    yard.later(60)
    return yard


def alerts(yard: Yard, **wanted: object) -> list[Alert]:
    with tenant_transaction(yard.tenant.pk):
        return list(Alert.objects.filter(kind=Alert.Kind.OVER_LIMIT, **wanted).order_by("pk"))


def minutes(yard: Yard, count: int, a: float, b: float) -> None:
    """So many rounds, a minute apart, in which A and B are measured to take so much, and take what they are sent."""
    for _ in range(count):
        yard.measure("A", a, a, a)
        yard.measure("B", b, b, b)
        yard.round()
        yard.answer_all(checked=False)
        yard.later(60)


def obediently(yard: Yard, count: int) -> None:
    """The same, with both taking all that they may."""
    for _ in range(count):
        minutes(yard, 1, yard.in_force()["A"], yard.in_force()["B"])


def test_within_the_tolerance_nothing_happens(charging: Yard) -> None:
    minutes(charging, 5, 17.0, 16.0)
    assert charging.row("A").over_stage == 0
    assert alerts(charging) == []


def test_over_the_limit_for_less_than_the_tolerance_time_nothing_happens(charging: Yard) -> None:
    charging.measure("A", 25, 25, 25)
    charging.round()
    charging.later(30)
    charging.measure("A", 16, 16, 16)
    charging.round()
    assert charging.row("A").over_since is None
    assert charging.queued() == []


def test_over_the_limit_it_is_sent_once_more_and_an_alert_opens(charging: Yard) -> None:
    for _ in range(2):
        charging.measure("A", 22, 22, 22)
        charging.measure("B", 16, 16, 16)
        charging.round()
        charging.later(61)
    (command,) = charging.queued()
    assert command.charge_point_id == charging.plugs["A"].charge_point_id
    schedule = command.payload["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"][0]["limit"] == 16
    (alert,) = alerts(charging, key="over_limit:1")
    assert (alert.status, alert.evse_number) == ("open", 1)
    assert alert.limit_value == 16
    assert alert.worst_value == 22


def test_one_that_does_not_obey_counts_with_what_it_takes_and_the_others_get_less(charging: Yard) -> None:
    minutes(charging, 5, 22.0, 16.0)
    row = charging.row("A")
    assert row.over_stage == 2
    assert row.distrusted_a == 22
    assert charging.in_force()["B"] <= 10.0
    minutes(charging, 2, 24.0, 10.0)
    assert charging.in_force()["B"] <= 8.0


def test_one_that_keeps_to_its_limit_again_is_believed_after_a_while(charging: Yard) -> None:
    minutes(charging, 5, 22.0, 16.0)
    minutes(charging, 2, 16.0, 9.0)
    assert alerts(charging, key="over_limit:1")[0].status == Alert.Status.RESOLVED
    assert charging.row("A").distrusted_a == 22
    minutes(charging, 6, 16.0, 9.0)
    assert charging.row("A").distrusted_a is None
    assert charging.row("A").over_stage == 0
    obediently(charging, 3)
    assert charging.in_force() == {"A": 16.0, "B": 16.0}


def test_an_idle_connector_that_takes_current_counts_with_it(make: Make) -> None:
    yard = make("A", "B")
    yard.start("B")
    yard.settle()
    yard.later(60)
    minutes(yard, 5, 10.0, 31.0)
    assert yard.row("A").distrusted_a == 10
    assert yard.in_force()["B"] <= 22.0


def test_a_circuit_that_carries_too_much_is_an_alert_at_the_one_that_is_most_over(charging: Yard) -> None:
    minutes(charging, 4, 30.0, 15.0)
    (alert,) = alerts(charging, key=f"over_capacity:{charging.root.pk}")
    assert alert.charge_point_id == charging.plugs["A"].charge_point_id
    assert alert.severity == "critical"
    minutes(charging, 2, 10.0, 5.0)
    (alert,) = alerts(charging, key=f"over_capacity:{charging.root.pk}")
    assert alert.status == Alert.Status.RESOLVED


def test_what_a_car_does_not_take_is_lent_and_returned(charging: Yard) -> None:
    minutes(charging, 6, 8.0, 16.0)
    lent = charging.in_force()
    assert lent["A"] < 16
    assert lent["B"] > 16
    obediently(charging, 4)
    assert charging.in_force() == {"A": 16.0, "B": 16.0}


def test_what_was_seen_of_a_session_ends_with_it(charging: Yard) -> None:
    minutes(charging, 5, 22.0, 16.0)
    charging.stop("A")
    charging.measure("A", 0, 0, 0)
    charging.round()
    row = charging.row("A")
    assert row.state in (Allotment.State.UNKNOWN, Allotment.State.CONFIRMED)
    assert (row.over_stage, row.distrusted_a) == (0, None)
