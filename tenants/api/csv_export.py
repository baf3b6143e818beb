"""Lists as CSV (RFC 4180, UTF-8) of any length in little memory: read page by page, written while the client reads.

No transaction and no connection is held between two pages: a client that reads slowly holds up nobody. Rows that
are written meanwhile are in the pages to come; a failure on the way cuts the answer off, so that no client takes
half a file for a whole one.
"""

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from tenants.api.renderers import EnvelopeRenderer
from tenants.api.serializers import plain_decimal
from tenants.context import report_transaction

Row = TypeVar("Row")
Cell = str | int | Decimal | datetime | bool | None
ROWS_PER_PAGE = 2000
MEDIA_TYPE = "text/csv"
# What a spreadsheet takes for a formula (OWASP "CSV injection", the wide forms with it); a plain number is none.
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class CsvRenderer(EnvelopeRenderer):
    """Lets a client ask for `text/csv`. The file itself is streamed; what is rendered here are failures, as JSON."""

    media_type = MEDIA_TYPE
    format = "csv"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        (renderer_context or {})["response"]["Content-Type"] = EnvelopeRenderer.media_type
        return super().render(data, accepted_media_type, renderer_context)


def csv_response(
    request: Request, *, filename: str, header: Sequence[str], pages: Iterable[Iterable[Sequence[Cell]]]
) -> StreamingHttpResponse:
    """A download of `pages` of rows, made as they are sent. Check the parameters before: afterwards it is too late."""
    chunks = csv_chunks(header, () if request.method == "HEAD" else pages)
    content_type = f"{MEDIA_TYPE}; charset=utf-8; header=present"
    return streamed(request._request, chunks, filename=filename, content_type=content_type)


def streamed(
    request: HttpRequest, chunks: Iterator[bytes], *, filename: str, content_type: str
) -> StreamingHttpResponse:
    """A download that is made while it is sent. The scope of the request is over by then: `chunks` opens its own."""
    # Either server would gather an iterator of the other kind whole before it sends the first byte.
    content = _off_the_loop(chunks) if isinstance(request, ASGIRequest) else chunks
    response = StreamingHttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, filename) or "attachment"
    # A proxy that gathers the answer would undo the streaming (nginx).
    response["X-Accel-Buffering"] = "no"
    response["Cache-Control"] = "no-store"
    return response


def tenant_pages(tenant_id: int, read_after: Callable[[Row | None], list[Row]]) -> Iterator[list[Row]]:
    """Pages until one is empty. `read_after(last row)` runs in a short transaction of its own (None: from the start)."""
    last: Row | None = None
    while True:
        with report_transaction(tenant_id):
            page = read_after(last)
        # The connection goes back to the pool while the client reads.
        close_old_connections()
        if not page:
            return
        last = page[-1]
        yield page


def csv_chunks(header: Sequence[str], pages: Iterable[Iterable[Sequence[Cell]]]) -> Iterator[bytes]:
    """The header row, then the rows of one page at a time."""
    yield _lines([header])
    for page in pages:
        yield _lines([as_text(cell) for cell in row] for row in page)


def as_text(cell: Cell) -> str:
    """Times as RFC 3339 in UTC, decimals exact and without exponent, text that no spreadsheet works out."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case datetime():
            return cell.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
        case Decimal():
            return plain_decimal(cell)
        case int():
            return str(cell)
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue().encode()


async def _off_the_loop(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each chunk in the request's own thread: the queries must not stop the event loop."""
    take = sync_to_async(lambda: next(chunks, b""))
    while chunk := await take():
        yield chunk
