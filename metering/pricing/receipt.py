"""A charge detail record as a receipt: PDF, A4. The same record gives the same bytes."""

import io
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Any
from xml.sax.saxutils import escape

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
from metering.pricing.receipt_content import Receipt, ReceiptLine, receipt_of

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
    receipt = receipt_of(record)
    parts: list[Flowable] = [
        Paragraph(escape(receipt.operator), OPERATOR),
        Spacer(0, 10 * mm),
        Paragraph(escape(receipt.title), TITLE),
        *(Paragraph(escape(text), PLAIN) for text in receipt.corrections),
        Spacer(0, 6 * mm),
        _facts(receipt.facts),
        Spacer(0, 8 * mm),
        _lines(receipt.lines),
        Spacer(0, 4 * mm),
        _totals(receipt),
        Spacer(0, 10 * mm),
        *(Paragraph(escape(text), SMALL) for text in receipt.remarks),
    ]
    written = io.BytesIO()
    document = SimpleDocTemplate(
        written,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=receipt.title,
        author=receipt.operator,
        invariant=1,
    )
    document.build(parts)
    return written.getvalue()


def _facts(facts: Sequence[tuple[str, str]]) -> Table:
    cells: list[list[Flowable]] = [
        [Paragraph(escape(name), SMALL), Paragraph(escape(text), PLAIN)] for name, text in facts
    ]
    return _table(cells, [38 * mm, WIDTH - 38 * mm])


def _lines(lines: Sequence[ReceiptLine]) -> Table:
    head: list[Flowable] = [
        Paragraph(_("What for"), HEAD),
        *(Paragraph(name, HEAD_RIGHT) for name in (_("Quantity"), _("Price"), _("Tax"), _("Amount"))),
    ]
    rows = [head]
    for line in lines:
        texts = (line.quantity, line.price, line.tax, line.amount)
        rows.append([Paragraph(escape(line.text), PLAIN), *(Paragraph(escape(text), RIGHT) for text in texts)])
    if not lines:
        rows.append([Paragraph(_("No charge."), PLAIN), *[Paragraph("", RIGHT)] * 4])
    rest = WIDTH - (26 + 32 + 14 + 30) * mm
    return _table(rows, [rest, 26 * mm, 32 * mm, 14 * mm, 30 * mm], rules=True)


def _totals(receipt: Receipt) -> Table:
    """What is due, and the tax in it for each rate."""

    def row(name: str, amount: str, styles: Sequence[ParagraphStyle] = (PLAIN, RIGHT)) -> list[Flowable]:
        return [Paragraph("", PLAIN), Paragraph(escape(name), styles[0]), Paragraph(escape(amount), styles[1])]

    rows = [row(name, amount) for name, amount in receipt.totals]
    rows.append(row(*receipt.total, (BOLD, BOLD_RIGHT)))
    return _table(rows, [WIDTH - 95 * mm, 58 * mm, 37 * mm], last_rule=True)


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


@cache
def _register_fonts() -> None:
    """Latin, Greek and Cyrillic; the fonts that every PDF reader has know Latin only."""
    for name, file in (("Roboto", "Roboto-Regular.ttf"), ("Roboto-Bold", "Roboto-Bold.ttf")):
        with as_file(files("font_roboto") / "files" / file) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))
