"""An export as CSV (RFC 4180, UTF-8 with a byte order mark: Excel takes it for something else without)."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterator

from tenants.admin.exports.cells import csv_texts
from tenants.admin.exports.reading import Plan, batches

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"


def csv_pieces(plan: Plan) -> Iterator[bytes]:
    """The file, a batch of rows at a time. A failure on the way cuts it off, so that nobody takes a half for the whole."""
    text_of = csv_texts(plan.zone)
    yield BOM_UTF8 + _lines([plan.titles])
    for batch in batches(plan):
        yield _lines([text_of(value) for value in row] for row in batch)


def _lines(rows: "Iterator[list[str]] | list[tuple[str, ...]]") -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue().encode()
