"""A day on a circuit of 32 A: cars come, leave, vanish; nothing in force ever exceeds the fuse."""

from collections.abc import Callable

from chargepoints.models import Transaction
from smartcharging.services.loads import picture_of
from smartcharging.services.reading import read_tree
from tenants.context import tenant_transaction
from tests.smartcharging.rebalance.yard import Yard

Make = Callable[..., Yard]


def test_a_new_member_counts_with_all_it_can_take_until_its_default_is_confirmed(make: Make) -> None:
    yard = make(capacity=32)
    yard.add("A")
    yard.round()
    assert yard.worst() == {"A": 32.0}
    (command,) = yard.queued()
    assert command.payload["csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile"
    yard.answer(command)
    yard.round()
    assert yard.worst() == {"A": 0.0}
    assert yard.queued() == []


def test_one_car_gets_all_two_share_and_the_one_that_leaves_gives_back(make: Make) -> None:
    yard = make("A", "B")
    yard.start("A")
    yard.settle()
    assert yard.in_force() == {"A": 32.0, "B": 0.0}
    yard.start("B")
    yard.settle()
    assert yard.in_force() == {"A": 16.0, "B": 16.0}
    yard.stop("A")
    yard.settle()
    assert yard.in_force() == {"A": 0.0, "B": 32.0}


def test_a_third_car_is_given_nothing_before_the_others_have_confirmed_less(make: Make) -> None:
    yard = make("A", "B", "C")
    yard.start("A")
    yard.start("B")
    yard.settle()
    yard.start("C")
    yard.round()
    commands = yard.queued()
    assert {command.charge_point_id for command in commands} == {
        yard.plugs["A"].charge_point_id,
        yard.plugs["B"].charge_point_id,
    }
    yard.answer_all()
    yard.settle()
    assert max(yard.in_force().values()) < 11
    assert min(yard.in_force().values()) > 10


def test_a_round_that_changes_nothing_sends_nothing(make: Make) -> None:
    yard = make("A", "B")
    yard.start("A")
    yard.settle()
    done = yard.round()
    assert done is not None
    assert done.sent == 0
    assert yard.queued() == []


def test_allocation_is_told_what_each_session_has_had(make: Make) -> None:
    yard = make("A", "B", "C")
    for name in ("A", "B"):
        yard.start(name)
    with tenant_transaction(yard.tenant.pk):
        Transaction.objects.filter(charge_point__identity="A").update(last_register_wh=4200)
        tree = read_tree(yard.root.pk, yard.now)
        assert tree is not None
        loads = picture_of(tree, {}, yard.now).loads
    assert [load.charged_wh for load in loads] == [4200.0, None, None]
