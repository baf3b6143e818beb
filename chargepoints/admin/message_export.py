"""The message log as a file: CSV for spreadsheets, JSON lines for programs. Streamed, in the memory of one page."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson
from django.http import HttpRequest, StreamingHttpResponse

from chargepoints.message_pairs import MessageQuery, Pair, find_messages
from tenants.api.csv_export import Cell, csv_chunks, streamed, tenant_pages

ROWS_PER_PAGE = 500
HEADER: Final = [
    *("timestamp", "chargePointId", "direction", "kind", "messageId", "action", "errorCode", "milliseconds"),
    *("note", "frame", "reply", "replyTimestamp"),
]


def csv_of_messages(
    request: HttpRequest, *, tenant_id: int, query: MessageQuery, filename: str
) -> StreamingHttpResponse:
    """RFC 4180, a pair a row; frames as they went over the wire, secrets masked."""
    pages = ((_cells(pair) for pair in page) for page in _pages(tenant_id, query))
    content_type = "text/csv; charset=utf-8; header=present"
    return _file(request, lambda: csv_chunks(HEADER, pages), f"{filename}.csv", content_type)


def json_lines_of_messages(
    request: HttpRequest, *, tenant_id: int, query: MessageQuery, filename: str
) -> StreamingHttpResponse:
    """A JSON object a line (the columns of the CSV by name; frames as JSON where they are any), newest first."""

    def content() -> Iterator[bytes]:
        for page in _pages(tenant_id, query):
            yield b"".join(_line(pair) for pair in page)

    return _file(request, content, f"{filename}.jsonl", "application/x-ndjson")


def _file(
    request: HttpRequest, content: Callable[[], Iterator[bytes]], filename: str, content_type: str
) -> StreamingHttpResponse:
    chunks = iter(()) if request.method == "HEAD" else content()
    return streamed(request, chunks, filename=filename, content_type=content_type)


def _pages(tenant_id: int, query: MessageQuery) -> Iterator[list[Pair]]:
    """All of them: pages by the cursor of the log itself, for a page of failures may hold fewer pairs than it has rows."""
    cursor: list[str | None] = [""]

    def read_after(_last: Pair | None) -> list[Pair]:
        pairs: list[Pair] = []
        while not pairs and cursor[0] is not None:
            pairs, cursor[0] = find_messages(query, cursor=cursor[0], limit=ROWS_PER_PAGE)
        return pairs

    return tenant_pages(tenant_id, read_after)


def _line(pair: Pair) -> bytes:
    values = dict(zip(HEADER, _cells(pair), strict=True))
    frames = {name: _as_json(values[name]) for name in ("frame", "reply")}
    return orjson.dumps({**values, **frames}) + b"\n"


def _as_json(frame: Any) -> Any:
    """To the letter where it is JSON on one line; text where it is none."""
    try:
        value = None if frame is None else orjson.loads(frame)
    except orjson.JSONDecodeError:
        return frame
    return value if frame is None or "\n" in frame or "\r" in frame else orjson.Fragment(frame)


def _cells(pair: Pair) -> list[Cell]:
    call, answer = pair.call, pair.answer
    return [
        *(call.at, call.charge_point.identity, call.direction, str(call.get_kind_display()), call.message_id),
        *(call.action, pair.error_code, pair.milliseconds, call.note, call.payload),
        *((answer.payload, answer.at) if answer else (None, None)),
    ]
