"""Figures as they stand on a page: with their unit, in the person's language. Pure."""

from decimal import Decimal

from django.utils.formats import number_format

from metering.pricing.money import half_up, shown_amount

# From so many kW or kWh on, a thousand of them are one MW or MWh.
LARGE = 10_000


def power_text(watts: Decimal) -> str:
    """`33.0 kW`, `12.35 MW`."""
    return _scaled(watts, "kW", "MW")


def energy_text(watt_hours: Decimal) -> str:
    """`812.4 kWh`, `12.35 MWh`."""
    return _scaled(watt_hours, "kWh", "MWh")


def count_text(count: int | Decimal) -> str:
    """`12,345`."""
    return str(number_format(int(count), 0, force_grouping=True))


def percent_text(part: int | Decimal, whole: int | Decimal) -> str:
    """`97.4 %`; not 100 where something is missing; a dash of nothing."""
    if not whole:
        return "–"
    share = Decimal(part) / Decimal(whole) * 100
    return f"{_number(min(share, Decimal('99.9')), 1)} %" if part < whole else f"{_number(share, 0)} %"


def money_text(amount: Decimal, currency: str) -> str:
    """`1,234.50 €`."""
    return shown_amount(amount, currency)


def _scaled(value: Decimal, unit: str, large: str) -> str:
    thousands = value / 1000
    if abs(thousands) < LARGE:
        return f"{_number(thousands, 1)} {unit}"
    return f"{_number(thousands / 1000, 2)} {large}"


def _number(value: Decimal, places: int) -> str:
    # Django cuts digits off where it formats.
    return str(number_format(half_up(value, places), places, force_grouping=True))
