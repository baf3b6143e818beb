"""Rates as rows: what a form says becomes the elements that the API takes, and back."""

import json
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from metering.admin.rate_row import RateRow
from metering.admin.rate_sheet import MOST_ROWS, RateSheet
from metering.pricing.tariff import DAYS, Dimension, TariffFaults, parse_terms

NIGHT: dict[str, Any] = {
    "price_components": [
        {"type": "ENERGY", "price": 0.29, "vat": 19, "step_size": 1},
        {"type": "PARKING_TIME", "price": 6, "vat": 19, "step_size": 60},
    ],
    "restrictions": {
        "start_time": "22:00",
        "end_time": "06:00",
        "start_date": "2026-12-24",
        "min_kwh": 1.5,
        "max_duration": 5409,
        "day_of_week": ["MONDAY", "SUNDAY"],
    },
}
FEE = {"price_components": [{"type": "FLAT", "price": 1, "step_size": 1}]}


def posted(sheet: RateSheet) -> QueryDict:
    """What a browser sends of the page with that sheet."""
    data = QueryDict(mutable=True)
    for row in sheet.rows:
        data.appendlist("elements-row", row.key)
        data.setlist(f"elements-{row.key}-day_of_week", list(row.days))
        for slot, value in row.values.items():
            data[f"elements-{row.key}-{slot}"] = value
    return data


def rows(*given: dict[str, Any]) -> RateSheet:
    data = QueryDict(mutable=True)
    for key, values in enumerate(given):
        data.appendlist("elements-row", str(key))
        data.update({f"elements-{key}-{slot}": value for slot, value in values.items()})
    return RateSheet.posted(data)


def checked(sheet: RateSheet) -> list[tuple[str, str]]:
    """(row, slot) of every fault."""
    with pytest.raises(TariffFaults) as found:
        parse_terms(currency="EUR", elements=sheet.elements)
    assert all(sheet.place(fault) for fault in found.value.faults)
    return [(one["row"], one["slot"]) for one in sheet.placed]


def test_a_sheet_says_what_it_was_made_of() -> None:
    assert RateSheet.posted(posted(RateSheet.of([NIGHT, FEE]))).elements == [NIGHT, FEE]


AMOUNT = st.integers(0, 10**12).map(lambda value: value / 10_000)
ELEMENT = st.builds(
    lambda prices, days, least, after: {
        "price_components": [{"type": kind, "price": price, "step_size": 1} for kind, price in prices.items()],
        "restrictions": {"day_of_week": days, "min_power": least, "min_duration": after},
    },
    st.dictionaries(st.sampled_from(list(Dimension.__members__)), AMOUNT, min_size=1),
    st.lists(st.sampled_from(DAYS), unique=True),
    st.none() | AMOUNT,
    st.none() | st.integers(0, 10**9),
)


@given(st.lists(ELEMENT, min_size=1, max_size=4))
def test_whatever_a_tariff_says_its_rows_say_the_same(elements: list[dict[str, Any]]) -> None:
    again = RateSheet.posted(posted(RateSheet.of(elements)))
    assert parse_terms(currency="EUR", elements=again.elements).elements == _sorted(elements)
    assert again.meant(elements) == elements


def _sorted(elements: list[dict[str, Any]]) -> Any:
    order = [*("ENERGY", "TIME", "PARKING_TIME", "FLAT")]
    ordered = [
        {**one, "price_components": sorted(one["price_components"], key=lambda part: order.index(part["type"]))}
        for one in elements
    ]
    return parse_terms(currency="EUR", elements=ordered).elements


def test_a_decimal_comma_is_a_point() -> None:
    assert rows({"energy_price": "0,45"}).elements == [
        {"price_components": [{"type": "ENERGY", "price": 0.45, "step_size": 1}]}
    ]


def test_rows_keep_their_order_and_empty_ones_are_left_out() -> None:
    data = posted(RateSheet([RateRow("7", {"flat_price": "1"}), RateRow("2"), RateRow("0", {"energy_price": "2"})]))
    assert [one["price_components"][0]["type"] for one in RateSheet.posted(data).elements] == ["FLAT", "ENERGY"]


@pytest.mark.parametrize(
    ("values", "slot"),
    [
        ({"energy_price": "-1"}, "energy_price"),
        ({"energy_price": "cheap"}, "energy_price"),
        ({"energy_price": "1", "energy_step_size": "0"}, "energy_step_size"),
        ({"time_price": "1", "parking_time_vat": "19"}, "parking_time_price"),
        ({"flat_price": "1", "flat_vat": "101"}, "flat_vat"),
        ({"flat_price": "1", "start_time": "8"}, "start_time"),
        ({"flat_price": "1", "start_date": "2026-02-02", "end_date": "2026-02-02"}, "end_date"),
        ({"flat_price": "1", "min_kwh": "5", "max_kwh": "4"}, "max_kwh"),
        ({"flat_price": "1", "min_duration": "4 hours"}, "min_duration"),
        ({"flat_price": "1", "day_of_week": "Monday"}, "day_of_week"),
        ({"start_time": "08:00"}, ""),
    ],
)
def test_a_fault_stands_at_its_row_and_field(values: dict[str, str], slot: str) -> None:
    assert checked(rows({"energy_price": "1"}, {}, values)) == [("2", slot)]


def test_a_length_that_cannot_be_read_is_told_so_and_kept() -> None:
    sheet = rows({"flat_price": "1", "max_duration": "4h"})
    checked(sheet)
    assert sheet.rows[0].faults == {"max_duration": ["Hours and minutes, such as 4:00."]}
    assert '"4h"' in str(RateSheet.as_json(sheet.elements).text)


def test_rates_without_a_price_are_none() -> None:
    sheet = rows({}, {})
    assert checked(sheet) == [("", "")]
    assert sheet.faults == ["Give a rate with at least one price."]


def test_elements_that_rows_cannot_show_are_json() -> None:
    assert RateSheet.of([{"price_components": [], "colour": "blue"}]).text
    assert RateSheet.of([FEE] * (MOST_ROWS + 1)).text
    assert RateSheet.of([FEE] * MOST_ROWS).text is None


@pytest.mark.parametrize("text", ["[{", "[" * 100_000, '["\\ud800"]', "9" * 5000])
def test_json_that_cannot_be_read_is_a_fault(text: str) -> None:
    data = QueryDict(mutable=True)
    data["elements"] = text
    assert RateSheet.posted(data).faults == ["Enter a valid JSON."]


def test_prices_in_another_order_are_not_a_change() -> None:
    stored = json.loads(json.dumps([{**NIGHT, "price_components": NIGHT["price_components"][::-1]}]))
    sheet = RateSheet.posted(posted(RateSheet.of(stored)))
    assert sheet.elements != stored
    assert sheet.meant(stored) is stored
