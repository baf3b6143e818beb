"""Watts and amperes."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartcharging.profiles.shapes import CompositePeriod
from smartcharging.profiles.units import amps, convert, convert_composite, exact, limit_to_send, watts

tenths = st.decimals(0, 10**6, places=1)
volts = st.sampled_from([120, 230, 231.5, Decimal("239.99"), 400])
phases = st.integers(1, 3)


def test_sixteen_amps_on_three_phases_are_eleven_kilowatts() -> None:
    assert watts(16) == 11_040
    assert amps(11_040) == 16
    assert watts(16, phases=1) == 3_680
    assert watts(Decimal("6.1"), voltage=240, phases=2) == 2_928


def test_amps_that_have_no_end_are_cut_downwards() -> None:
    assert amps(11_000) == Decimal("15.94202898550724637681159420")
    assert amps(Decimal(20_000), phases=1) == Decimal("86.95652173913043478260869565")


def test_limits_are_sent_down_to_a_tenth_of_an_ampere_and_a_whole_watt() -> None:
    assert limit_to_send(15.99, "A") == Decimal("15.9")
    assert limit_to_send(Decimal("10999.9"), "W") == 10_999
    assert limit_to_send(6, "A") == 6
    assert limit_to_send(0.1 + 0.2, "A") == Decimal("0.3")
    # What a sum of floats leaves below zero is zero.
    assert limit_to_send(-1e-12, "A") == 0
    assert limit_to_send(-3, "W") == 0


def test_floats_are_taken_as_they_are_written() -> None:
    assert exact(230.1) == Decimal("230.1")


def test_no_volts_make_no_amps() -> None:
    with pytest.raises(ValueError, match="positive"):
        amps(1, voltage=0)


@given(tenths, volts, phases)
def test_watts_of_amps_come_back_exactly(limit: Decimal, voltage: float | Decimal, number: int) -> None:
    there = convert(limit, "A", "W", voltage=voltage, phases=number)
    assert Fraction(there) == Fraction(limit) * Fraction(exact(voltage)) * number
    assert convert(there, "W", "A", voltage=voltage, phases=number) == limit


@given(tenths, volts, phases)
def test_amps_of_watts_never_allow_more(limit: Decimal, voltage: float | Decimal, number: int) -> None:
    there = convert(limit, "W", "A", voltage=voltage, phases=number)
    back = convert(there, "A", "W", voltage=voltage, phases=number)
    assert 0 <= limit - back <= Decimal("1e-18")


@given(tenths, st.sampled_from(["A", "W"]))
def test_sent_limit_is_the_highest_that_is_not_above(limit: Decimal, unit: str) -> None:
    sent = limit_to_send(limit, unit)  # type: ignore[arg-type]
    assert sent <= limit < sent + (Decimal("0.1") if unit == "A" else 1)


def test_composite_is_converted_by_each_periods_phases() -> None:
    there = convert_composite(
        [CompositePeriod(0, Decimal(10), None), CompositePeriod(60, Decimal(10), 1), CompositePeriod(90, None, None)],
        "A",
        "W",
    )
    assert [period.limit for period in there] == [6_900, 2_300, None]
    assert [(period.start_s, period.phases) for period in there] == [(0, None), (60, 1), (90, None)]
