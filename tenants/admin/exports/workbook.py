"""An export as XLSX: made in a temporary file row by row, then sent. It can't be sent while it is made (it is a ZIP)."""

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any, BinaryIO

from django.utils import timezone
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from tenants.admin.exports.cells import cell_of
from tenants.admin.exports.reading import Plan, batches

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Of a sheet, the heading not counted (Excel's own limit).
ROWS_OF_A_SHEET = 1_048_575
LONGEST_TEXT = 32_767
FIRST_YEAR = 1900
PIECE = 256 * 1024
TIME_FORMAT = "yyyy-mm-dd hh:mm:ss"
# Of a column, in characters: a time, a long heading.
NARROWEST, WIDEST = 19, 40
MIDNIGHT: dict[str, Any] = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}
Write = Callable[[int, int, Any], Any]


@dataclass(frozen=True, slots=True)
class Formats:
    """Of a workbook's cells."""

    heading: Format
    time: Format


def workbook_file(plan: Plan) -> BinaryIO:
    """The finished file, open and already without a name: it goes when it is closed. Raises TakesTooLong."""
    with tempfile.TemporaryDirectory(prefix="csms-export-") as folder:
        path = Path(folder) / "export.xlsx"
        book = Workbook(str(path), {"constant_memory": True, "tmpdir": folder})
        # Of today, not of now: the same list gives the same file.
        book.set_properties({"created": timezone.localtime(timezone=plan.zone).replace(tzinfo=None, **MIDNIGHT)})
        _write_sheets(book, plan)
        book.close()
        return path.open("rb")


def file_pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _write_sheets(book: Workbook, plan: Plan) -> None:
    formats = Formats(book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": TIME_FORMAT}))
    sheet, at = _new_sheet(book, plan, formats), 0
    write = _writer(sheet, plan, formats)
    for batch in batches(plan):
        for row in batch:
            if at == ROWS_OF_A_SHEET:
                sheet.autofilter(0, 0, at, len(plan.titles) - 1)
                sheet, at = _new_sheet(book, plan, formats), 0
                write = _writer(sheet, plan, formats)
            at += 1
            for place, value in enumerate(row):
                write(at, place, value)
    sheet.autofilter(0, 0, at, len(plan.titles) - 1)


def _new_sheet(book: Workbook, plan: Plan, formats: Formats) -> Worksheet:
    sheet = book.add_worksheet()
    for place, title in enumerate(plan.titles):
        sheet.set_column(place, place, max(NARROWEST, min(WIDEST, len(title) + 3)))
        sheet.write_string(0, place, title, formats.heading)
    sheet.freeze_panes(1, 0)
    return sheet


def _writer(sheet: Worksheet, plan: Plan, formats: Formats) -> Write:
    """Writes a value by its kind. Never `sheet.write`: that takes a text that begins with "=" for a formula."""

    def write_text(row: int, place: int, value: str) -> None:
        # Excel takes no more of a cell: that something is missing must show.
        sheet.write_string(row, place, value if len(value) <= LONGEST_TEXT else f"{value[: LONGEST_TEXT - 1]}…")

    def write_number(row: int, place: int, value: Any) -> None:
        if math.isfinite(value):
            sheet.write_number(row, place, value)
        else:
            write_text(row, place, str(value))

    def write_time(row: int, place: int, value: datetime) -> None:
        # A sheet knows no zones: its heading names the one of all its times.
        local = value.astimezone(plan.zone).replace(tzinfo=None)
        if local.year < FIRST_YEAR:
            write_text(row, place, local.isoformat(" "))
        else:
            sheet.write_datetime(row, place, local, formats.time)

    writers: dict[type, Write] = {
        NoneType: lambda *_: None,
        bool: sheet.write_boolean,
        int: write_number,
        float: write_number,
        Decimal: write_number,
        datetime: write_time,
        str: write_text,
    }

    def write(row: int, place: int, value: Any) -> None:
        cell = cell_of(value)
        writers[type(cell)](row, place, cell)

    return write
