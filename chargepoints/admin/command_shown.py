"""A command and what became of it, for the part of a page that refreshes itself."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from chargepoints.admin.json_box import pretty
from chargepoints.admin.message_rows import message_rows
from chargepoints.admin.pills import pill
from chargepoints.message_pairs import MessageQuery, find_messages
from chargepoints.models import Command, CommandState, Outcome
from chargepoints.services.shown_payloads import shown_payload
from tenants.admin.base import has_role
from tenants.models import Role

# How long before and after itself its frames are looked for: clocks of processes differ a little, answers come late.
AROUND = timedelta(minutes=10)


def sent_page(command: Command) -> str:
    """The address at which the charge point's own page shows the command."""
    return f"{reverse('admin:charge_point_send', args=[command.charge_point_id])}?sent={command.pk}"


def command_shown(request: HttpRequest, command: Command) -> dict[str, Any]:
    """For templates/office/command_live.html. One query: its frames in the message log."""
    query = MessageQuery(
        charge_point_id=command.charge_point_id,
        direction="out",
        message_id=str(command.pk),
        start=command.created_at - AROUND,
        end=command.finished_at + AROUND if command.finished_at else None,
    )
    pairs, _following = find_messages(query, limit=3)
    return {
        "command": command,
        "state_pill": pill(command.state, command.get_state_display()),
        "outcome_pill": pill(command.outcome, command.get_outcome_display()) if command.outcome else "",
        "payload": pretty(shown_payload(command.payload)),
        "reply": pretty(command.reply) if command.reply is not None else "",
        "late_reply": pretty(command.late_reply) if command.late_reply is not None else "",
        "settled": command.is_final and command.outcome != Outcome.WAITING,
        "rows": message_rows(pairs),
        "may_cancel": command.state == CommandState.QUEUED and has_role(request, Role.OPERATOR),
    }


def listed(commands: list[Command]) -> list[tuple[Command, Any, Any]]:
    """(command, its state, what came of it), for tables."""
    return [
        (
            one,
            pill(one.state, one.get_state_display()),
            pill(one.outcome, one.get_outcome_display()) if one.outcome else "",
        )
        for one in commands
    ]
