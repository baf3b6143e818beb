"""From what the database gives to what a cell holds."""

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tenants.api.csv_export import as_text
from tenants.api.serializers import plain_decimal

Cell = str | int | float | Decimal | bool | datetime | None
PLAIN = frozenset({str, int, float, Decimal, bool, datetime, NoneType})


def cell_of(value: Any) -> Cell:
    """Lists of words with commas, durations in seconds, what is nested as JSON."""
    if type(value) in PLAIN:
        return value  # type: ignore[no-any-return]
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds == int(seconds) else seconds
    if isinstance(value, UUID | date | time):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def csv_texts(zone: ZoneInfo) -> Callable[[Any], str]:
    """How a CSV file has a cell: times as ISO 8601 in `zone`, decimals exact, no text that a spreadsheet works out."""
    writers: dict[type, Callable[[Any], str]] = {
        NoneType: lambda _: "",
        bool: lambda value: "true" if value else "false",
        int: str,
        float: repr,
        Decimal: plain_decimal,
        datetime: lambda value: value.astimezone(zone).isoformat(),
        str: as_text,
    }

    def text_of(value: Any) -> str:
        writer = writers.get(type(value))
        return as_text(str(cell_of(value))) if writer is None else writer(value)

    return text_of
