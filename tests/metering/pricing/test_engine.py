"""The price engine against hand-worked sessions; the arithmetic stands in each docstring. Prices are before tax."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from metering.pricing.engine import price
from metering.pricing.tariff import Terms
from tests.metering.pricing.terms import BERLIN, amounts, component, cost, element, line, local, terms, usage

ENERGY = component("ENERGY", 0.25, vat=10)
STEP_TARIFF = (
    element(component("TIME", 1.20, step=1800), end_time="17:00"),
    element(component("TIME", 2.40, step=900), start_time="17:00"),
    element(component("PARKING_TIME", 1.00, step=900), end_time="20:00"),
)


def total(found: Any) -> Any:
    return found.total_excl_tax


def test_energy_and_its_tax() -> None:
    """OCPI example: 20 kWh x 0.25 = 5.00; tax 10 % = 0.50; due 5.50."""
    found = cost(terms(element(ENERGY)), (120, 20, True))
    assert (found.total_excl_tax, found.total_tax, found.total_incl_tax) == (
        Decimal("5.00"),
        Decimal("0.50"),
        Decimal("5.50"),
    )


def test_start_fee_and_parking_with_taxes_of_their_own() -> None:
    """OCPI example: fee 0.50 (20 %), 20 kWh x 0.25 = 5.00 (10 %), 40 min parking in steps of 15 min = 45 min x 2.00/h
    = 1.50 (20 %). Net 7.00; tax 0.10 + 0.50 + 0.30 = 0.90; due 7.90."""
    tariff = terms(element(component("FLAT", 0.5, vat=20), ENERGY, component("PARKING_TIME", 2, step=900, vat=20)))
    found = cost(tariff, (120, 20, True), (40, 0, False))
    assert amounts(found) == [line("FLAT", "1", "0.5"), line("ENERGY", "20", "5"), line("PARKING_TIME", "0.75", "1.5")]
    assert found.total_incl_tax == Decimal("7.90")
    assert [(rate.vat, rate.net, rate.tax) for rate in found.taxes] == [
        (20, 2, Decimal("0.4")),
        (10, 5, Decimal("0.5")),
    ]


def test_charging_time_and_parking_share_one_step() -> None:
    """OCPI example: 150 min x 3.00/h = 7.50; 192 min in all, in steps of 5 min 195, so 45 min x 5.00/h = 3.75; 11.25.
    Tax 10 % of 7.50 + 20 % of 3.75 = 1.50; due 12.75."""
    tariff = terms(element(component("TIME", 3, step=60, vat=10), component("PARKING_TIME", 5, step=300, vat=20)))
    found = cost(tariff, (150, 40, True), (42, 0, False))
    assert (found.total_excl_tax, found.total_incl_tax) == (Decimal("11.25"), Decimal("12.75"))


def test_switching_prices_rounds_only_the_last() -> None:
    """OCPI example 1: 16:55 to 17:00 5 min x 1.20/h = 0.10; to 17:05 5 min x 2.40/h = 0.20; 2 min parking, 12 min in
    all, in steps of 15 min 15, so 5 min x 1.00/h = 0.0833. Together 0.3833."""
    found = cost(terms(*STEP_TARIFF), (10, 2, True), (2, 0, False), start=local("2026-11-02 16:55"))
    assert [one[2] for one in amounts(found)] == [Decimal("0.1"), Decimal("0.2"), Decimal("0.0833")]
    assert total(found) == Decimal("0.38")


def test_the_step_of_the_last_price_rounds_the_total() -> None:
    """OCPI example 2: 35 min from 16:35; 25 min x 1.20/h = 0.50; total 45 min, so 20 min x 2.40/h = 0.80; 1.30."""
    found = cost(terms(*STEP_TARIFF), (35, 5, True), start=local("2026-11-02 16:35"))
    assert total(found) == Decimal("1.30")
    assert found.lines[1].rounded_up == Decimal("0.166667")


def test_time_that_is_free_counts_for_no_step() -> None:
    """OCPI example 3: 19:40, 12 min x 2.40/h = 0.48; parking to 20:12, of which 8 min are priced: 20 min in all, in
    steps of 15 min 30, so 18 min x 1.00/h = 0.30; 0.78."""
    found = cost(terms(*STEP_TARIFF), (12, 3, True), (20, 0, False), start=local("2026-11-02 19:40"))
    assert total(found) == Decimal("0.78")


def test_energy_is_billed_by_power() -> None:
    """OCPI example: 1 kWh at 6 kW x 0.20, 40 kWh at 48 kW x 0.50, 0.5 kWh at 4 kW x 0.20 = 0.20 + 20 + 0.10 = 20.30."""
    tariff = terms(
        element(component("ENERGY", 0.20), max_power=16),
        element(component("ENERGY", 0.35), max_power=32),
        element(component("ENERGY", 0.50)),
    )
    found = cost(tariff, (10, 1, True), (50, 40, True), (7.5, "0.5", True))
    assert amounts(found) == [line("ENERGY", "1.5", "0.3"), line("ENERGY", "40", "20")]


def test_prices_change_with_the_duration() -> None:
    """OCPI example: 30 min free; to 60 min 0.25; then 0.40. 70 min at an even 10.5 kWh: 4.5 kWh free, 4.5 kWh x 0.25
    = 1.125, 1.5 kWh x 0.40 = 0.60; 1.725, half-up 1.73."""
    tariff = terms(
        element(component("ENERGY", 0), max_duration=1800),
        element(component("ENERGY", 0.25), max_duration=3600),
        element(component("ENERGY", 0.40)),
    )
    found = cost(tariff, (70, "10.5", True))
    assert amounts(found) == [line("ENERGY", "4.5", "0"), line("ENERGY", "4.5", "1.125"), line("ENERGY", "1.5", "0.6")]
    assert total(found) == Decimal("1.73")


def test_energy_tiers_are_cut_within_a_segment() -> None:
    """First 10 kWh x 0.20 = 2.00, the other 15 kWh x 0.30 = 4.50; 6.50."""
    tariff = terms(element(component("ENERGY", 0.20), max_kwh=10), element(component("ENERGY", 0.30)))
    assert amounts(cost(tariff, (60, 25, True))) == [line("ENERGY", "10", "2"), line("ENERGY", "15", "4.5")]


def test_time_is_cut_where_energy_reaches_a_tier() -> None:
    """30 kWh in 60 min: 20 kWh after 40 min. 40 min x 3.00/h = 2.00, 20 min x 6.00/h = 2.00."""
    tariff = terms(element(component("TIME", 3), max_kwh=20), element(component("TIME", 6), min_kwh=20))
    assert [one[2] for one in amounts(cost(tariff, (60, 30, True)))] == [2, 2]


def test_night_price_through_midnight() -> None:
    """21:00 to 07:00, 20 kWh evenly, 2 kWh an hour: 22:00 to 06:00 16 kWh x 0.10 = 1.60; the rest 4 kWh x 0.30 = 1.20."""
    tariff = terms(
        element(component("ENERGY", 0.10), start_time="22:00", end_time="06:00"), element(component("ENERGY", 0.30))
    )
    found = cost(tariff, (600, 20, True), start=local("2026-11-02 21:00"))
    assert amounts(found) == [line("ENERGY", "16", "1.6"), line("ENERGY", "4", "1.2")]


def test_the_night_on_which_the_clock_goes_back_is_an_hour_longer() -> None:
    """25 October 2026, 22:00 to 06:00 are 9 hours: parking x 1.00/h = 9.00, and one hour each side x 2.00/h = 4.00."""
    tariff = terms(
        element(component("PARKING_TIME", 1), start_time="22:00", end_time="06:00"),
        element(component("PARKING_TIME", 2)),
    )
    start, end = local("2026-10-24 21:00"), local("2026-10-25 07:00")
    found = cost(tariff, ((end - start).total_seconds() / 60, 0, False), start=start)
    assert amounts(found) == [line("PARKING_TIME", "9", "9"), line("PARKING_TIME", "2", "4")]


def test_an_hour_that_comes_twice_is_charged_twice() -> None:
    """25 October 2026: 02:00 to 03:00 comes twice; 2 h x 5.00 = 10.00."""
    tariff = terms(element(component("TIME", 5), start_time="02:00", end_time="03:00"))
    found = price(tariff, usage(local("2026-10-24 22:00"), (600, 9, True)), BERLIN)
    assert amounts(found) == [line("TIME", "2", "10")]


def test_half_an_hour_that_is_skipped_is_not_charged() -> None:
    """29 March 2026: 02:00 to 03:00 doesn't exist. 01:30 to 02:30 is half an hour, to 02:00: 0.5 h x 5.00 = 2.50.
    02:30 to 03:30 is half an hour too, from 03:00 on."""
    whole_night = usage(local("2026-03-28 22:00"), (600, 9, True))
    before = terms(element(component("TIME", 5), start_time="01:30", end_time="02:30"))
    after = terms(element(component("TIME", 5), start_time="02:30", end_time="03:30"))
    assert amounts(price(before, whole_night, BERLIN)) == [line("TIME", "0.5", "2.5")]
    assert amounts(price(after, whole_night, BERLIN)) == [line("TIME", "0.5", "2.5")]


def test_weekend_price_begins_at_local_midnight() -> None:
    """Friday 23:00 to Saturday 01:00, 4 kWh: 2 kWh x 0.40 + 2 kWh x 0.20 = 1.20."""
    tariff = terms(
        element(component("ENERGY", 0.20), day_of_week=["SATURDAY", "SUNDAY"]), element(component("ENERGY", 0.40))
    )
    found = cost(tariff, (120, 4, True), start=local("2026-11-06 23:00"))
    assert total(found) == Decimal("1.20")


def test_dates_begin_with_the_day_and_end_before_it() -> None:
    """24 and 25 December at 0.10, not the 26th: from 23:00 on the 23rd to 01:00 on the 26th, 50 h, 1 kWh an hour:
    48 kWh x 0.10 + 2 kWh x 0.50 = 5.80."""
    tariff = terms(
        element(component("ENERGY", 0.10), start_date="2026-12-24", end_date="2026-12-26"),
        element(component("ENERGY", 0.50)),
    )
    assert total(cost(tariff, (3000, 50, True), start=local("2026-12-23 23:00"))) == Decimal("5.80")


def test_an_end_at_midnight_is_the_end_of_the_day() -> None:
    """18:00 to 24:00 x 2.00/h; 23:00 to 02:00 is one hour of it: 2.00."""
    tariff = terms(element(component("TIME", 2), start_time="18:00", end_time="00:00"))
    assert total(cost(tariff, (180, 3, True), start=local("2026-11-02 23:00"))) == 2


def test_energy_is_rounded_up_to_the_step() -> None:
    """115.2 Wh in steps of 500 Wh: 0.5 kWh x 0.25 = 0.125, half-up 0.13."""
    found = cost(terms(element(component("ENERGY", 0.25, step=500))), (5, "0.1152", True))
    assert amounts(found) == [line("ENERGY", "0.5", "0.125")]
    assert total(found) == Decimal("0.13")


def test_the_minimum_is_reached_by_a_line_of_its_own() -> None:
    """1 kWh x 0.25 = 0.25; minimum 0.50, so 0.25 more, taxed at the same 10 %: net 0.50, due 0.55."""
    found = cost(terms(element(ENERGY), min_price=0.5), (10, 1, True))
    assert amounts(found) == [line("ENERGY", "1", "0.25"), line("MIN_PRICE", "1", "0.25")]
    assert found.total_incl_tax == Decimal("0.55")


def test_a_session_without_energy_costs_the_minimum() -> None:
    """0 kWh; minimum 0.50, taxed as the tariff's first price: 0.55."""
    assert cost(terms(element(ENERGY), min_price=0.5), (10, 0, True)).total_incl_tax == Decimal("0.55")


