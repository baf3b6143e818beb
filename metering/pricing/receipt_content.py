"""What stands on a receipt, in words: for the PDF and for the page, which must never differ. Knows neither.

Numbers and dates are as in the record; the texts are in the language that is active.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from metering.models import ChargeDetailRecord
from metering.pricing.assignment import Frozen, read_snapshot, session_zone
from metering.pricing.cost import price_of
from metering.pricing.lines import Price
from metering.pricing.money import half_up, shown_amount
from metering.pricing.tariff import TariffFaults
from metering.pricing.words import line_in_words, quantity_in_words, rate_in_words, shown_time, unit_price_in_words


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line of the bill, before tax."""

    text: str
    quantity: str
    price: str
    tax: str
    amount: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """`facts` and `totals` are (name, value); `total` is what is due, with tax. `corrections`: what it corrects, and
    by what it was replaced."""

    operator: str
    title: str
    corrections: list[str]
    facts: list[tuple[str, str]]
    lines: list[ReceiptLine]
    totals: list[tuple[str, str]]
    total: tuple[str, str]
    remarks: list[str]


def receipt_of(record: ChargeDetailRecord) -> Receipt:
    """Of a record with its tenant, session and station. Callers hold the scope."""
    zone, frozen = _frozen(record)
    price = price_of(record)
    return Receipt(
        operator=record.tenant.name,
        title=_("Receipt %(number)s") % {"number": record.number},
        corrections=_corrections(record),
        facts=[(name, text) for name, text in _facts(record, zone, frozen) if text],
        lines=_lines(price, frozen),
        totals=_totals(price),
        total=(_("Total"), shown_amount(price.total_incl_tax, price.currency)),
        remarks=_remarks(record, zone),
    )


def _frozen(record: ChargeDetailRecord) -> tuple[ZoneInfo, Frozen | None]:
    if record.tariff:
        try:
            frozen = read_snapshot(record.tariff)
            return frozen.zone, frozen
        except TariffFaults:
            # Written by other hands; the lines stand nevertheless.
            pass
    return session_zone(record.transaction), None


def _corrections(record: ChargeDetailRecord) -> list[str]:
    said = []
    if record.corrects is not None:
        said.append(_("Corrects %(number)s: %(reason)s") % {"number": record.corrects.number, "reason": record.reason})
    later = record.corrections.order_by("revision").first()
    if later is not None:
        said.append(_("Replaced by %(number)s.") % {"number": later.number})
    return said


def _facts(record: ChargeDetailRecord, zone: ZoneInfo, frozen: Frozen | None) -> list[tuple[str, str]]:
    seconds = record.charging_seconds + record.parking_seconds
    return [
        (_("Date of issue"), _local(record.created_at, zone)),
        (
            _("Charge point"),
            _("%(name)s, connector %(number)d") % {"name": record.charge_point, "number": record.connector},
        ),
        (_("Place"), _place(record)),
        (_("Id tag"), record.id_tag),
        (_("Session"), record.transaction.protocol_id),
        (_("From"), _local(record.started_at, zone)),
        (_("To"), _local(record.stopped_at, zone)),
        (
            _("Duration"),
            _("%(time)s h, of which charging %(charging)s h")
            % {"time": shown_time(seconds), "charging": shown_time(record.charging_seconds)},
        ),
        (_("Energy"), f"{half_up(record.energy_wh / 1000, 3):,} kWh"),
        (
            _("Meter"),
            _("%(start)s to %(stop)s kWh")
            % {
                "start": f"{half_up(record.meter_start_wh / 1000, 3):,}",
                "stop": f"{half_up(record.meter_stop_wh / 1000, 3):,}",
            },
        ),
        (_("Tariff"), str(frozen.snapshot.get("name", "")) if frozen else _("none")),
    ]


def _place(record: ChargeDetailRecord) -> str:
    site = record.transaction.charge_point.site
    return ", ".join(text for text in (site.name, site.address) if text) if site else ""


def _lines(price: Price, frozen: Frozen | None) -> list[ReceiptLine]:
    return [
        ReceiptLine(
            line_in_words(line, frozen.terms if frozen else None),
            quantity_in_words(line),
            unit_price_in_words(line, price.currency) if line.unit else "",
            rate_in_words(line.vat),
            shown_amount(line.amount, price.currency, places=4),
        )
        for line in price.lines
    ]


def _totals(price: Price) -> list[tuple[str, str]]:
    """Net, and the tax in it for each rate."""
    rows = [(_("Net"), shown_amount(price.total_excl_tax, price.currency))]
    for rate in price.taxes:
        if rate.vat is not None:
            net = shown_amount(rate.net, price.currency)
            name = _("Tax %(rate)s on %(net)s") % {"rate": rate_in_words(rate.vat), "net": net}
            rows.append((name, shown_amount(rate.tax, price.currency)))
    return rows


def _remarks(record: ChargeDetailRecord, zone: ZoneInfo) -> list[str]:
    remarks = [
        _("Times are local time (%(zone)s).") % {"zone": zone.key},
        _("Lines are before tax, rounded half-up to four decimals; totals to the currency's smallest unit."),
    ]
    if record.transaction.state == record.transaction.State.INFERRED:
        remarks.append(_("The station sent no end of this session; its last meter reading was taken."))
    return remarks


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
