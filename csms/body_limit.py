"""How much a request may send, counted while it arrives: Django would write a body of any length to the disk first.

Knows paths, not people: files have a limit of their own, everything else the general one.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What stations send, and where operators add firmware.
FILE_PATHS = ("/station-files/", "/api/v1/firmware", "/admin/chargepoints/firmwarefile/")
# Beside a file a form has boundaries, names and a signature.
FORM_OVERHEAD = 64 * 1024
ANSWER = b"The body is too large."


def limit_of(path: str) -> int:
    """The bytes that a request to this path may have."""
    if path.startswith(FILE_PATHS):
        return max(settings.MAX_BODY_BYTES, settings.UPLOAD_MAX_BYTES + FORM_OVERHEAD)
    return int(settings.MAX_BODY_BYTES)


def limit_body(application: Application) -> Application:
    """An ASGI application that answers 413 for longer bodies; the one inside never sees their end."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        limit = limit_of(scope["path"])
        if _announced(scope) > limit:
            await _refuse(send)
            return
        counted = Counted(receive, send, limit)
        await application(scope, counted.receive, counted.send)
        if counted.too_large and not counted.answered:
            await _refuse(send)

    return limited


class Counted:
    """One request: its body is counted; past the limit the application is told that the client has gone."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._left = receive, send, limit
        self.too_large = self.answered = False

    async def receive(self) -> dict[str, Any]:
        if self.too_large:
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.too_large = True
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: dict[str, Any]) -> None:
        self.answered = True
        await self._send(message)


def _announced(scope: Scope) -> int:
    """Content-Length; 0 where there is none, or none that is a number (the server has its own word on that)."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 18 else 0
    return 0


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(ANSWER)).encode()),
        # What is still on its way is not read.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