def test_the_maximum_takes_from_each_tax_rate_in_proportion() -> None:
    """Fee 2.50 (20 %) + 50 kWh x 0.25 = 12.50 (10 %) = 15.00; maximum 10.00, so -5.00: of it 2.50/15 = -0.8333 at 20 %
    and -4.1667 at 10 %. Net 10.00; tax 0.5 - 0.1667 + 1.25 - 0.4167 = 1.1666, so 1.17; due 11.17."""
    tariff = terms(element(component("FLAT", 2.5, vat=20), ENERGY), max_price=10)
    found = cost(tariff, (60, 50, True))
    assert [one.amount for one in found.lines if one.type == "MAX_PRICE"] == [Decimal("-0.8333"), Decimal("-4.1667")]
    assert (found.total_excl_tax, found.total_tax) == (Decimal("10.00"), Decimal("1.17"))


def test_the_fee_is_charged_once_though_two_elements_have_one() -> None:
    """From 16:55 to 17:05: the fee before 17:00 is 1.00; that after it (2.00) isn't charged any more."""
    tariff = terms(element(component("FLAT", 1), end_time="17:00"), element(component("FLAT", 2), start_time="17:00"))
    assert total(cost(tariff, (10, 1, True), start=local("2026-11-02 16:55"))) == 1


