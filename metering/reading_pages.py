"""Pages of readings in the total order (time, series, context), by one index scan per series. Callers hold the scope.

The key of the samples begins with the series, so "the station's next hundred readings" is a walk along the series'
ends of the index: it costs (series x limit) index rows, however many readings there are. Ordering the station's
samples as a whole would read all of them for every page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections

from chargepoints.models import Transaction
from metering.models import Sample, Series

# A session's readings are looked for this far around it: stations set their clocks while they charge.
AROUND_A_SESSION = timedelta(days=1)

PAGE = """
SELECT found.series_id, found.at, found.context, found.value, found.transaction_id, found.raw_value, found.raw_unit
FROM unnest(%(series)s::bigint[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT s.series_id, s.at, s.context, s.value, s.transaction_id, s.raw_value, s.raw_unit
    FROM metering_sample s
    WHERE s.series_id = wanted.id {conditions}
    ORDER BY s.at {direction}, s.context
    LIMIT %(limit)s
) AS found
ORDER BY found.at {direction}, found.series_id, found.context
LIMIT %(limit)s
"""
START, END = "s.at >= %(start)s", "s.at < %(end)s"
OF_SESSION = "s.transaction_id = %(transaction_id)s"
# The first bound is the one that the index can use.
NEWER = "s.at >= %(at)s AND (s.at > %(at)s OR (s.series_id, s.context) > (%(after_series)s, %(after_context)s))"
OLDER = "s.at <= %(at)s AND (s.at < %(at)s OR (s.series_id, s.context) > (%(after_series)s, %(after_context)s))"


class Place(NamedTuple):
    """A reading in the total order."""

    at: datetime
    series_id: int
    context: int


@dataclass(frozen=True, slots=True)
class ReadingQuery:
    """What to read. `series` by id (empty: nothing); `start` inclusive, `end` exclusive, None: no bound."""

    series: Mapping[int, Series]
    transaction_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None


def series_of(charge_point_id: int, **exact: Any) -> dict[int, Series]:
    """The station's series by id; `exact`: evse_number, measurand, phase (None: any)."""
    wanted = {name: value for name, value in exact.items() if value is not None}
    return {row.pk: row for row in Series.objects.filter(charge_point_id=charge_point_id, **wanted)}


def session_span(session: Transaction) -> tuple[datetime, datetime | None]:
    """(start, end) within which the session's readings lie; an end of None: it still runs."""
    begun = _shifted(min(session.started_at, session.start_received_at), -AROUND_A_SESSION)
    if session.state == Transaction.State.ACTIVE or session.stopped_at is None:
        return begun, None
    last = [session.started_at, session.stopped_at, session.last_reading_at, session.stop_received_at]
    return begun, _shifted(max(at for at in last if at is not None), AROUND_A_SESSION)


def read_page(query: ReadingQuery, *, after: Place | None, limit: int, newest_first: bool) -> list[Sample]:
    """At most `limit` readings beyond `after`, with their series."""
    if not query.series:
        return []
    given = {
        "series": sorted(query.series),
        "transaction_id": query.transaction_id,
        "start": query.start,
        "end": query.end,
        "limit": limit,
    }
    conditions = [
        condition
        for name, condition in (("start", START), ("end", END), ("transaction_id", OF_SESSION))
        if given[name] is not None
    ]
    if after is not None:
        conditions.append(OLDER if newest_first else NEWER)
        given |= {"at": after.at, "after_series": after.series_id, "after_context": after.context}
    statement = PAGE.format(
        conditions="".join(f" AND {condition}" for condition in conditions),
        direction="DESC" if newest_first else "ASC",
    )
    with connections[Sample.objects.db].cursor() as cursor:
        cursor.execute(statement, given)
        return [_sample(query, row) for row in cursor.fetchall()]


def place_of(sample: Sample) -> Place:
    """Where the reading stands in the total order."""
    return Place(sample.at, sample.series_id, sample.context)


def _shifted(at: datetime, by: timedelta) -> datetime:
    """As far as time goes: a station may say that a session began in the year 1."""
    try:
        return at + by
    except OverflowError:
        return at


def _sample(query: ReadingQuery, row: tuple[Any, ...]) -> Sample:
    series_id, at, context, value, transaction_id, raw_value, raw_unit = row
    return Sample(
        series=query.series[series_id],
        at=at,
        context=context,
        value=value,
        transaction_id=transaction_id,
        raw_value=raw_value,
        raw_unit=raw_unit,
    )
