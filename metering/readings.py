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
# Unit as sent -> (normalised unit, factor). Temperatures are converted below.
_SCALES: dict[str, tuple[str, Decimal]] = {
    "kWh": ("Wh", Decimal(1000)),
    "kvarh": ("varh", Decimal(1000)),
    "kW": ("W", Decimal(1000)),
    "kVA": ("VA", Decimal(1000)),
    "kvar": ("var", Decimal(1000)),
}
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
_PLAIN = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,9})?\Z", re.ASCII)
# Beyond this a meter is broken, and the number would be too large to store exactly.
_LARGEST_EXPONENT, _SMALLEST_EXPONENT = 15, -12


class Reading(NamedTuple):
    """One value. `value` is exact decimal text in `unit`; raw_* only where the original differs."""

    measurand: str
    phase: str
    location: str
    unit: str
    at: datetime
    context: int
    value: str
    raw_value: str | None
    raw_unit: str | None


class SignedValue(NamedTuple):
    """A signed value, verbatim."""

    measurand: str
    phase: str
    location: str
    unit: str
    at: datetime
    context: int
    content: str


class Parsed(NamedTuple):
    """All of a message. `skipped`: values that are no numbers, and readings without a readable time."""

    readings: list[Reading]
    signed: list[SignedValue]
    skipped: int


def parse_meter_values(meter_values: list[dict[str, Any]]) -> Parsed:
    """The `meterValue` or `transactionData` list of a message."""
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
            measurand = (get("measurand") or ENERGY)[:50]
            unit = get("unit")
            phase, location = (get("phase") or "")[:20], (get("location") or "Outlet")[:20]
            context = CONTEXTS.get(get("context") or "Sample.Periodic", OTHER)
            if get("format") == "SignedData":
                signed.append(SignedValue(measurand, phase, location, (unit or "")[:20], at, context, sample["value"]))
                continue
            value = plain_number(sample["value"])
            if value is None:
                skipped += 1
                continue
            if unit is None:
                unit = default_unit(measurand)
            if unit in _NEEDS_WORK:
                value, unit, raw_value, raw_unit = normalise(value, unit)
                readings.append(
                    Reading(measurand, phase, location, unit, at, context, value, raw_value[:100], raw_unit[:20])
                )
            else:
                readings.append(Reading(measurand, phase, location, unit[:20], at, context, value, None, None))
    return Parsed(readings, signed, skipped)


_NEEDS_WORK = {*_SCALES, "Celcius", "Fahrenheit", "K"}


def register_reading(value_wh: Decimal, at: datetime, context: int) -> Reading:
    """`meterStart` and `meterStop` as readings of the outlet's register."""
    return Reading(ENERGY, "", "Outlet", "Wh", at, context, f"{value_wh:f}", None, None)


def plain_number(text: str) -> str | None:
    """Exact decimal text without an exponent; None for what is no number (also NaN, infinity, absurd sizes)."""
    if _PLAIN.match(text):
        return text
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    if number == 0:
        return "0"
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 (finite)
    if number.adjusted() > _LARGEST_EXPONENT or number.adjusted() < _SMALLEST_EXPONENT:
        return None
    return f"{number:f}" if exponent >= _SMALLEST_EXPONENT else f"{round(number, -_SMALLEST_EXPONENT):f}"


def default_unit(measurand: str) -> str:
    """The unit of a value that names none (OCPP 1.6 §7.43: Wh for energy; the rest have one usual unit)."""
    for prefix, unit in _DEFAULT_UNITS:
        if measurand.startswith(prefix):
            return unit
    return ""


def normalise(value: str, unit: str) -> tuple[str, str, str, str]:
    """(value, unit) in the normalised unit, then as given."""
    number = Decimal(value)
    if unit in _SCALES:
        target, factor = _SCALES[unit]
        return f"{number * factor:f}", target, value, unit
    if unit == "Fahrenheit":
        number = round((number - 32) * 5 / 9, 6)
    elif unit == "K":
        number -= Decimal("273.15")
    return f"{number:f}", "Celsius", value, unit
