"""What this app knows of a session's course: statuses, the tag, commands, the line, its start and its end."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from chargepoints.admin.pills import COLOURS
from chargepoints.admin.session_timeline import BEFORE, MOST, Kind, Moment, Span, register_moments
from chargepoints.admin.session_words import why_ended
from chargepoints.message_pairs import MessageQuery, Pair, find_messages
from chargepoints.models import Command, Outcome, Reservation, Transaction
from tenants.admin.shown import is_before_and_after
from tenants.admin.trail_values import value_words
from tenants.models import AuditEntry, OutboxEvent
from tenants.stored_words import shown

STATE = Transaction.State
# What was told later than this came from the memory of a station that had been offline.
LATE = timedelta(minutes=1)
# Commands and what happens to the line say nothing of a session that ended longer ago.
SOON = timedelta(minutes=5)
# Load management sends these all the time: what they do is told by the limits.
OF_LOAD_MANAGEMENT = {"SetChargingProfile", "ClearChargingProfile", "GetCompositeSchedule"}
LINE: dict[str, tuple[Kind, str]] = {
    "chargepoint.offline": ("warn", "wifi_off"),
    "chargepoint.online": ("ok", "wifi"),
    "chargepoint.boot": ("info", "restart_alt"),
}


@register_moments("course")
def course(session: Transaction, span: Span) -> Iterable[Moment]:
    """Its start and its end."""
    accepted = session.verdict == "Accepted"
    yield Moment(
        session.started_at,
        _("Session started") if accepted else _("Session started, though the tag was refused"),
        "busy" if accepted else "bad",
        "play_arrow",
        _joined(
            "" if accepted else session.verdict,
            _("meter %(value)s kWh") % {"value": _kwh(session.meter_start_wh)},
            _told(session.started_at, session.start_received_at),
        ),
        who=tag_of(session),
        rank=40,
        begins=True,
    )
    if session.stopped_at is None:
        return
    meter = "" if session.meter_stop_wh is None else _("meter %(value)s kWh") % {"value": _kwh(session.meter_stop_wh)}
    yield Moment(
        session.stopped_at,
        _("Session stopped") if session.state == STATE.STOPPED else _("Session closed without the station's word"),
        "ok" if session.state == STATE.STOPPED else "warn",
        "stop_circle",
        _joined(why_ended(session), meter, _told(session.stopped_at, session.stop_received_at)),
        who=session.stopped_by or session.stop_id_tag,
        rank=60,
    )


@register_moments("tag")
def tag_shown(session: Transaction, span: Span) -> Iterable[Moment]:
    """The station asked about the tag, as far as its messages are kept; and the reservation that it was held for."""
    start = session.start_received_at
    query = MessageQuery(
        session.charge_point_id, "in", "Authorize", start=max(start - BEFORE, span.start), end=start + SOON
    )
    for pair in find_messages(query, limit=20)[0]:
        tag, status = _authorized(pair)
        if tag.lower() == session.id_tag.lower():
            accepted = status == "Accepted"
            title = _("Tag shown: accepted") if accepted else _("Tag shown: %(status)s") % {"status": status or "?"}
            kind: Kind = "ok" if accepted else "bad"
            yield Moment(pair.call.at, title, kind, "badge", who=tag_of(session), rank=20, begins=True)
    for held in Reservation.objects.filter(transaction=session)[:MOST]:
        until = timezone.localtime(held.expires_at).strftime("%H:%M")
        title = _("Connector reserved until %(time)s") % {"time": until}
        made = _("made at %(time)s") % {"time": timezone.localtime(held.created_at).strftime("%Y-%m-%d %H:%M")}
        url = reverse("admin:chargepoints_reservation_change", args=[held.pk])
        # Where it is used: it may have been made days before.
        yield Moment(
            session.started_at, title, "info", "event_available", made, who=held.requested_by, url=url, rank=39
        )


@register_moments("commands")
def commands(session: Transaction, span: Span) -> Iterable[Moment]:
    """What the station was asked for meanwhile, and the remote start that began it."""
    end = (session.stopped_at or timezone.now()) + SOON
    found = Command.objects.filter(
        Q(created_at__gte=span.start, created_at__lte=end) | Q(pk=session.remote_start_id),
        charge_point=session.charge_point_id,
    ).exclude(origin="system", action__in=OF_LOAD_MANAGEMENT)
    for command in found.order_by("-created_at")[:MOST]:
        if _concerns(command, session):
            yield _asked(command, begins=command.pk == session.remote_start_id)


@register_moments("line")
def line(session: Transaction, span: Span) -> Iterable[Moment]:
    """The station went away, came back, restarted; as long as events are kept."""
    found = OutboxEvent.objects.filter(
        charge_point=session.charge_point.identity,
        event_type__in=list(LINE),
        at__gte=session.started_at,
        at__lte=(session.stopped_at or timezone.now()) + LATE,
    )
    titles = {
        "chargepoint.offline": _("Station offline"),
        "chargepoint.online": _("Station online again"),
        "chargepoint.boot": _("Station restarted"),
    }
    for event in found.order_by("-id")[:MOST]:
        kind, icon = LINE[event.event_type]
        detail = str(event.data.get("reason") or event.data.get("firmware_version") or "")
        yield Moment(event.at, titles[event.event_type], kind, icon, detail, group="line", rank=30)


@register_moments("trail")
def trail(session: Transaction, span: Span) -> Iterable[Moment]:
    """What people and programs changed about it, from the audit trail."""
    titles = {"close": _("Closed by hand"), "charging need": _("The driver's need was set")}
    for entry in AuditEntry.objects.filter(object_type="transaction", object_id=str(session.pk))[:MOST]:
        said = ", ".join(f"{name}: {_after(change)}" for name, change in entry.changes.items())
        url = reverse("admin:tenants_auditentry_change", args=[entry.pk])
        title = titles.get(entry.action) or entry.action.capitalize()
        yield Moment(entry.at, title, "info", "edit", said, who=entry.actor, url=url, rank=45)


def tag_of(session: Transaction) -> str:
    """The tag, and whose it is where that is known."""
    row = session.id_tag_row
    return f"{session.id_tag} ({row.holder})" if row is not None and row.holder else session.id_tag


def _asked(command: Command, *, begins: bool) -> Moment:
    titles = {
        "RemoteStartTransaction": _("Remote start"),
        "RemoteStopTransaction": _("Asked to stop"),
        "UnlockConnector": _("Asked to unlock the connector"),
        "Reset": _("Asked to reset"),
        "ChangeAvailability": _("Asked to change availability"),
    }
    kind: Kind = COLOURS.get(command.state, "off")  # type: ignore[assignment]
    ended = command.get_outcome_display() if command.outcome != Outcome.NONE else ""
    detail = _joined(
        command.get_state_display(), ended, shown(command.outcome_detail), shown(command.error_description)
    )
    url = reverse("admin:chargepoints_command_change", args=[command.pk])
    title = titles.get(command.action, command.action)
    return Moment(
        command.created_at, title, kind, "send", detail, who=command.requested_by, url=url, rank=35, begins=begins
    )


def _concerns(command: Command, session: Transaction) -> bool:
    """Not another connector's, nor another session's."""
    if command.pk == session.remote_start_id:
        return True
    connector, transaction = command.payload.get("connectorId"), command.payload.get("transactionId")
    mine = transaction is None or str(transaction) == session.protocol_id
    return mine and connector in (None, 0, session.evse.number)


def _authorized(pair: Pair) -> tuple[str, str]:
    """(tag, what was answered); empty for what can't be read."""
    try:
        tag = json.loads(pair.call.payload)[3]["idTag"]
        status = json.loads(pair.answer.payload)[2]["idTagInfo"]["status"] if pair.answer else ""
    except (ValueError, LookupError, TypeError):
        return "", ""
    return str(tag), str(status)


def _told(at: datetime, received_at: datetime | None) -> str:
    if received_at is None or abs(received_at - at) <= LATE:
        return ""
    return _("told at %(time)s") % {"time": timezone.localtime(received_at).strftime("%Y-%m-%d %H:%M:%S")}


def _after(change: Any) -> str:
    """An entry is [before, after], or what it is now."""
    return value_words(change[1] if is_before_and_after(change) else change)


def _kwh(wh: Decimal) -> str:
    return str(number_format((wh / 1000).quantize(Decimal("0.001"))))


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
