"""Middleware that belongs to no app: the request id."""

import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse


def request_id(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Take the caller's `X-Request-Id` (if plausible) or make one; answer with it and log under it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        chosen = given if 8 <= len(given) <= 64 and given.isascii() and given.isprintable() else uuid.uuid4().hex
        request.request_id = chosen  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=chosen):
            response = get_response(request)
        response["X-Request-Id"] = chosen
        return response

    return middleware
