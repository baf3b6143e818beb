"""The message log as people read it: a call beside its answer. Callers hold the scope."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from chargepoints.models import LoggedMessage
from tenants.api.cursors import read_cursor, write_cursor

Kind = LoggedMessage.Kind
# An answer later than this belongs to nobody's call any more.
ANSWER_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class MessageQuery:
    """What to look for. Empty text and None: anything."""

    charge_point_id: int | None = None
    direction: str = ""
    action: str = ""
    message_id: str = ""
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A call (or a malformed frame) and what was answered; `answer` None: nothing, or not yet."""

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
    rows = LoggedMessage.objects.filter(kind__in=[Kind.CALL, Kind.MALFORMED]).select_related("charge_point")
    exact = {
        "charge_point_id": query.charge_point_id,
        "direction": query.direction,
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
        following = write_cursor(page[-1].at, page[-1].pk)
    return _with_answers(page), following


def _with_answers(calls: list[LoggedMessage]) -> list[Pair]:
    """One query for all answers: those with the same message id on the same connection, going the other way."""
    if not calls:
        return []
    answers = LoggedMessage.objects.filter(
        charge_point_id__in={call.charge_point_id for call in calls},
        connection_id__in={call.connection_id for call in calls},
        message_id__in={call.message_id for call in calls},
        kind__in=[Kind.RESULT, Kind.ERROR],
        at__gte=min(call.at for call in calls),
        at__lte=max(call.at for call in calls) + ANSWER_WITHIN,
    ).order_by("at", "id")
    known: dict[tuple[object, str, str], list[LoggedMessage]] = {}
    for answer in answers:
        known.setdefault((answer.connection_id, answer.message_id, answer.direction), []).append(answer)
    pairs = []
    for call in calls:
        other = "out" if call.direction == "in" else "in"
        candidates = known.get((call.connection_id, call.message_id, other), [])
        pairs.append(Pair(call, next((answer for answer in candidates if answer.at >= call.at), None)))
    return pairs