def test_a_fee_may_begin_to_hold_during_the_session() -> None:
    """A blocking fee of 10.00 from four hours on: not after three, once after nine."""
    tariff = terms(element(component("FLAT", 10), min_duration=14400))
    assert total(cost(tariff, (180, 1, True))) == 0
    assert total(cost(tariff, (540, 1, True))) == 10


@pytest.mark.parametrize(("currency", "due"), [("EUR", "0.37"), ("JPY", "0"), ("KWD", "0.365")])
def test_totals_are_in_the_currencys_smallest_unit(currency: str, due: str) -> None:
    """1.46 kWh x 0.25 = 0.365: half-up to 2, 0 and 3 decimals."""
    found = cost(terms(element(component("ENERGY", 0.25)), currency=currency), (10, "1.46", True))
    assert str(found.total_excl_tax) == due


def test_a_dimension_that_nothing_prices_is_free() -> None:
    """Energy by day only: what is taken at night is no line; the session's facts stay whole."""
    tariff = terms(element(ENERGY, start_time="08:00", end_time="20:00"))
    found = cost(tariff, (60, 5, True), (30, 0, False), start=local("2026-11-02 21:00"))
    assert (found.lines, found.total_incl_tax) == ((), 0)
    assert (found.energy_wh, found.charging_seconds, found.parking_seconds) == (5000, 3600, 1800)


