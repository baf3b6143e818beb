"""A price as a table for people: the session's page, a record's page, the preview of a tariff."""

from typing import Any, NamedTuple

from metering.pricing.assignment import read_snapshot
from metering.pricing.lines import Price
from metering.pricing.money import shown_amount
from metering.pricing.tariff import TariffFaults, Terms
from metering.pricing.words import line_in_words, quantity_in_words, rate_in_words, shown_time, unit_price_in_words


class Row(NamedTuple):
    """One line."""

    text: str
    quantity: str
    price: str
    tax: str
    amount: str


def price_context(price: Price, terms: Terms | None) -> dict[str, Any]:
    """What `office/price_table.html` shows."""
    return {
        "rows": [
            Row(
                line_in_words(line, terms),
                quantity_in_words(line),
                unit_price_in_words(line, price.currency) if line.unit else "",
                rate_in_words(line.vat),
                shown_amount(line.amount, price.currency, places=4),
            )
            for line in price.lines
        ],
        "taxes": [
            (rate_in_words(rate.vat), shown_amount(rate.net, price.currency), shown_amount(rate.tax, price.currency))
            for rate in price.taxes
            if rate.vat is not None
        ],
        "net": shown_amount(price.total_excl_tax, price.currency),
        "total": shown_amount(price.total_incl_tax, price.currency),
        "charging": shown_time(price.charging_seconds),
        "parking": shown_time(price.parking_seconds),
    }


def terms_of(snapshot: dict[str, Any] | None) -> Terms | None:
    """A frozen tariff's terms; None where there are none that can be read."""
    try:
        return read_snapshot(snapshot).terms if snapshot else None
    except TariffFaults:
        return None
