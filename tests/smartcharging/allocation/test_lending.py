"""What a car doesn't take is lent to others, and comes back as soon as it is wanted."""

import pytest

from smartcharging.allocation.shapes import Rules
from tests.smartcharging.allocation.made import ago, car, charging, reasons, shared, site
from tests.smartcharging.allocation.turns import Rounds


def test_what_a_car_does_not_take_goes_to_the_others() -> None:
    # 32 A for two: 16 each. The first takes 7 A: it keeps 7 + 2 = 9, the other has 32 - 9 = 23.
    loads = [charging(1, 16.0, measured=7.0), charging(2, 16.0)]
    assert shared([site(32)], loads) == {1: 9.0, 2: 23.0}
    assert reasons([site(32)], loads) == {1: "lent_out", 2: "equal_share"}


def test_a_cut_is_never_below_the_minimum() -> None:
    assert shared([site(32)], [charging(1, 16.0, measured=0.4), charging(2, 16.0)]) == {1: 6.0, 2: 26.0}


def test_a_cut_car_keeps_its_cut_while_it_takes_the_same() -> None:
    # 7 A of 9 A: further away than half of the margin (8 A), and nothing more to cut.
    assert shared([site(32)], [charging(1, 9.0, measured=7.0), charging(2, 23.0)]) == {1: 9.0, 2: 23.0}


def test_as_it_comes_near_its_cut_it_has_its_share_back() -> None:
    # 8.1 A of 9 A is within half of the margin.
    assert shared([site(32)], [charging(1, 9.0, measured=8.1), charging(2, 23.0)]) == {1: 16.0, 2: 16.0}


def test_nothing_is_cut_before_the_car_has_settled() -> None:
    # It may still be on its way up to 16 A.
    loads = [charging(1, 16.0, measured=7.0, steady=False), charging(2, 16.0)]
    assert shared([site(32)], loads) == {1: 16.0, 2: 16.0}


def test_a_car_that_has_just_been_let_charge_is_not_judged() -> None:
    assert shared([site(32)], [charging(1, 0.0, measured=0.0), charging(2, 16.0)]) == {1: 16.0, 2: 16.0}
    assert shared([site(32)], [car(1), charging(2, 16.0, measured=None)]) == {1: 16.0, 2: 16.0}


def test_a_cut_that_is_not_worth_a_message_is_left() -> None:
    # 13.5 + 2 = 15.5: half an ampere.
    assert shared([site(32)], [charging(1, 16.0, measured=13.5), charging(2, 16.0)])[1] == 16.0


def test_without_lending_all_keep_their_shares() -> None:
    assert shared([site(32)], [charging(1, 16.0, measured=1.0), charging(2, 16.0)], lend=False) == {1: 16.0, 2: 16.0}


def test_a_meter_that_says_nonsense_cuts_nobody() -> None:
    loads = [charging(1, 16.0, measured=float("nan")), charging(2, 16.0)]
    assert shared([site(32)], loads) == {1: 16.0, 2: 16.0}


@pytest.mark.parametrize("strategy", ["equal", "first_come", "priority"])
def test_lending_does_not_swing(strategy: str) -> None:
    """Thirty rounds: a car that takes 7 A, then wants 16 from round 12 on, then 7 again from round 22 on."""

    def takes(load_id: int, number: int) -> float:
        return 32.0 if load_id != 1 or 12 <= number < 22 else 7.0

    loads = [car(1, priority=1, arrived_at=ago(9000)), car(2)]
    rounds = Rounds([site(32)], loads, Rules(strategy=strategy), takes)
    for _ in range(30):
        rounds.round()
    changes = [(number, sent[1]) for number, sent in enumerate(rounds.sent) if 1 in sent]
    # At each of the three times it settles after a few messages, and nothing is sent in between.
    quiet = {*range(6, 12), *range(18, 22), *range(27, 30)}
    assert not quiet & {number for number, _ in changes}
    assert not quiet & {number for number, sent in enumerate(rounds.sent) if sent}
    assert rounds.loads[1].current_a == 9.0
    assert rounds.loads[2].current_a == 23.0


def test_the_lender_has_its_share_again_in_the_next_round_once_the_borrower_is_down() -> None:
    rounds = Rounds(
        [site(32)],
        [charging(1, 9.0, measured=9.0), charging(2, 23.0)],
        Rules(hold_s=0),
    )
    first, second = rounds.round(), rounds.round()
    assert [(change.load_id, change.limit_a) for change in first.lowers] == [(2, 16.0)]
    assert (first.raises, first.waiting) == ([], [1])
    assert [(change.load_id, change.limit_a) for change in second.raises] == [(1, 16.0)]


def test_a_noisy_meter_makes_no_noise() -> None:
    def takes(load_id: int, number: int) -> float:
        return 32.0 if load_id == 2 else 7.0 + 0.4 * (number % 3)

    rounds = Rounds([site(32)], [car(1), car(2)], Rules(), takes)
    for _ in range(30):
        rounds.round()
    assert sum(len(sent) for sent in rounds.sent[6:]) == 0
