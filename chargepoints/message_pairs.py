"""The message log as people read it: a call beside its answer. Callers hold the scope."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from chargepoints.models import LoggedMessage
from tenants.api.cursors import read_cursor, write_cursor

Kind = LoggedMessage.Kind
# An answer later than this belongs to nobody's call any more.
ANSWER_WITHIN = timedelta(minutes=10)
OTHER_WAY = {"in": "out", "out": "in"}


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """What to look for. Empty text and None: anything. `failed`: only what was answered with an error, or malformed."""

    charge_point_id: int | None = None
    direction: str = ""
    action: str = ""
    message_id: str = ""
    start: datetime | None = None
    end: datetime | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A call (or a malformed frame) and what was answered; `answer` None: nothing, or not yet.

    An error whose call is not in the log stands in the place of the call.
    """

    call: LoggedMessage
    answer: LoggedMessage | None

    @property
    def error_code(self) -> str:
        return (self.answer.error_code if self.answer else "") or self.call.error_code

    @property
    def milliseconds(self) -> int | None:
        return round((self.answer.at - self.call.at).total_seconds() * 1000) if self.answer else None


def find_messages(query: MessageQuery, *, cursor: str = "", limit: int = 100) -> tuple[list[Pair], str | None]:
    """(pairs, newest first; cursor of the next page or None). ValueError for a cursor that isn't one."""
    rows = _failures(query) if query.failed else _calls(query)
    exact = {
        "charge_point_id": query.charge_point_id,
        "action": query.action,
        "message_id": query.message_id,
        "at__gte": query.start,
        "at__lte": query.end,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value not in (None, "")})
    if cursor:
        at, (row_id,) = read_cursor(cursor)
        rows = rows.filter(Q(at__lt=at) | Q(at=at, id__lt=row_id))
    page = list(rows.order_by("-at", "-id")[: limit + 1])
    following = None
    if len(page) > limit:
        page = page[:limit]
        following = write_cursor(page[-1].at, page[-1].id)
    return (_with_calls(page) if query.failed else _with_answers(page)), following


def _calls(query: MessageQuery) -> QuerySet[LoggedMessage]:
    rows = LoggedMessage.objects.filter(kind__in=[Kind.CALL, Kind.MALFORMED]).select_related("charge_point")
    return rows.filter(direction=query.direction) if query.direction else rows


def _failures(query: MessageQuery) -> QuerySet[LoggedMessage]:
    """From the errors back to their calls: a look at each call for its answer would read the log several times."""
    rows = LoggedMessage.objects.filter(kind__in=[Kind.MALFORMED, Kind.ERROR]).select_related("charge_point")
    if not query.direction:
        return rows
    # The direction is that of the call; an error goes the other way.
    return rows.filter(
        Q(kind=Kind.MALFORMED, direction=query.direction) | Q(kind=Kind.ERROR, direction=OTHER_WAY[query.direction])
    )


def _with_answers(calls: list[LoggedMessage]) -> list[Pair]:
    """One query for all answers: those with the same message id on the same connection, going the other way."""
    if not calls:
        return []
    answers = _of_same_exchange(calls).filter(
        kind__in=[Kind.RESULT, Kind.ERROR],
        at__gte=min(call.at for call in calls),
        at__lte=max(call.at for call in calls) + ANSWER_WITHIN,
    )
    known = _by_exchange(answers)
    pairs = []
    for call in calls:
        candidates = known.get((call.connection_id, call.message_id, OTHER_WAY[call.direction]), [])
        pairs.append(Pair(call, next((answer for answer in candidates if answer.at >= call.at), None)))
    return pairs


def _with_calls(failures: list[LoggedMessage]) -> list[Pair]:
    """As `_with_answers`, from the other end. A malformed frame stands for itself, not for the error that it got.

    Errors may be weeks apart: each call is looked for in the minutes before its own error.
    """
    if not failures:
        return []
    malformed = {pair.call.id: pair for pair in _with_answers([row for row in failures if row.kind == Kind.MALFORMED])}
    calls = _of_same_exchange(failures).filter(
        reduce(or_, (Q(charge_point_id=row.charge_point_id, at__range=_before(row)) for row in failures)),
        kind__in=[Kind.CALL, Kind.MALFORMED],
        at__gte=min(row.at for row in failures) - ANSWER_WITHIN,
        at__lte=max(row.at for row in failures),
    )
    known = _by_exchange(calls.select_related("charge_point"))
    pairs = []
    for row in failures:
        if row.kind == Kind.MALFORMED:
            pairs.append(malformed[row.id])
            continue
        candidates = known.get((row.connection_id, row.message_id, OTHER_WAY[row.direction]), [])
        call = next((one for one in reversed(candidates) if one.at <= row.at), None)
        if call is None or call.kind == Kind.CALL:
            pairs.append(Pair(call, row) if call else Pair(row, None))
    return pairs


def _before(answer: LoggedMessage) -> tuple[datetime, datetime]:
    return answer.at - ANSWER_WITHIN, answer.at


def _of_same_exchange(rows: list[LoggedMessage]) -> QuerySet[LoggedMessage]:
    return LoggedMessage.objects.filter(
        charge_point_id__in={row.charge_point_id for row in rows},
        connection_id__in={row.connection_id for row in rows},
        message_id__in={row.message_id for row in rows},
    ).order_by("at", "id")


def _by_exchange(rows: Iterable[LoggedMessage]) -> dict[tuple[object, str, str], list[LoggedMessage]]:
    known: dict[tuple[object, str, str], list[LoggedMessage]] = {}
    for row in rows:
        known.setdefault((row.connection_id, row.message_id, row.direction), []).append(row)
    return known
