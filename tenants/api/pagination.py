"""Lists in pages: by number for inventory, by cursor for what grows for ever."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import Q
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination, LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from tenants.api.cursors import bad_cursor, split_cursor, write_cursor

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
BACKWARDS = "-"
# A number or a UUID.
_KEY = re.compile(r"[0-9]{1,18}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


@dataclass(frozen=True, slots=True)
class Position:
    """A row to go on from; `backwards`: towards the newer ones."""

    at: datetime
    key: Any
    backwards: bool


class TimePagination(BasePagination):
    """`limit` and `cursor`, newest first; `meta: {next, previous, limit}`, links of which the cursor is part.

    `ordering` is a time that is never null and the key, both falling: a total order, so that however many rows
    share a time none is skipped or shown twice. (DRF's CursorPagination counts such rows, up to a thousand.)
    """

    parameters = ("limit", "cursor")
    ordering: tuple[str, str] = ("-at", "-id")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.limit, self.url = read_limit(request), request.build_absolute_uri()
        start = self._position(request, queryset)
        backwards = start is not None and start.backwards
        names = [name.removeprefix("-") for name in self.ordering]
        rows = queryset.order_by(*(names if backwards else self.ordering))
        if start is not None:
            rows = rows.filter(_beyond(start, *names))
        found = list(rows[: self.limit + 1])
        more, page = len(found) > self.limit, found[: self.limit]
        if backwards:
            page.reverse()
        # Whoever comes from a page can go back to it.
        self.older = page[-1] if page and (more or backwards) else None
        self.newer = page[0] if page and (more if backwards else start is not None) else None
        return page

    def get_paginated_response(self, data: Any) -> Response:
        return paged(
            data, next=self._link(self.older, ""), previous=self._link(self.newer, BACKWARDS), limit=self.limit
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": schema.get("items", schema), "x-paged": "cursor"}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
        return [
            {"name": "limit", "in": "query", "schema": limit},
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "From `meta.next`."},
        ]

    def _position(self, request: Request, queryset: Any) -> Position | None:
        raw = request.query_params.get("cursor")
        if raw is None:
            return None
        try:
            at, keys = split_cursor(raw.removeprefix(BACKWARDS))
            (key,) = keys
            if not _KEY.fullmatch(key):
                raise ValueError("not a key")
            return Position(at, queryset.model._meta.pk.to_python(key), raw.startswith(BACKWARDS))
        except (ValueError, ModelValidationError):
            raise bad_cursor() from None

    def _link(self, row: Any, direction: str) -> str | None:
        if row is None:
            return None
        at = getattr(row, self.ordering[0].removeprefix("-"))
        return replace_query_param(self.url, "cursor", direction + write_cursor(at, row.pk))


def _beyond(start: Position, time: str, key: str) -> Q:
    """Rows after `start`. The outer bound is what an index on the time can use."""
    side = "gt" if start.backwards else "lt"
    return Q(**{f"{time}__{side}e": start.at}) & (
        Q(**{f"{time}__{side}": start.at}) | Q(**{f"{key}__{side}": start.key})
    )
