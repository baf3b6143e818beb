"""Tariffs and lines in words, for people: the back office and the receipt. Knows no database."""

from datetime import timedelta
from decimal import Decimal

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from metering.pricing.lines import Line
from metering.pricing.money import half_up, minor_digits, shown_amount
from metering.pricing.tariff import Dimension, PriceComponent, Restrictions, Terms


def terms_in_words(terms: Terms) -> list[str]:
    """One sentence for each element, and for the bounds."""
    said = []
    for element in terms.elements:
        prices = ", ".join(component_in_words(component, terms.currency) for component in element.components)
        when = restrictions_in_words(element.restrictions)
        said.append(f"{prices} ({when})" if when else prices)
    if terms.min_price is not None:
        said.append(_("At least %(price)s before tax.") % {"price": shown_price(terms.min_price, terms.currency)})
    if terms.max_price is not None:
        said.append(_("At most %(price)s before tax.") % {"price": shown_price(terms.max_price, terms.currency)})
    return said


def component_in_words(component: PriceComponent, currency: str) -> str:
    """`0.25 € per kWh + 10% tax, in steps of 500 Wh`."""
    price = shown_price(component.price, currency)
    match component.type:
        case Dimension.FLAT:
            said = _("%(price)s per session") % {"price": price}
        case Dimension.ENERGY:
            said = _("%(price)s per kWh") % {"price": price}
        case Dimension.TIME:
            said = _("%(price)s per hour charging") % {"price": price}
        case _other:
            said = _("%(price)s per hour parked") % {"price": price}
    if component.vat is not None:
        said += _(" + %(rate)s%% tax") % {"rate": plain(component.vat)}
    if component.step_size > 1 and component.type is not Dimension.FLAT:
        said += _(" in steps of %(step)s") % {"step": _step(component)}
    return said


def restrictions_in_words(rule: Restrictions) -> str:
    """`08:00 to 20:00, Monday, from 10 kWh`; empty: always."""
    parts = []
    if rule.start_time is not None or rule.end_time is not None:
        start = f"{rule.start_time:%H:%M}" if rule.start_time else "00:00"
        end = f"{rule.end_time:%H:%M}" if rule.end_time and rule.end_time.isoformat() != "00:00:00" else "24:00"
        parts.append(_("%(start)s to %(end)s") % {"start": start, "end": end})
    if rule.day_of_week is not None:
        parts.append(_days(rule.day_of_week))
    if rule.start_date is not None:
        parts.append(_("from %(date)s") % {"date": f"{rule.start_date:%Y-%m-%d}"})
    if rule.end_date is not None:
        parts.append(_("before %(date)s") % {"date": f"{rule.end_date:%Y-%m-%d}"})
    parts += _bounds(rule.min_kwh, rule.max_kwh, "kWh") + _bounds(rule.min_power, rule.max_power, "kW")
    low, high = rule.min_duration, rule.max_duration
    if low:
        parts.append(_("after %(time)s") % {"time": shown_time(low)})
    if high is not None:
        parts.append(_("in the first %(time)s") % {"time": shown_time(high)})
    return ", ".join(parts)


def line_in_words(line: Line, terms: Terms | None) -> str:
    """What a line of a bill is for."""
    names = {
        "FLAT": _("Session fee"),
        "ENERGY": _("Energy"),
        "TIME": _("Charging time"),
        "PARKING_TIME": _("Parking time"),
        "MIN_PRICE": _("Up to the minimum price"),
        "MAX_PRICE": _("Down to the maximum price"),
        "CORRECTION": _("Correction"),
    }
    said = names.get(line.type, line.type)
    if line.text:
        said = f"{said}: {line.text}"
    if terms is not None and line.element is not None and line.element < len(terms.elements):
        when = restrictions_in_words(terms.elements[line.element].restrictions)
        if when:
            said += f" ({when})"
    if line.rounded_up:
        said += " " + _("– %(quantity)s of it by rounding up") % {"quantity": _amount(line.rounded_up, line.unit)}
    return said


def quantity_in_words(line: Line) -> str:
    """`12.345 kWh`, `1:30:00 h`; empty for what has none."""
    return _amount(line.quantity, line.unit) if line.unit else ""


def unit_price_in_words(line: Line, currency: str) -> str:
    """`0.25 €/kWh`."""
    return f"{shown_price(line.price, currency)}/{line.unit}" if line.unit else shown_price(line.price, currency)


def rate_in_words(vat: Decimal | None) -> str:
    """`19%`."""
    return _("none") if vat is None else f"{shown_number(vat)}%"


def shown_price(price: Decimal, currency: str) -> str:
    """With as many decimals as it has, the currency's at least."""
    exponent = price.normalize().as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return shown_amount(price, currency, places=max(digits, minor_digits(currency)))


def shown_time(seconds: int) -> str:
    """`1:05:09`."""
    return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"


def plain(value: Decimal) -> str:
    """Without trailing zeros or an exponent."""
    return f"{value.normalize():f}"


def shown_number(value: Decimal) -> str:
    """As `plain`, as the reader's language writes it."""
    return str(number_format(plain(value)))


def _amount(quantity: Decimal, unit: str) -> str:
    if unit == "h":
        return f"{shown_time(int(half_up(quantity * 3600, 0)))} h"
    return f"{number_format(half_up(quantity, 3), 3, force_grouping=True)} {unit}"


def _bounds(low: Decimal | None, high: Decimal | None, unit: str) -> list[str]:
    said = [_("from %(low)s %(unit)s") % {"low": shown_number(low), "unit": unit}] if low else []
    if high is not None:
        said.append(_("below %(high)s %(unit)s") % {"high": shown_number(high), "unit": unit})
    return said


def _days(days: frozenset[int]) -> str:
    """In the language of the page; 2024-01-01 was a Monday."""
    from datetime import date

    return ", ".join(date_format(date(2024, 1, 1) + timedelta(days=day), "l") for day in sorted(days))


def _step(component: PriceComponent) -> str:
    step = component.step_size
    if component.type is Dimension.ENERGY:
        return f"{plain(Decimal(step) / 1000)} kWh" if step >= 1000 else f"{step} Wh"
    if step % 60:
        return ngettext("%(count)d second", "%(count)d seconds", step) % {"count": step}
    return ngettext("%(count)d minute", "%(count)d minutes", step // 60) % {"count": step // 60}
