"""The rows of an export, in batches by key.

No transaction and no connection is held between two batches, and no cursor of the server (a pooler would lose it): whoever
reads slowly holds up nobody, and memory doesn't grow with the number of rows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import close_old_connections
from django.db.models import QuerySet

from tenants.admin.exports.columns import Column, Shown

BATCH = 2000
Batch = list[tuple[Any, ...]]


class TakesTooLong(Exception):
    """The export was given up: it had run for all its time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An export that has been allowed: `rows` are those of the list as it is filtered, `expected` their number.

    `scope` opens the transaction that a batch is read in; times are written in `zone`; after `seconds` it is given up.
    """

    rows: QuerySet[Any]
    columns: tuple[Column, ...]
    titles: tuple[str, ...]
    scope: Callable[[], AbstractContextManager[None]]
    zone: ZoneInfo
    name: str
    expected: int
    seconds: int


def batches(plan: Plan) -> Iterator[Batch]:
    """Oldest key first. Raises TakesTooLong."""
    rows, shown = _asked(plan), _conversions(plan.columns)
    until = time.monotonic() + plan.seconds
    last: Any = None
    while True:
        if time.monotonic() > until:
            raise TakesTooLong
        with plan.scope():
            found = list((rows if last is None else rows.filter(pk__gt=last))[:BATCH])
        close_old_connections()
        if not found:
            return
        last = found[-1][0]
        yield [_converted(row, shown) for row in found] if shown else [row[1:] for row in found]


def _asked(plan: Plan) -> QuerySet[Any]:
    """The key, then the columns: no instances are made, and nothing else is fetched."""
    bare = plan.rows.select_related(None).prefetch_related(None).order_by("pk")
    return bare.values_list("pk", *(column.source for column in plan.columns))


def _conversions(columns: tuple[Column, ...]) -> list[tuple[int, Shown]]:
    return [(place, column.shown) for place, column in enumerate(columns) if column.shown is not None]


def _converted(row: tuple[Any, ...], shown: list[tuple[int, Shown]]) -> tuple[Any, ...]:
    cells = list(row[1:])
    for place, convert in shown:
        if cells[place] is not None:
            cells[place] = convert(cells[place])
    return tuple(cells)
