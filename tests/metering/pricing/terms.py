"""Tariffs and usage for the tests, as short as they can be said."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from metering.pricing.engine import Segment, price
from metering.pricing.lines import Price
from metering.pricing.tariff import Terms, parse_terms

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 2, 11, tzinfo=UTC)  # Monday 12:00 in Berlin


def component(kind: str, amount: float, step: int = 1, vat: float | None = None) -> dict[str, Any]:
    return {"type": kind, "price": amount, "step_size": step, "vat": vat}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    return {"price_components": list(components), "restrictions": restrictions}


def terms(*elements: dict[str, Any], currency: str = "EUR", **bounds: Any) -> Terms:
    return parse_terms(currency=currency, elements=list(elements), **bounds)


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """`2026-11-02 12:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def usage(start: datetime, *parts: tuple[float, float | str, bool]) -> list[Segment]:
    """Segments of (minutes, kWh, charging)."""
    found = []
    for minutes, kwh, charging in parts:
        end = start + timedelta(minutes=minutes)
        found.append(Segment(start, end, Decimal(str(kwh)) * 1000, charging))
        start = end
    return found


def cost(tariff: Terms, *parts: tuple[float, float | str, bool], start: datetime = NOON) -> Any:
    """The Price. (Any: figures are compared with whole numbers too.)"""
    return price(tariff, usage(start, *parts), BERLIN)


def amounts(found: Price) -> list[tuple[str, Decimal, Decimal]]:
    """(type, quantity, amount) of each line, trailing zeros cut."""
    return [(line.type, _short(line.quantity), _short(line.amount)) for line in found.lines]


def line(kind: str, quantity: str, amount: str) -> tuple[str, Decimal, Decimal]:
    return kind, Decimal(quantity), Decimal(amount)


def net(found: Price) -> Decimal:
    return sum((one.amount for one in found.lines), Decimal(0))


def _short(value: Decimal) -> Decimal:
    return value.normalize()
