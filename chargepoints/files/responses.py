"""Files as HTTP answers: always a download, in bounded memory, in parts where a client asks for them (RFC 9110 §14)."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from chargepoints.files.storage import read_chunks

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class Unsatisfiable(Exception):
    """The range asked for lies beyond the file."""


def file_response(request: HttpRequest, path: Path, *, filename: str, etag: str) -> HttpResponseBase:
    """The file, or the part of it that `Range` asks for. OSError where it is gone. `etag`: its digest."""
    size = path.stat().st_size
    try:
        part = _wanted_part(request, size, f'"{etag}"')
    except Unsatisfiable:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{size}"
        return refused
    start, length = part if part is not None else (0, size)
    chunks = read_chunks(path, start, length)
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(status=206 if part else 200)
    else:
        # Django would gather an iterator of the other kind whole before the first byte leaves.
        streamed = _off_the_loop(chunks) if isinstance(request, ASGIRequest) else chunks
        response = StreamingHttpResponse(streamed, status=206 if part else 200)
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(length),
        "Content-Disposition": content_disposition_header(True, filename) or "attachment",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
        "ETag": f'"{etag}"',
        # A proxy that gathers the answer would undo the streaming (nginx).
        "X-Accel-Buffering": "no",
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    for name, value in headers.items():
        response[name] = value
    return response


def _wanted_part(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """(start, length), or None for all of it: no range, several of them, or one of another version of the file."""
    asked = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if asked is None or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = asked.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise Unsatisfiable
        return size - length, length
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, (min(int(last), size - 1) if last else size - 1) - start + 1


async def _off_the_loop(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece read in a thread."""
    take = sync_to_async(lambda: next(chunks, b""), thread_sensitive=False)
    try:
        while chunk := await take():
            yield chunk
    finally:
        chunks.close()  # type: ignore[attr-defined]
