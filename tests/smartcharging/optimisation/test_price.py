"""Worked by hand: energy in the cheap hours, and ready in time all the same."""

from dataclasses import replace

from smartcharging.allocation.price import price_targets
from smartcharging.allocation.shapes import Load, Node, Price, Rules

from .cases import HOUR_AT_16_A, NOW, car, hourly, site


def targets(nodes: list[Node], loads: list[Load], rules: Rules) -> dict[int, float]:
    found = price_targets(nodes, loads, rules, NOW)
    assert found is not None
    return found


def test_it_waits_for_the_cheap_hour() -> None:
    # A quarter of an hour before departure it is ready.
    assert targets(site(32), [car(1, 2.25, HOUR_AT_16_A)], hourly(0.30, 0.10, 0.20)) == {1: 0.0}


def test_it_charges_in_the_cheap_hour() -> None:
    assert targets(site(32), [car(1, 2, HOUR_AT_16_A)], hourly(0.10, 0.30)) == {1: 16.0}


def test_what_does_not_fit_into_the_cheap_hour_is_charged_in_the_dear_one() -> None:
    assert targets(site(32), [car(1, 2, 1.5 * HOUR_AT_16_A)], hourly(0.30, 0.10)) == {1: 16.0}


def test_a_driver_who_leaves_before_it_gets_cheap_is_ready() -> None:
    assert targets(site(32), [car(1, 1, HOUR_AT_16_A)], hourly(0.30, 0.10)) == {1: 16.0}


def test_a_cheap_hour_that_is_too_narrow_for_all_sends_some_into_the_dear_one() -> None:
    loads = [car(1, 2, HOUR_AT_16_A), car(2, 2, HOUR_AT_16_A)]
    assert sum(targets(site(16), loads, hourly(0.30, 0.10)).values()) == 16.0


def test_who_has_not_said_when_they_leave_is_charged_at_once() -> None:
    loads = [car(1, 8, HOUR_AT_16_A), car(2), car(3, None, 5000), car(4, 8)]
    assert targets(site(64), loads, hourly(0.30, 0.10)) == {1: 0.0, 2: 16.0, 3: 16.0, 4: 16.0}


def test_below_zero_everyone_takes_what_fits_wanted_or_not() -> None:
    loads = [car(1, 8, HOUR_AT_16_A), car(2, 8, 0)]
    assert targets(site(64), loads, hourly(-0.05, 0.10)) == {1: 16.0, 2: 16.0}


def test_it_waits_for_a_price_below_zero() -> None:
    assert targets(site(64), [car(1, 8, HOUR_AT_16_A)], hourly(0.0, -0.10)) == {1: 0.0}


def test_who_has_what_they_wanted_pays_for_no_more() -> None:
    assert targets(site(64), [car(1, 1, 5000), car(2, 8, 0)], hourly(0.10, 0.10)) == {1: 16.0, 2: 0.0}


def test_hours_without_a_price_cost_the_mean() -> None:
    # Known: 0.30 and 0.10, so the two hours after them count with 0.20: better than now.
    rules = hourly(0.30, 0.10)
    assert targets(site(32), [car(1, 4, 2 * HOUR_AT_16_A)], rules) == {1: 0.0}
    assert targets(site(32), [car(1, 4, 3.5 * HOUR_AT_16_A)], rules) == {1: 16.0}


def test_with_no_prices_at_all_it_charges_at_once() -> None:
    assert targets(site(32), [car(1, 9, 5000)], hourly()) == {1: 16.0}


def test_between_hours_of_the_same_price_it_takes_the_earlier() -> None:
    assert targets(site(32), [car(1, 3, HOUR_AT_16_A)], hourly(0.20, 0.20, 0.20)) == {1: 16.0}


def test_a_quarter_of_an_hour_counts_where_prices_come_in_quarters() -> None:
    rules = hourly(*([0.30] * 20))
    first, *others = rules.prices
    quarter = (first.end_at - first.start_at) / 4
    dear, cheap = replace(first, end_at=first.end_at - quarter), Price(first.end_at - quarter, first.end_at, 0.05)
    found = targets(site(32), [car(1, 10, HOUR_AT_16_A / 4)], replace(rules, prices=(dear, cheap, *others)))
    assert found == {1: 0.0}
