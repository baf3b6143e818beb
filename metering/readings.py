"""Meter values from the wire to readings (OCPP 1.6 §7.32, §7.43). Pure; on the hot path."""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from chargepoints.protocol.timestamps import read_timestamp

ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"
CONTEXTS = {
    "Sample.Periodic": 0,
    "Sample.Clock": 1,
    "Transaction.Begin": 2,
    "Transaction.End": 3,
    "Interruption.Begin": 4,
    "Interruption.End": 5,
    "Trigger": 6,
    "Other": 7,
}
BEGIN, END, OTHER = 2, 3, 7
# Where a station takes its power, which may be measured beside its outlets.
INLET = "Inlet"
PHASES = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})
# Unit as sent -> normalised unit; the factor is a thousand. Temperatures are converted below.
_THOUSANDS = {"kWh": "Wh", "kvarh": "varh", "kW": "W", "kVA": "VA", "kvar": "var"}
_TEMPERATURES = frozenset({"Celcius", "Fahrenheit", "K"})
_DEFAULT_UNITS = (
    ("Energy.Active", "Wh"),
    ("Energy.Reactive", "varh"),
    ("Power.Active", "W"),
    ("Power.Offered", "W"),
    ("Power.Reactive", "var"),
    ("Current", "A"),
    ("Voltage", "V"),
    ("Temperature", "Celsius"),
    ("SoC", "Percent"),
    ("Frequency", "Hz"),
    ("RPM", "rpm"),
)
_PLAIN = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?\Z", re.ASCII)
# Beyond this a meter is broken, and the number would be too large to store exactly.
_LARGEST_EXPONENT, _SMALLEST_EXPONENT = 15, -12
_LONGEST_NUMBER = 100
# Combinations of measurand, unit and the rest that a process has met; a fleet has a few dozen.
_SHAPES_REMEMBERED, _LONGEST_SHAPE = 4096, 200


class Kind(NamedTuple):
    """What a series measures: normalised unit, '' for no phase, Outlet where no location is named."""

    measurand: str
    phase: str
    location: str
    unit: str


class Reading(NamedTuple):
    """One value. `value` is exact decimal text in the kind's unit; raw_* only where the original differs."""

    kind: Kind
    at: datetime
    context: int
    value: str
    raw_value: str | None
    raw_unit: str | None


class SignedValue(NamedTuple):
    """A signed value, verbatim."""

    kind: Kind
    at: datetime
    context: int
    content: str


class Parsed(NamedTuple):
    """All of a message. `skipped`: values that are no numbers, and readings without a readable time."""

    readings: list[Reading]
    signed: list[SignedValue]
    skipped: int


class _Shape(NamedTuple):
    """What a sampledValue's words come to. `convert` is the unit as sent, where the value must be converted."""

    kind: Kind
    context: int
    convert: str | None


_shapes: dict[tuple[str | None, ...], _Shape] = {}


def parse_meter_values(meter_values: list[dict[str, Any]]) -> Parsed:
    """The `meterValue` or `transactionData` list of a message, as validated by its schema."""
    readings: list[Reading] = []
    signed: list[SignedValue] = []
    skipped = 0
    for meter_value in meter_values:
        samples = meter_value["sampledValue"]
        try:
            at = read_timestamp(meter_value["timestamp"])
        except ValueError:
            skipped += len(samples)
            continue
        for sample in samples:
            get = sample.get
            words = (get("measurand"), get("unit"), get("phase"), get("location"), get("context"))
            kind, context, convert = _shapes.get(words) or _shape(words)
            text: str = sample["value"]
            if get("format") == "SignedData":
                signed.append(SignedValue(kind, at, context, text.replace("\0", "")))
                continue
            value: str | None = text if _PLAIN.match(text) else plain_number(text)
            if value is None:
                skipped += 1
            elif convert is None:
                readings.append(Reading(kind, at, context, value, None, None))
            else:
                readings.append(Reading(kind, at, context, convert_value(value, convert), value, convert))
    return Parsed(readings, signed, skipped)


def register_reading(value_wh: Decimal, at: datetime, context: int) -> Reading:
    """`meterStart` and `meterStop` as readings of the outlet's register."""
    return Reading(Kind(ENERGY, "", "Outlet", "Wh"), at, context, f"{value_wh:f}", None, None)


def plain_number(text: str) -> str | None:
    """Exact decimal text without an exponent; None for what is no number (also NaN, infinity, absurd sizes)."""
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    if number == 0:
        return "0"
    if not _SMALLEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT:
        return None
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 (finite)
    return f"{number:f}" if exponent >= _SMALLEST_EXPONENT else f"{round(number, -_SMALLEST_EXPONENT):f}"


def total_of_phases(phases: dict[str, Decimal]) -> Decimal | None:
    """The value over all phases: the one without a phase, else the sum of L1, L2 and L3 (OCPP.md "MeterValues")."""
    if "" in phases:
        return phases[""]
    parts = [value for phase, value in phases.items() if phase in PHASES]
    return sum(parts, Decimal(0)) if parts else None


def default_unit(measurand: str) -> str:
    """The unit of a value that names none (OCPP 1.6 §7.43: Wh for energy; the rest have one usual unit)."""
    for prefix, unit in _DEFAULT_UNITS:
        if measurand.startswith(prefix):
            return unit
    return ""


def convert_value(value: str, unit: str) -> str:
    """A plain number in `unit` as plain number in the normalised unit. Exact, but for Fahrenheit (six decimals)."""
    number = Decimal(value)
    if unit in _THOUSANDS:
        number *= 1000
    elif unit == "Fahrenheit":
        number = round((number - 32) * 5 / 9, 6)
    elif unit == "K":
        number -= Decimal("273.15")
    return f"{number:f}"


def normalised_unit(unit: str) -> str:
    """The unit that values are stored in; an unknown one is kept as it is."""
    return "Celsius" if unit in _TEMPERATURES else _THOUSANDS.get(unit, unit)


def _shape(words: tuple[str | None, ...]) -> _Shape:
    """Work out what the words mean, and remember it: the same few combinations come all day."""
    measurand, unit, phase, location, context = (word.replace("\0", "") if word else None for word in words)
    measurand = (measurand or ENERGY)[:50]
    unit = default_unit(measurand) if unit is None else unit[:20]
    kind = Kind(measurand, (phase or "")[:20], (location or "Outlet")[:20], normalised_unit(unit))
    convert = unit if unit in _THOUSANDS or unit in _TEMPERATURES else None
    shape = _Shape(kind, CONTEXTS.get(context or "Sample.Periodic", OTHER), convert)
    if sum(len(word) for word in words if word) <= _LONGEST_SHAPE:
        if len(_shapes) >= _SHAPES_REMEMBERED:
            _shapes.clear()
        _shapes[words] = shape
    return shape
