"""How answers look: the envelope, or RFC 9457 problem details for failures where the client asks for them."""

from http import HTTPStatus
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer


class EnvelopeRenderer(JSONRenderer):
    """`application/json`. Views and the exception handler make the envelope; this writes it."""

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        return super().render(data, accepted_media_type, renderer_context)


class ProblemRenderer(EnvelopeRenderer):
    """`application/problem+json`."""

    media_type = "application/problem+json"
    format = "problem"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        response = (renderer_context or {}).get("response")
        if response is None or response.status_code < 400 or not isinstance(data, dict):
            return super().render(data, accepted_media_type, renderer_context)
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(response.status_code).phrase,
            "status": response.status_code,
            "detail": data.get("message", ""),
            "errors": data.get("errors", []),
        }
        return orjson.dumps(problem)