def test_energy_that_came_in_no_time_is_charged() -> None:
    """A stop at the instant of the start: 3 kWh in tiers, 2 kWh x 0.10 + 1 kWh x 0.20 = 0.40."""
    tariff = terms(element(component("ENERGY", 0.10), max_kwh=2), element(component("ENERGY", 0.20)))
    assert total(cost(tariff, (0, 3, True))) == Decimal("0.40")


def test_what_each_tax_rate_has_adds_up_to_the_totals() -> None:
    """Three nets of 0.005 are 0.015, half-up 0.02: one rate shows 0.01 more than half-up alone would give the others."""
    fees = [element(component(kind, 0.3, vat=vat)) for kind, vat in (("TIME", 7), ("PARKING_TIME", 19))]
    found = cost(terms(*fees, element(component("FLAT", 0.005))), (1, 0, True), (1, 0, False))
    assert [str(one.amount) for one in found.lines] == ["0.0050", "0.0050", "0.0050"]
    assert found.total_excl_tax == sum(rate.net for rate in found.taxes) == Decimal("0.02")


def test_a_day_may_begin_twice() -> None:
    """In Havana the clock goes from 01:00 back to 00:00: 1 November 2026 has two hours from 00:00 to 01:00."""
    havana = ZoneInfo("America/Havana")
    tariff: Terms = terms(element(component("TIME", 1), start_time="00:00", end_time="01:00"))
    start = datetime(2026, 11, 1, 2, tzinfo=UTC)
    assert total(price(tariff, usage(start, (600, 1, True)), havana)) == 2
