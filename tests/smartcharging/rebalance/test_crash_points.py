"""What is lost on the way, at each point where it can be: the ledger never says less than a station may be following."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections

from chargepoints.models import Command, CommandState
from smartcharging.models import Allotment, CircuitRound
from smartcharging.services import deciding, ledger, rebalance
from smartcharging.services.wake import take_wake
from tenants.context import system_transaction, tenant_transaction
from tenants.models import SystemAlert
from tests.smartcharging.rebalance.yard import SET, Yard

Make = Callable[..., Yard]


@pytest.fixture
def two(make: Make) -> Yard:
    """A charges with all of the 32 A; B has just begun its session, and A is about to be lowered."""
    yard = make("A", "B")
    yard.start("A")
    yard.settle()
    yard.start("B")
    return yard


def test_a_crash_before_the_commit_changes_and_sends_nothing(two: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    before = two.worst()

    def crash(*args: object) -> None:
        raise ConnectionError("the worker dies")

    with monkeypatch.context() as patch:
        patch.setattr(rebalance, "store_round", crash)
        with pytest.raises(ConnectionError):
            two.round()
    assert two.queued() == []
    assert two.worst() == before
    two.settle()
    assert two.in_force() == {"A": 16.0, "B": 16.0}


def test_a_raise_counts_from_the_transaction_that_stores_its_command(two: Yard) -> None:
    two.round()
    two.answer_all()
    two.later(31)
    two.round()
    (raising,) = two.queued()
    assert raising.charge_point_id == two.plugs["B"].charge_point_id
    assert two.worst() == {"A": 16.0, "B": 16.0}


def test_a_crash_after_the_commit_and_before_sending_counts_the_higher_limit(two: Yard) -> None:
    two.round()
    # The command lies in the table; nobody was told.
    for _ in range(3):
        two.round()
        assert two.worst() == {"A": 32.0, "B": 0.0}
    assert len(two.queued()) == 1
    two.settle()
    assert two.in_force() == {"A": 16.0, "B": 16.0}


def test_a_crash_after_sending_and_before_the_reply_counts_the_higher_limit(
    two: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "SLOW", timedelta(minutes=5))
    two.round()
    (lowering,) = two.queued()
    two.leave(lowering)
    two.obey(lowering)
    two.later(1)
    two.round()
    assert two.worst() == {"A": 32.0, "B": 0.0}
    assert two.queued() == []
    two.say(lowering)
    two.settle()
    assert two.in_force() == {"A": 16.0, "B": 16.0}


@pytest.mark.parametrize("obeyed", [True, False])
def test_a_lower_limit_whose_reply_is_lost_is_counted_at_the_higher_and_sent_again(two: Yard, obeyed: bool) -> None:
    two.round()
    (lowering,) = two.queued()
    two.leave(lowering)
    if obeyed:
        two.obey(lowering)
    two.time_out(lowering)
    two.round()
    assert two.worst() == {"A": 32.0, "B": 0.0}
    two.later(3)
    two.settle()
    assert two.in_force() == {"A": 16.0, "B": 16.0}


@pytest.mark.parametrize("obeyed", [True, False])
def test_a_raise_whose_reply_is_lost_counts_until_a_later_limit_is_confirmed(two: Yard, obeyed: bool) -> None:
    two.round()
    two.answer_all()
    two.later(31)
    two.round()
    (raising,) = two.queued()
    two.leave(raising)
    if obeyed:
        two.obey(raising)
    two.time_out(raising)
    two.round()
    assert two.worst() == {"A": 16.0, "B": 16.0}
    two.stop("A")
    two.later(40)
    two.settle()
    assert two.in_force() == {"A": 0.0, "B": 32.0}


def test_a_raise_that_is_refused_counts_no_longer(two: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    # However long the next round takes to come, it is not tried again yet.
    monkeypatch.setattr(ledger, "FIRST_PAUSE", timedelta(minutes=5))
    two.round()
    two.answer_all()
    two.later(31)
    two.round()
    (raising,) = two.queued()
    two.leave(raising)
    two.say(raising, "Rejected")
    two.round()
    assert two.worst() == {"A": 16.0, "B": 0.0}
    assert two.row("B").state == Allotment.State.FAILED


def test_an_answer_after_the_time_out_counts(two: Yard) -> None:
    two.round()
    (lowering,) = two.queued()
    two.leave(lowering)
    two.obey(lowering)
    two.time_out(lowering)
    two.round()
    two.say(lowering)
    two.round()
    assert two.worst()["A"] == 16.0


def test_a_connection_lost_with_a_raise_under_way_counts_the_raise(two: Yard) -> None:
    two.round()
    two.answer_all()
    two.later(31)
    two.round()
    (raising,) = two.queued()
    two.leave(raising)
    two.obey(raising)
    two.disconnect("B")
    two.later(10)
    two.round()
    assert two.worst() == {"A": 16.0, "B": 16.0}
    two.connect("B")
    two.later(3)
    two.settle()
    assert two.in_force() == {"A": 16.0, "B": 16.0}
    assert two.row("B").state == Allotment.State.CONFIRMED


def test_a_queued_raise_is_taken_back_by_the_lower_limit_that_follows(two: Yard) -> None:
    two.round()
    two.answer_all()
    two.later(31)
    two.round()
    two.add("C")
    two.stop("A")
    two.start("A")
    two.round()
    for command in two.queued():
        two.answer(command, checked=False)
    with tenant_transaction(two.tenant.pk):
        sent = list(Command.objects.filter(action=SET, state=CommandState.ACCEPTED).values_list("payload", flat=True))
    assert sent
    two.check_ledger()


def test_two_rounds_at_once_are_one_and_one_more_is_asked_for(
    two: Yard, woken: list[tuple[str, tuple[object, ...]]]
) -> None:
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(rebalance.LOCK, [two.root.pk, two.tenant.pk])
            assert cursor.fetchone() == (True,)
        take_wake(tenant_id=two.tenant.pk, root_id=two.root.pk)
        woken.clear()
        assert two.round("session_start") is None
        assert woken == [("smartcharging.tasks.rebalance", (two.tenant.pk, two.root.pk, "session_start"))]
        assert two.queued() == []
    finally:
        other.rollback()
        other.close()
    two.settle()


def test_allocation_that_fails_raises_nobody_and_says_so(two: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise ArithmeticError("a fault of ours")

    two.round()
    two.answer_all()
    two.later(31)
    with monkeypatch.context() as patch:
        patch.setattr(deciding, "allocate", fail)
        done = two.round()
        assert isinstance(done, CircuitRound)
        assert "a fault of ours" in done.detail
        assert two.queued() == []
        with system_transaction():
            assert SystemAlert.objects.filter(kind="rebalancing_failed", resolved_at=None).count() == 1
        # A circuit that would not hold is made to, all the same.
        two.root.capacity = 10
        with tenant_transaction(two.tenant.pk):
            two.root.save()
        two.round()
        (pausing,) = two.queued()
        assert pausing.charge_point_id == two.plugs["A"].charge_point_id
        assert pausing.payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 0
        two.answer(pausing, checked=False)
    two.round()
    with system_transaction():
        assert not SystemAlert.objects.filter(kind="rebalancing_failed", resolved_at=None).exists()
