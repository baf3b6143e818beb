"""Pairs of the message log as the pages list them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.frames import gist, indented, payload_text
from chargepoints.message_pairs import Kind, Pair
from chargepoints.models import LoggedMessage

TITLES: dict[int, str | Promise] = {
    Kind.CALL: _("Call"),
    Kind.RESULT: _("Answer"),
    Kind.ERROR: _("Error"),
    Kind.MALFORMED: _("Malformed"),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: what it is, when (with milliseconds), its payload indented."""

    title: str | Promise
    at: str
    text: str
    message_id: str


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A call and its answer. `key` sorts as the rows do; `settled`: nothing more will come to it."""

    key: str
    pair: Pair
    at: datetime
    title: str
    said: str
    answered: str
    frames: tuple[Frame, ...]
    settled: bool


def message_rows(pairs: Iterable[Pair]) -> list[MessageRow]:
    return [_row(pair) for pair in pairs]


def sort_key(row: LoggedMessage) -> str:
    """Of one width, so that a script compares rows as text: `2026-11-21T17:30:12.123456~0000000000000000017`."""
    return f"{row.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}~{row.id:019d}"


def _row(pair: Pair) -> MessageRow:
    call, answer = pair.call, pair.answer
    return MessageRow(
        key=sort_key(call),
        pair=pair,
        at=call.at,
        title=call.action or str(call.get_kind_display()),
        said=gist(call.payload),
        answered=gist(answer.payload) if answer else "",
        frames=tuple(_frame(row) for row in (call, answer) if row is not None),
        settled=answer is not None or call.kind != Kind.CALL,
    )


def _frame(row: LoggedMessage) -> Frame:
    at = timezone.localtime(row.at).isoformat(sep=" ", timespec="milliseconds")
    return Frame(TITLES[row.kind], at, indented(payload_text(row.payload)), row.message_id)
