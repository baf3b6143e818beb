"""Price files as exchanges hand them out."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from smartcharging.price_table import read_prices

HEAD = "startTime,endTime,price\n"


def faults(text: str, per: str = "kWh") -> list[tuple[int, str]]:
    return [(fault.line, fault.column) for fault in read_prices(text.encode(), per=per).faults]


def test_it_reads_times_with_any_offset_in_utc() -> None:
    table = read_prices((HEAD + "2026-11-21T01:00:00+01:00,2026-11-21T02:00:00+01:00,-0.0125\n").encode())
    assert table.faults == []
    (price,) = table.prices
    assert price.start_at == datetime(2026, 11, 21, tzinfo=UTC)
    assert price.price == Decimal("-0.0125")
    assert table.lines == [2]


def test_semicolons_come_with_decimal_commas_and_a_byte_order_mark() -> None:
    text = "\ufeffprice;startTime;endTime\r\n84,51;2026-11-21T00:00Z;2026-11-21T01:00Z\r\n\r\n"
    table = read_prices(text.encode(), per="MWh")
    assert table.faults == []
    assert table.prices[0].price == Decimal("0.08451")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "startTime"), (1, "endTime"), (1, "price")]),
        ("startTime,endTime\n", [(1, "price")]),
        ("startTime,endTime,price,price\n", [(1, "price")]),
        (HEAD.replace("price", "price,colour"), [(1, "colour")]),
        (HEAD + "2026-11-21T00:00:00,2026-11-21T01:00:00Z,1\n", [(2, "startTime")]),
        (HEAD + "2026-11-21T00:00:00Z,2026-11-21T25:00:00Z,1\n", [(2, "endTime")]),
        (HEAD + "0001-01-01T00:00:00+14:00,2026-11-21T01:00:00Z,1\n", [(2, "startTime")]),
        (HEAD + "\n2026-11-21T00:00:00Z,2026-11-21T01:00:00Z,cheap\n", [(3, "price")]),
        (HEAD + "2026-11-21T00:00:00Z,2026-11-21T01:00:00Z,NaN\n", [(2, "price")]),
        (HEAD + "2026-11-21T00:00:00Z,2026-11-21T01:00:00Z,1e999999\n", [(2, "price")]),
        (HEAD + "2026-11-21T00:00:00Z,2026-11-21T01:00:00Z,0.0000001\n", [(2, "price")]),
        (HEAD + "2026-11-21T00:00:00Z,2026-11-21T01:00:00Z,100000\n", [(2, "price")]),
        (HEAD + "2026-11-21T00:00:00Z,1\n", [(2, "")]),
        (HEAD + '"2026\n', [(2, "")]),
        (HEAD + "2026-11-21T00:00:00Z\x00,2026-11-21T01:00:00Z,1\n", [(2, "startTime")]),
    ],
)
def test_faults_are_named_by_line_and_column(text: str, expected: list[tuple[int, str]]) -> None:
    assert faults(text) == expected


def test_what_is_not_utf_8_is_told_by_its_line() -> None:
    assert [fault.line for fault in read_prices(HEAD.encode() + b"\xff").faults] == [2]


def test_a_file_of_faults_tells_a_bounded_number() -> None:
    assert len(faults(HEAD + "x,y,z\n" * 5000)) < 300
