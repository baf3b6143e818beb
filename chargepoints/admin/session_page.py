"""What stands on top of a session's page and is fetched anew while it runs: figures, what to do next, the stop asked for."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chargepoints.admin.pills import pill
from chargepoints.admin.session_events import tag_of
from chargepoints.admin.session_figures import figures_of
from chargepoints.admin.session_words import end_in_words, remarks_of
from chargepoints.models import Command, CommandState, StationConnection, Transaction
from chargepoints.models.command import OPEN_STATES
from tenants.admin.base import has_role
from tenants.models import Role

ACTIVE = Transaction.State.ACTIVE
# A session that has said nothing for so long is worth a look.
SILENT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Hint:
    """What a person should know, and where to go."""

    kind: str
    text: str
    url: str = ""
    link: str = ""


def state_pill(session: Transaction) -> SafeString:
    return pill(session.state, session.get_state_display())


def live_context(request: HttpRequest, session: Transaction) -> dict[str, Any]:
    """For `office/transaction_figures.html`."""
    running = session.state == ACTIVE
    online = running and StationConnection.objects.live().filter(charge_point=session.charge_point_id).exists()
    return {
        "session": session,
        "running": running,
        "online": online,
        "state": state_pill(session),
        "tag": tag_of(session),
        "site": session.charge_point.site,
        "figures": figures_of(session),
        "ended": end_in_words(session),
        "stop": stop_asked(session),
        "hints": [*_hints(session, online=online), *(Hint(kind, text) for kind, text in remarks_of(session))],
        "may_operate": running and has_role(request, Role.OPERATOR),
    }


def stop_asked(session: Transaction) -> dict[str, Any] | None:
    """The last RemoteStopTransaction of the session, and what has come of it so far."""
    command = (
        Command.objects.filter(
            charge_point=session.charge_point_id,
            action="RemoteStopTransaction",
            payload__transactionId=_number(session),
            created_at__gte=session.start_received_at,
        )
        .order_by("-created_at")
        .first()
    )
    if command is None:
        return None
    return {
        "command": command,
        "pill": pill(command.state, command.get_state_display()),
        "open": command.state in OPEN_STATES,
        "said": _stop_in_words(command, ended=session.state != ACTIVE),
    }


def _stop_in_words(command: Command, *, ended: bool) -> str:
    if command.state in OPEN_STATES:
        return _("Waiting for the station's answer …")
    if command.state == CommandState.ACCEPTED:
        return _("The session has ended.") if ended else _("The station agreed: the session ends within moments.")
    if ended:
        return ""
    if command.state == CommandState.TIMED_OUT:
        return _("The station did not answer. Try again, or close the session by hand once the car is unplugged.")
    if command.state == CommandState.REJECTED:
        return _("The station refused: by its own account no such session runs. Close it by hand if that is so.")
    return command.error_description or _("It could not be sent. Try again.")


def _hints(session: Transaction, *, online: bool) -> list[Hint]:
    """What stands in the way of a session that runs."""
    if session.state != ACTIVE:
        return []
    found = []
    station = reverse("admin:chargepoints_chargepoint_change", args=[session.charge_point_id])
    heard = max(session.last_reading_at or session.started_at, session.start_received_at)
    if not online:
        text = _("The station is offline: the session may go on without us, and the station tells of its end later.")
        found.append(Hint("warn", text, station, _("Look at the station")))
    elif timezone.now() - heard > SILENT:
        text = _("No reading has come for %(minutes)d minutes: is the station set to send meter values?")
        minutes = int((timezone.now() - heard).total_seconds() // 60)
        url = reverse("admin:charge_point_configuration", args=[session.charge_point_id])
        found.append(Hint("warn", text % {"minutes": minutes}, url, _("Its configuration")))
    if session.verdict != "Accepted":
        text = _("The tag was refused (%(verdict)s). A station that charges nevertheless can be told to stop.")
        found.append(Hint("bad", text % {"verdict": session.verdict}))
    return found


def _number(session: Transaction) -> int | str:
    """As it stands in payloads: 1.6 gives numbers."""
    return int(session.protocol_id) if session.protocol_id.isdigit() else session.protocol_id
