"""The schedule that a charge point reported last: asked for by a person, by a program, or by our own checks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chargepoints.models import Command
from chargepoints.models.command import OPEN_STATES
from smartcharging.profiles.shapes import CompositePeriod, Unit
from smartcharging.services.drift import ACTION
from smartcharging.services.schedule_answers import Reported, read_answer
from tenants.stored_words import shown

DAY_S = 24 * 3600
# An answer says nothing any more about a time that it doesn't reach.
OLDEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """What was answered, from the picture's start on; `length_s`: how far it reaches. `why_not`: no schedule came."""

    asked_at: datetime
    waits: bool
    periods: list[CompositePeriod]
    unit: Unit
    length_s: int
    why_not: str = ""


def last_answer(charge_point_id: int, evse_number: int, start: datetime) -> Shown | None:
    """None: it was not asked within a day. In the open scope."""
    asked = Command.objects.filter(
        charge_point=charge_point_id,
        action=ACTION,
        payload__connectorId=evse_number,
        created_at__gt=start - OLDEST,
    )
    command = asked.order_by("-created_at").first()
    if command is None:
        return None
    waits = command.state in OPEN_STATES
    if waits:
        # What it said before is shown while one waits.
        command = asked.exclude(state__in=OPEN_STATES).order_by("-created_at").first() or command
    if command.state in OPEN_STATES:
        return Shown(command.created_at, True, [], "A", 0)
    return _read(command, start, waits)


def _read(command: Command, start: datetime, waits: bool) -> Shown:
    answer = read_answer(command)
    if not isinstance(answer, Reported):
        return Shown(command.created_at, waits, [], "A", 0, why_not=shown(answer.detail))
    # A clock that is a little ahead of ours means now.
    passed = max(0, round((start - answer.start).total_seconds()))
    reaches = answer.duration_s or int(command.payload.get("duration") or DAY_S)
    length = max(0, min(reaches - passed, DAY_S))
    # No schedule at all: nothing limits it.
    said = list(answer.periods) or [CompositePeriod(0, None, None)]
    periods = shifted(said, passed) if length else []
    return Shown(command.created_at, waits, periods, answer.unit, length)


def shifted(periods: list[CompositePeriod], passed: int) -> list[CompositePeriod]:
    """Counted from `passed` seconds later; the one that holds then begins at 0. Pure."""
    ahead = [one for one in periods if one.start_s > passed]
    holding = [one for one in periods if one.start_s <= passed]
    first = [CompositePeriod(0, holding[-1].limit, holding[-1].phases)] if holding else []
    return first + [CompositePeriod(one.start_s - passed, one.limit, one.phases) for one in ahead]
