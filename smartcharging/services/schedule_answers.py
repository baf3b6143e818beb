"""What stations answer to GetCompositeSchedule, in our terms (OCPP 1.6 §6.23). Knows only the command."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chargepoints.models import Command, CommandState
from chargepoints.protocol.timestamps import read_timestamp
from smartcharging.profiles.shapes import CompositePeriod, Unit
from smartcharging.profiles.translation import InvalidProfile, composite_from_ocpp16, schedule_from_ocpp16
from tenants.stored_words import stored

# A station whose clock is further off than this is taken to mean "from now on".
CLOCK_TOLERANCE = timedelta(minutes=5)
NOT_ABLE = {"NotImplemented", "NotSupported"}
NOT_ANSWERED, NOT_UNDERSTOOD = stored("no answer"), stored("not understood: %(why)s")


@dataclass(frozen=True, slots=True)
class Reported:
    """The station's schedule. `duration_s` None: it leaves the end open. No periods: it says that nothing limits it."""

    start: datetime
    unit: Unit
    duration_s: int | None
    periods: Sequence[CompositePeriod]


@dataclass(frozen=True, slots=True)
class NotReported:
    """Why there is none. `able` False: it can't, so that asking again is no use."""

    detail: str
    able: bool = True


def read_answer(command: Command) -> Reported | NotReported:
    """Of a GetCompositeSchedule that has ended."""
    if command.state == CommandState.FAILED:
        return NotReported(command.error_code or "failed", able=command.error_code not in NOT_ABLE)
    if command.state == CommandState.REJECTED:
        return NotReported(str((command.reply or {}).get("status", "Rejected")), able=False)
    if command.state != CommandState.ACCEPTED:
        return NotReported(NOT_ANSWERED)
    reply = command.reply or {}
    asked = command.sent_at or command.created_at
    start = _start(reply.get("scheduleStart"), asked)
    schedule = reply.get("chargingSchedule")
    if schedule is None:
        return Reported(start, command.payload.get("chargingRateUnit", "A"), None, ())
    try:
        read, periods = schedule_from_ocpp16(schedule), composite_from_ocpp16(schedule)
    except InvalidProfile as error:
        return NotReported((NOT_UNDERSTOOD % {"why": error})[:255])
    return Reported(start, read.unit, read.duration_s, periods)


def _start(text: Any, asked: datetime) -> datetime:
    try:
        start = read_timestamp(text) if isinstance(text, str) else asked
    except ValueError:
        return asked
    return start if abs(start - asked) <= CLOCK_TOLERANCE else asked


def periods_json(periods: Sequence[CompositePeriod]) -> list[dict[str, Any]]:
    """As `ScheduleCheck` keeps them."""
    return [
        {"start": one.start_s, "limit": None if one.limit is None else f"{one.limit:f}", "phases": one.phases}
        for one in periods
    ]
