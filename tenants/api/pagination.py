"""Lists in pages: by number for inventory, by cursor for what grows for ever."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination, LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000


def read_limit(request: Request) -> int:
    """`limit`, 1 to 1000."""
    raw = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (raw.isascii() and raw.isdigit() and 1 <= int(raw[:9]) <= MAX_LIMIT):
        raise ValidationError({"limit": f"A whole number from 1 to {MAX_LIMIT}."})
    return int(raw)


def paged(items: Any, **meta: Any) -> Response:
    """A page; the view turns it into the envelope."""
    response = Response(items)
    response.meta = meta  # type: ignore[attr-defined]
    return response


class EnvelopePagination(LimitOffsetPagination):
    """`limit` and `offset`; `meta: {count, next, previous, limit}`."""

    parameters = ("limit", "offset")

    def get_limit(self, request: Request) -> int:
        return read_limit(request)

    def get_offset(self, request: Request) -> int:
        raw = request.query_params.get("offset", "0")
        if not (raw.isascii() and raw.isdigit() and len(raw) < 10):
            raise ValidationError({"offset": "A whole number, 0 or more."})
        return int(raw)

    def get_paginated_response(self, data: Any) -> Response:
        return paged(
            data, count=self.count, next=self.get_next_link(), previous=self.get_previous_link(), limit=self.limit
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": schema.get("items", schema), "x-paged": "count"}


class TimePagination(CursorPagination):
    """`limit` and `cursor`, newest first; `meta: {next, previous, limit}`."""

    parameters = ("limit", "cursor")
    ordering: Any = ("-at", "-id")

    def get_page_size(self, request: Request) -> int:
        return read_limit(request)

    def decode_cursor(self, request: Request) -> Any:
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and "\0" in str(cursor.position):
            raise ValidationError({"cursor": "Not a cursor of this list."})
        return cursor

    def get_paginated_response(self, data: Any) -> Response:
        return paged(data, next=self.get_next_link(), previous=self.get_previous_link(), limit=self.page_size)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": schema.get("items", schema), "x-paged": "cursor"}
