"""Reading OCPI tariffs: what is taken, and what each fault is called."""

from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.pricing.money import apportion, half_up, shown_amount
from metering.pricing.tariff import Dimension, TariffFaults, parse_terms
from tests.metering.pricing.terms import component, element

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(list(Dimension)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["price_components", "restrictions", "type", "price", "step_size", "day_of_week", "start_time"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def faults(elements: Any = None, **fields: Any) -> set[str]:
    try:
        parse_terms(**{"currency": "EUR", "elements": elements or [element(component("ENERGY", 1))], **fields})
    except TariffFaults as error:
        return {fault.path for fault in error.faults}
    return set()


def test_a_tariff_as_integrators_paste_it() -> None:
    pasted = [
        {
            "price_components": [{"type": "TIME", "price": "2.00", "vat": 10.0, "step_size": 60}],
            "restrictions": {"start_time": "08:30", "day_of_week": ["MONDAY"], "min_kwh": 1.5, "end_date": None},
        },
        {"price_components": [{"type": "FLAT", "price": 0.1, "step_size": 1}]},
    ]
    first, second = parse_terms(currency="EUR", elements=pasted, min_price="0.5").elements
    assert (first.components[0].price, first.components[0].vat) == (Decimal(2), Decimal(10))
    assert (first.restrictions.start_time, first.restrictions.day_of_week) == (time(8, 30), frozenset({0}))
    assert second.components[0].price == Decimal("0.1")


def test_every_fault_is_named_by_its_path() -> None:
    broken = [
        {
            "price_components": [{"type": "ENERGY", "price": -1, "step_size": 0}, {"type": "WATER", "price": 1}],
            "restrictions": {"start_time": "8:30", "end_time": "24:00", "start_date": "2026-02-30", "colour": 1},
        },
        {"price_components": []},
    ]
    assert faults(broken, currency="EURO", max_price="much") == {
        "currency",
        "max_price",
        "elements.0.price_components.0.price",
        "elements.0.price_components.0.step_size",
        "elements.0.price_components.1.type",
        "elements.0.restrictions.start_time",
        "elements.0.restrictions.end_time",
        "elements.0.restrictions.start_date",
        "elements.0.restrictions.colour",
        "elements.1.price_components",
    }


@pytest.mark.parametrize(
    ("restriction", "path"),
    [
        ({"min_kwh": 5, "max_kwh": 5}, "max_kwh"),
        ({"min_power": 5, "max_power": 4}, "max_power"),
        ({"min_duration": 60, "max_duration": 30}, "max_duration"),
        ({"start_date": "2026-12-24", "end_date": "2026-12-24"}, "end_date"),
        ({"day_of_week": ["Monday"]}, "day_of_week.0"),
        ({"min_duration": 1.5}, "min_duration"),
        ({"min_duration": True}, "min_duration"),
        ({"reservation": "RESERVATION"}, "reservation"),
        ({"min_current": 16}, "min_current"),
    ],
)
def test_restrictions_that_can_never_hold_or_are_not_known(restriction: dict[str, Any], path: str) -> None:
    assert faults([element(component("ENERGY", 1), **restriction)]) == {f"elements.0.restrictions.{path}"}


@pytest.mark.parametrize("price", [0.12345, "1e3", "1_0", "١", "NaN", float("inf"), float("nan"), True, [], "", 10**9])
def test_prices_are_plain_numbers(price: Any) -> None:
    assert faults([element(component("ENERGY", price))]) == {"elements.0.price_components.0.price"}


def test_an_element_has_one_price_of_a_type() -> None:
    assert faults([element(component("TIME", 1), component("TIME", 2))]) == {"elements.0.price_components.1.type"}


def test_the_minimum_is_not_above_the_maximum() -> None:
    assert faults(min_price=2, max_price=1) == {"max_price"}
    assert faults(min_price=2, max_price=2) == set()


@given(ANYTHING)
def test_whatever_is_given_it_is_a_tariff_or_its_faults_are_named(given: Any) -> None:
    faults(given if given is not None else 0)


@pytest.mark.parametrize(
    ("value", "places", "rounded"),
    [("0.005", 2, "0.01"), ("-0.005", 2, "-0.01"), ("0.0049999", 2, "0.00"), ("2.5", 0, "3"), ("0", 2, "0.00")],
)
def test_half_goes_up(value: str, places: int, rounded: str) -> None:
    assert str(half_up(Decimal(value), places)) == rounded


@given(st.integers(0, 10**6), st.lists(st.integers(0, 1000).map(Decimal), max_size=5))
def test_parts_add_up_to_the_whole(total: int, weights: list[Decimal]) -> None:
    amount = Decimal(total).scaleb(-2)
    parts = apportion(amount, weights, 2)
    assert sum(parts, Decimal(0)) == (amount if weights else 0)
    assert all(part >= 0 for part in parts)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("1234.5", "EUR", "1,234.50 €"), ("1234.5", "JPY", "1,235 ¥"), ("0.1", "KWD", "0.100 KWD")],
)
def test_amounts_are_shown_in_their_currency(amount: str, currency: str, shown: str) -> None:
    assert shown_amount(Decimal(amount), currency) == shown
