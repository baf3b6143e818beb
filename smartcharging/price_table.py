"""Prices as a CSV file: `startTime,endTime,price`. Reads text, touches no database."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext

from smartcharging.services.prices import MOST_PRICES, NewPrice

MOST_BYTES = 4 * 1024 * 1024
MOST_ERRORS = 200
COLUMNS = ("startTime", "endTime", "price")
# Of a kWh: what the table holds.
PLACES, LARGEST = 6, Decimal(100_000)
PER = {"kWh": Decimal(1), "MWh": Decimal(1000)}


class Wrong(ValueError):
    """A cell that can't be."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong where. Lines count from 1 (the header); `column` is empty where it is about the line."""

    line: int
    column: str
    text: str


@dataclass(slots=True)
class PriceTable:
    """A file as read; `lines[n]` is where `prices[n]` stands."""

    prices: list[NewPrice] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_prices(raw: bytes, *, per: str = "kWh") -> PriceTable:
    """The prices of a CSV file (UTF-8; commas, or semicolons with decimal commas); its faults, at most MOST_ERRORS."""
    table = PriceTable()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        table.faults.append(Fault(raw[: error.start].count(b"\n") + 1, "", gettext("Not UTF-8.")))
        return table
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [cell.strip() for cell in next(reader, [])]
        table.faults += _faults_of_header(names)
        number = reader.line_num + 1
        for cells in () if table.faults else reader:
            if any(cell.strip() for cell in cells):
                _read_line(table, number, names, [cell.strip() for cell in cells], per, delimiter)
            if len(table.faults) >= MOST_ERRORS or len(table.prices) > MOST_PRICES:
                break
            number = reader.line_num + 1
    except csv.Error as error:
        table.faults.append(Fault(max(reader.line_num, 1), "", gettext("Not CSV: %(error)s.") % {"error": error}))
    return table


def price_per_kwh(value: Decimal, per: str) -> Decimal:
    """Exact. Wrong where it is too large, or has more than six places."""
    exact = value / PER[per]
    if not abs(exact) < LARGEST:
        raise Wrong(gettext("The price is out of range."))
    if exact != round(exact, PLACES):
        raise Wrong(gettext("A price of a kWh has %(places)s decimal places at most.") % {"places": PLACES})
    return exact


def _faults_of_header(names: Sequence[str]) -> list[Fault]:
    faults = [Fault(1, name[:80], gettext("Unknown column.")) for name in names if name not in COLUMNS]
    faults += [Fault(1, name, gettext("Stands there twice.")) for name in COLUMNS if names.count(name) > 1]
    faults += [
        Fault(1, name, gettext("The first line must name this column.")) for name in COLUMNS if name not in names
    ]
    return faults[:MOST_ERRORS]


def _read_line(
    table: PriceTable, number: int, names: Sequence[str], cells: Sequence[str], per: str, delimiter: str
) -> None:
    if len(cells) != len(names):
        table.faults.append(
            Fault(
                number,
                "",
                gettext("Has %(cells)s columns, the first line %(names)s.")
                % {"cells": len(cells), "names": len(names)},
            )
        )
        return
    of = dict(zip(names, cells, strict=True))
    times: dict[str, datetime] = {}
    price: Decimal | None = None
    for name, text in of.items():
        try:
            if name == "price":
                price = price_per_kwh(_number(text.replace(",", ".") if delimiter == ";" else text), per)
            else:
                times[name] = _time(text)
        except Wrong as error:
            table.faults.append(Fault(number, name, str(error)))
    if price is not None and len(times) == 2:
        table.prices.append(NewPrice(times["startTime"], times["endTime"], price))
        table.lines.append(number)


def _time(text: str) -> datetime:
    """With its offset: on the days of summer time a local time would be another hour, or none."""
    try:
        # Python passes over a null character at the end.
        parsed = parse_datetime(text) if "\0" not in text else None
        if parsed is not None and parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Wrong(gettext("Not a time with its offset, such as 2027-01-31T12:00:00Z or 2027-01-31T13:00:00+01:00."))


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or len(text) > 30 or "_" in text:
        raise Wrong(gettext("Not a number such as 0.0845."))
    return value
