"""A charge detail record as a receipt: PDF, A4. The same record gives the same bytes."""

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from metering.models import ChargeDetailRecord
from metering.pricing.assignment import Frozen, read_snapshot, session_zone
from metering.pricing.cost import price_of
from metering.pricing.lines import Price
from metering.pricing.money import half_up, shown_amount
from metering.pricing.tariff import TariffFaults
from metering.pricing.words import (
    line_in_words,
    quantity_in_words,
    rate_in_words,
    shown_time,
    unit_price_in_words,
)

MARGIN = 20 * mm
WIDTH = A4[0] - 2 * MARGIN
INK, FAINT = colors.HexColor("#1b1e25"), colors.HexColor("#5b616e")
RULE = colors.HexColor("#c9ccd3")
PLAIN = ParagraphStyle("plain", fontName="Roboto", fontSize=9, leading=12.5, textColor=INK)
SMALL = ParagraphStyle("small", parent=PLAIN, fontSize=8, leading=11, textColor=FAINT)
RIGHT = ParagraphStyle("right", parent=PLAIN, alignment=TA_RIGHT)
BOLD = ParagraphStyle("bold", parent=PLAIN, fontName="Roboto-Bold")
BOLD_RIGHT = ParagraphStyle("bold-right", parent=BOLD, alignment=TA_RIGHT)
HEAD = ParagraphStyle("head", parent=SMALL, fontName="Roboto-Bold")
HEAD_RIGHT = ParagraphStyle("head-right", parent=HEAD, alignment=TA_RIGHT)
OPERATOR = ParagraphStyle("operator", parent=BOLD, fontSize=12, leading=16)
TITLE = ParagraphStyle("title", parent=BOLD, fontSize=20, leading=26)


def receipt_pdf(record: ChargeDetailRecord) -> bytes:
    """The receipt. Callers hold the scope."""
    _register_fonts()
    zone, frozen = _frozen(record)
    price = price_of(record)
    parts: list[Flowable] = [
        Paragraph(escape(record.tenant.name), OPERATOR),
        Spacer(0, 10 * mm),
        Paragraph(escape(_("Receipt %(number)s") % {"number": record.number}), TITLE),
        *_corrections(record),
        Spacer(0, 6 * mm),
        _facts(record, zone, frozen),
        Spacer(0, 8 * mm),
        _lines(price, frozen),
        Spacer(0, 4 * mm),
        _totals(price),
        Spacer(0, 10 * mm),
        *_remarks(record, zone),
    ]
    written = io.BytesIO()
    document = SimpleDocTemplate(
        written,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=_("Receipt %(number)s") % {"number": record.number},
        author=record.tenant.name,
        invariant=1,
    )
    document.build(parts)
    return written.getvalue()


def _frozen(record: ChargeDetailRecord) -> tuple[ZoneInfo, Frozen | None]:
    if record.tariff:
        try:
            frozen = read_snapshot(record.tariff)
            return frozen.zone, frozen
        except TariffFaults:
            # Written by other hands; the lines stand nevertheless.
            pass
    return session_zone(record.transaction), None


def _corrections(record: ChargeDetailRecord) -> list[Flowable]:
    """What it corrects, and whether it holds still."""
    said = []
    if record.corrects is not None:
        said.append(_("Corrects %(number)s: %(reason)s") % {"number": record.corrects.number, "reason": record.reason})
    later = record.corrections.order_by("revision").first()
    if later is not None:
        said.append(_("Replaced by %(number)s.") % {"number": later.number})
    return [Paragraph(escape(text), PLAIN) for text in said]


def _facts(record: ChargeDetailRecord, zone: ZoneInfo, frozen: Frozen | None) -> Table:
    seconds = record.charging_seconds + record.parking_seconds
    rows = [
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
    cells: list[list[Flowable]] = [
        [Paragraph(escape(name), SMALL), Paragraph(escape(text), PLAIN)] for name, text in rows if text
    ]
    return _table(cells, [38 * mm, WIDTH - 38 * mm])


def _place(record: ChargeDetailRecord) -> str:
    site = record.transaction.charge_point.site
    return ", ".join(text for text in (site.name, site.address) if text) if site else ""


def _lines(price: Price, frozen: Frozen | None) -> Table:
    head: list[Flowable] = [
        Paragraph(_("What for"), HEAD),
        *(Paragraph(name, HEAD_RIGHT) for name in (_("Quantity"), _("Price"), _("Tax"), _("Amount"))),
    ]
    rows = [head]
    for line in price.lines:
        texts = (
            quantity_in_words(line),
            unit_price_in_words(line, price.currency) if line.unit else "",
            rate_in_words(line.vat),
            shown_amount(line.amount, price.currency, places=4),
        )
        what = Paragraph(escape(line_in_words(line, frozen.terms if frozen else None)), PLAIN)
        rows.append([what, *(Paragraph(escape(text), RIGHT) for text in texts)])
    if not price.lines:
        rows.append([Paragraph(_("No charge."), PLAIN), *[Paragraph("", RIGHT)] * 4])
    rest = WIDTH - (26 + 32 + 14 + 30) * mm
    return _table(rows, [rest, 26 * mm, 32 * mm, 14 * mm, 30 * mm], rules=True)


def _totals(price: Price) -> Table:
    """What is due, and the tax in it for each rate."""

    def row(name: str, amount: object, styles: Sequence[ParagraphStyle] = (PLAIN, RIGHT)) -> list[Flowable]:
        return [Paragraph("", PLAIN), Paragraph(escape(name), styles[0]), Paragraph(escape(str(amount)), styles[1])]

    rows = [row(_("Net"), shown_amount(price.total_excl_tax, price.currency))]
    for rate in price.taxes:
        if rate.vat is not None:
            name = _("Tax %(rate)s on %(net)s") % {
                "rate": rate_in_words(rate.vat),
                "net": shown_amount(rate.net, price.currency),
            }
            rows.append(row(name, shown_amount(rate.tax, price.currency)))
    rows.append(row(_("Total"), shown_amount(price.total_incl_tax, price.currency), (BOLD, BOLD_RIGHT)))
    return _table(rows, [WIDTH - 95 * mm, 58 * mm, 37 * mm], last_rule=True)


def _remarks(record: ChargeDetailRecord, zone: ZoneInfo) -> Iterable[Flowable]:
    remarks = [
        _("Times are local time (%(zone)s).") % {"zone": zone.key},
        _("Lines are before tax, rounded half-up to four decimals; totals to the currency's smallest unit."),
    ]
    if record.transaction.state == record.transaction.State.INFERRED:
        remarks.append(_("The station sent no end of this session; its last meter reading was taken."))
    return [Paragraph(escape(text), SMALL) for text in remarks]


def _table(rows: list[list[Flowable]], widths: list[float], *, rules: bool = False, last_rule: bool = False) -> Table:
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 3 if rules or last_rule else 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3 if rules or last_rule else 1),
    ]
    if rules:
        style += [("LINEBELOW", (0, 0), (-1, 0), 0.8, INK), ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE)]
    if last_rule:
        style.append(("LINEABOVE", (1, -1), (-1, -1), 0.8, INK))
    return Table(rows, colWidths=widths, style=style, repeatRows=1 if rules else 0, hAlign="LEFT")


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


@cache
def _register_fonts() -> None:
    """Latin, Greek and Cyrillic; the fonts that every PDF reader has know Latin only."""
    for name, file in (("Roboto", "Roboto-Regular.ttf"), ("Roboto-Bold", "Roboto-Bold.ttf")):
        with as_file(files("font_roboto") / "files" / file) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))
