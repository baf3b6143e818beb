"""Lines, and the totals that they make: steps 3 to 5 of the price engine. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from metering.pricing.money import LINE_PLACES, apportion, half_up, minor_digits

QUANTITY_PLACES = 6


@dataclass(frozen=True, slots=True)
class Line:
    """What one price amounts to. `type`: a dimension, MIN_PRICE, MAX_PRICE, or CORRECTION.

    `quantity` in `unit` (kWh, h, or none), `rounded_up` the part of it that step_size added; `amount` before tax.
    """

    type: str
    element: int | None
    quantity: Decimal
    rounded_up: Decimal
    unit: str
    price: Decimal
    vat: Decimal | None
    amount: Decimal
    tax: Decimal
    text: str = ""


@dataclass(frozen=True, slots=True)
class TaxRate:
    """What is taxed at one rate (percent; None: no tax applies)."""

    vat: Decimal | None
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """What a session costs."""

    currency: str
    lines: tuple[Line, ...]
    taxes: tuple[TaxRate, ...]
    total_excl_tax: Decimal
    total_tax: Decimal
    total_incl_tax: Decimal
    energy_wh: Decimal
    charging_seconds: int
    parking_seconds: int


def priced_line(
    kind: str,
    quantity: Fraction,
    unit_price: Decimal,
    vat: Decimal | None,
    *,
    element: int | None = None,
    rounded_up: Decimal = Decimal(0),
    unit: str = "",
    text: str = "",
) -> Line:
    """A line, rounded from the exact quantity. A correction may have a price below zero."""
    amount = half_up(quantity * Fraction(unit_price), LINE_PLACES)
    return Line(
        type=str(kind),
        element=element,
        quantity=half_up(quantity, QUANTITY_PLACES),
        rounded_up=rounded_up,
        unit=unit,
        price=unit_price,
        vat=vat,
        amount=amount,
        tax=half_up(Fraction(amount) * Fraction(vat or 0) / 100, LINE_PLACES),
        text=text,
    )


def adjustments(kind: str, difference: Decimal, lines: list[Line]) -> list[Line]:
    """`difference` as one line for each tax rate, in proportion to what stands there."""
    nets: dict[Decimal | None, Decimal] = {}
    for line in lines:
        nets[line.vat] = nets.get(line.vat, Decimal(0)) + line.amount
    parts = apportion(abs(difference), list(nets.values()), LINE_PLACES)
    signed = [part if difference > 0 else -part for part in parts]
    return [priced_line(kind, Fraction(1), part, vat) for vat, part in zip(nets, signed, strict=True) if part]


def totals(
    currency: str, lines: Iterable[Line], *, energy_wh: Decimal, charging_seconds: int, parking_seconds: int
) -> Price:
    """Lines summed up and rounded; what each tax rate has of the totals adds up to them."""
    lines, digits = tuple(lines), minor_digits(currency)
    rates: dict[Decimal | None, list[Line]] = {}
    for line in lines:
        rates.setdefault(line.vat, []).append(line)
    nets = [sum((line.amount for line in group), Decimal(0)) for group in rates.values()]
    taxes = [sum((line.tax for line in group), Decimal(0)) for group in rates.values()]
    net, tax = half_up(sum(nets, Decimal(0)), digits), half_up(sum(taxes, Decimal(0)), digits)
    shares = zip(rates, _shares(net, nets, digits), _shares(tax, taxes, digits), strict=True)
    return Price(
        currency=currency,
        lines=lines,
        taxes=tuple(TaxRate(vat, one_net, one_tax) for vat, one_net, one_tax in shares),
        total_excl_tax=net,
        total_tax=tax,
        total_incl_tax=net + tax,
        energy_wh=energy_wh,
        charging_seconds=charging_seconds,
        parking_seconds=parking_seconds,
    )


def _shares(total: Decimal, parts: list[Decimal], digits: int) -> list[Decimal]:
    """The parts rounded so that they add up; where some are below zero (corrections), the first takes the rest."""
    if all(part >= 0 for part in parts):
        return apportion(total, parts, digits)
    rounded = [half_up(part, digits) for part in parts]
    rounded[0] += total - sum(rounded)
    return rounded
