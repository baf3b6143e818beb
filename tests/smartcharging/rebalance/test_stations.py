"""Stations that go, come back, start up, forget, refuse, or were let go: what they count with."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone

from chargepoints.models import ConfigurationKey, Connector, Transaction
from chargepoints.services.closing_sessions import close_by_hand
from smartcharging.models import Allotment, ChargingProfile, Circuit, CircuitMember, LimitSent
from tenants.context import tenant_transaction
from tests.smartcharging.rebalance.yard import Yard

Make = Callable[..., Yard]


@pytest.fixture
def charging(make: Make) -> Yard:
    """A and B share 32 A."""
    yard = make("A", "B")
    yard.start("A")
    yard.start("B")
    yard.settle()
    assert yard.in_force() == {"A": 16.0, "B": 16.0}
    return yard


def test_one_that_goes_offline_keeps_its_limit_and_the_others_get_nothing_of_it(charging: Yard) -> None:
    charging.disconnect("A")
    charging.settle()
    assert charging.worst() == {"A": 16.0, "B": 16.0}
    assert charging.row("A").state == Allotment.State.OFFLINE
    charging.stop("B")
    charging.start("B")
    charging.settle()
    assert charging.worst() == {"A": 16.0, "B": 16.0}


def test_an_idle_one_that_is_offline_counts_with_its_fallback(make: Make) -> None:
    yard = make("A", "B", fallback_a=Decimal(6))
    yard.disconnect("A")
    yard.start("B")
    yard.settle()
    assert yard.worst() == {"A": 6.0, "B": 26.0}


def test_one_that_is_offline_in_a_session_counts_with_the_fallback_where_that_is_more(make: Make) -> None:
    yard = make("A", "B", fallback_a=Decimal(10), minimum_a=Decimal(6), capacity=32)
    for name in ("A", "B"):
        yard.start(name)
    yard.settle()
    with tenant_transaction(yard.tenant.pk):
        Circuit.objects.update(capacity=20)
    yard.root.capacity = Decimal(20)
    yard.round()
    yard.answer_all(checked=False)
    yard.settle()
    assert yard.in_force() == {"A": 10.0, "B": 10.0}
    yard.disconnect("A")
    yard.round()
    assert yard.worst()["A"] == 10.0


@pytest.mark.parametrize("keeps", [True, False])
def test_after_a_boot_it_counts_with_all_until_its_default_is_confirmed_again(charging: Yard, keeps: bool) -> None:
    charging.stop("A")
    charging.settle()
    charging.boot("A", keeps=keeps)
    charging.round()
    assert charging.worst()["A"] == 32.0
    default = next(
        command
        for command in charging.queued()
        if command.payload["csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile"
    )
    charging.answer(default, checked=False)
    charging.later(31)
    charging.settle()
    assert charging.in_force() == {"A": 0.0, "B": 32.0}


def test_a_session_that_goes_on_after_a_boot_is_given_its_limit_anew(charging: Yard) -> None:
    charging.boot("A", keeps=False)
    charging.round()
    assert charging.worst()["A"] == 32.0
    for command in charging.queued():
        charging.answer(command, checked=False)
    charging.later(31)
    charging.settle()
    assert charging.in_force() == {"A": 16.0, "B": 16.0}


def test_a_boot_between_sending_and_answer_makes_the_answer_void(make: Make) -> None:
    yard = make()
    yard.add("A")
    yard.round()
    (command,) = yard.queued()
    yard.leave(command)
    yard.obey(command)
    yard.boot("A", keeps=False)
    yard.say(command)
    yard.round()
    assert yard.worst() == {"A": 32.0}


def test_one_that_refuses_every_profile_counts_with_all_it_can_take(make: Make) -> None:
    yard = make("A")
    yard.add("B")
    for _ in range(3):
        yard.round()
        for command in yard.queued():
            yard.leave(command)
            yard.say(command, "NotSupported")
        yard.later(400)
    yard.start("A")
    yard.settle()
    assert yard.worst() == {"A": 0.0, "B": 32.0}


def test_refusals_are_tried_again_ever_more_rarely(make: Make) -> None:
    yard = make("A")
    yard.start("A")
    sent = 0
    for _ in range(60):
        yard.round()
        for command in yard.queued():
            yard.leave(command)
            yard.say(command, "Rejected")
            sent += 1
        yard.later(10)
    assert 4 <= sent <= 12


def test_a_default_that_somebody_cleared_is_put_back(charging: Yard) -> None:
    charging.stop("A")
    charging.settle()
    charging.plugs["A"].default_a = None
    with tenant_transaction(charging.tenant.pk):
        ChargingProfile.objects.filter(
            charge_point_id=charging.plugs["A"].charge_point_id, purpose="tx_default"
        ).update(state=ChargingProfile.State.CLEARED)
    charging.round()
    assert charging.worst()["A"] == 32.0
    for command in charging.queued():
        charging.answer(command, checked=False)
    charging.later(31)
    charging.settle()
    assert charging.in_force() == {"A": 0.0, "B": 32.0}


def test_a_session_closed_by_hand_counts_on_until_its_connector_says_that_it_is_free(charging: Yard) -> None:
    plug = charging.plugs["A"]
    assert plug.session is not None
    charging.disconnect("A")
    close_by_hand(
        transaction=Transaction(pk=plug.session.pk, tenant=charging.tenant, charge_point_id=plug.charge_point_id),
        actor="alice",
        reason="",
    )
    charging.settle()
    assert charging.worst()["A"] == 16.0
    charging.connect("A")
    plug.session = plug.tx_a = None
    with tenant_transaction(charging.tenant.pk):
        Connector.objects.filter(charge_point_id=plug.charge_point_id).update(
            status="Available", status_at=timezone.now()
        )
    charging.settle()
    assert charging.in_force() == {"A": 0.0, "B": 32.0}


def test_a_limit_of_a_session_that_is_over_counts_until_its_message_has_ended(make: Make) -> None:
    yard = make("A")
    yard.start("A")
    yard.round()
    (command,) = yard.queued()
    yard.leave(command)
    yard.stop("A")
    yard.round()
    assert yard.worst() == {"A": 32.0}
    yard.say(command, "Rejected")
    yard.round()
    assert yard.worst() == {"A": 0.0}


def test_a_session_that_is_over_takes_back_what_is_queued_for_it(make: Make) -> None:
    yard = make("A")
    yard.start("A")
    yard.round()
    assert yard.queued()
    yard.stop("A")
    yard.round()
    assert yard.queued() == []
    assert yard.worst() == {"A": 0.0}


def test_a_circuit_that_is_switched_off_forgets_what_it_knew(charging: Yard) -> None:
    with tenant_transaction(charging.tenant.pk):
        Circuit.objects.update(enabled=False)
    assert charging.round() is None
    assert charging.worst() == {"A": 32.0, "B": 32.0}
    assert charging.queued() == []
    assert charging.row("A").default_a is None


def test_members_of_a_part_that_is_switched_off_count_with_all_they_can_take(make: Make) -> None:
    yard = make("A", capacity=63)
    with tenant_transaction(yard.tenant.pk):
        part = Circuit.objects.create(
            tenant=yard.tenant, name="Part", parent=yard.root, capacity=32, kind="feeder", enabled=False
        )
    yard.add("B", circuit=part)
    yard.start("A")
    yard.start("B")
    yard.settle()
    assert yard.in_force() == {"A": 31.0, "B": 32.0}
    with tenant_transaction(yard.tenant.pk):
        assert not LimitSent.objects.filter(member__circuit=part).exists()


def test_every_limit_is_in_the_log_with_its_reason_and_its_end(charging: Yard) -> None:
    charging.stop("A")
    charging.settle()
    with tenant_transaction(charging.tenant.pk):
        rows = list(LimitSent.objects.order_by("pk"))
    assert {row.result for row in rows} == {LimitSent.Result.ACCEPTED}
    assert {row.purpose for row in rows} == {"tx", "tx_default"}
    assert rows[-1].reason == "full_share"
    assert (rows[-1].previous_a, rows[-1].limit_a) == (Decimal(16), Decimal(32))


def test_a_station_that_takes_only_watts_is_sent_watts(make: Make) -> None:
    yard = make()
    plug = yard.add("A")
    with tenant_transaction(yard.tenant.pk):
        for key, value in (("ChargingScheduleAllowedChargingRateUnit", "Power"), ("ChargeProfileMaxStackLevel", "3")):
            ConfigurationKey.objects.create(
                tenant=yard.tenant,
                charge_point_id=plug.charge_point_id,
                key=key,
                value=value,
                reported_at=timezone.now(),
            )
    yard.round()
    for command in yard.queued():
        yard.leave(command)
        yard.say(command)
    plug.default_a = 0.0
    yard.start("A")
    yard.round()
    (command,) = yard.queued()
    profile = command.payload["csChargingProfiles"]
    assert profile["stackLevel"] == 3
    assert profile["chargingSchedule"]["chargingRateUnit"] == "W"
    assert profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 32 * 230 * 3


def test_a_member_that_is_removed_counts_no_longer(charging: Yard) -> None:
    with tenant_transaction(charging.tenant.pk):
        CircuitMember.objects.filter(charge_point_id=charging.plugs.pop("A").charge_point_id).delete()
    charging.settle()
    assert charging.in_force() == {"B": 32.0}
