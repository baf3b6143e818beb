"""Limits on their way out: the profiles, the ledger's entry and the log of each, in the transaction of the round."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from smartcharging.events import LimitChanged
from smartcharging.models import Allotment, Circuit, LimitSent
from smartcharging.models.profile import ChargingProfile, Purpose
from smartcharging.profiles.shapes import Period, Profile, Schedule
from smartcharging.profiles.validation import StationLimits
from smartcharging.services import ledger
from smartcharging.services.profiles import limits_of
from smartcharging.services.reading import Seat
from smartcharging.services.sending import NEW_ID, OFFLINE, ProfileToSend, send_profiles
from tenants.context import scope_connection
from tenants.events import publish_all
from tenants.many_rows import insert_rows

Result = LimitSent.Result

SENT_BY = "load management"
# Shorter than of other commands: others wait for the room that a lower limit makes.
TIMEOUT_S = 15
TENTH = Decimal("0.1")
# What the stations have answered since, in the log: one statement for all.
NOTE_RESULTS = """
UPDATE smartcharging_limitsent AS l SET
    result = CASE c.state WHEN 'accepted' THEN 'accepted' WHEN 'rejected' THEN 'rejected'
        WHEN 'timed_out' THEN 'timed_out' ELSE 'failed' END,
    result_at = COALESCE(c.finished_at, now()),
    detail = CASE WHEN l.detail = '' THEN left(c.error_description, 255) ELSE l.detail END
FROM chargepoints_command AS c
WHERE l.command_id = c.id AND l.result = 'sent' AND l.circuit_id = ANY(%s) AND c.state NOT IN ('queued', 'sent')
"""


@dataclass(frozen=True, slots=True)
class Order:
    """A limit (A per phase) for a connector. `purpose` tx: for its session; tx_default: for those to come."""

    seat: Seat
    limit_a: Decimal
    reason: str
    purpose: str = Purpose.TX.value
    detail: str = ""


def tenths_down(amps: float) -> Decimal:
    """A limit as it is sent: never more than was allotted. A sum of floats that is just short of a tenth is that."""
    return max(Decimal(repr(amps + 1e-6)).quantize(TENTH, ROUND_FLOOR), Decimal(0))


def tenths_up(amps: float) -> Decimal:
    """What is measured, as it counts."""
    return Decimal(repr(max(amps, 0.0))).quantize(TENTH, ROUND_CEILING)


def send_limits(*, root: Circuit, orders: Sequence[Order], cause: str, now: datetime) -> list[LimitSent]:
    """Store commands, profiles, ledger entries (on the seats' rows, not saved) and log; gateways hear on commit.

    What can't be sent (its station has just gone, or can't be told this) is tried again after a pause.
    """
    if not orders:
        return []
    abilities = limits_of({order.seat.member.charge_point_id for order in orders})
    voltages = {order.seat.member.circuit_id: order.seat.member.circuit.voltage for order in orders}
    items = [
        _item(order, abilities[order.seat.member.charge_point_id], voltages[order.seat.member.circuit_id])
        for order in orders
    ]
    rows = send_profiles(tenant_id=root.tenant_id, items=items, requested_by=SENT_BY, origin="system")
    log = [_log(order, row, cause, now) for order, row in zip(orders, rows, strict=True)]
    for order, row in zip(orders, rows, strict=True):
        _enter(order, row, now)
    insert_rows(log)
    return log


def note_results(circuit_ids: list[int]) -> None:
    """What became of the limits in the log."""
    with scope_connection().cursor() as cursor:
        cursor.execute(NOTE_RESULTS, [circuit_ids])


def tell_limits(changed: Iterable[tuple[Seat, Decimal | None]], now: datetime) -> None:
    """Connectors that have taken another limit, with the one that they had."""
    publish_all(
        LimitChanged(
            charge_point=seat.station.identity,
            at=now,
            connector_id=seat.member.evse_number,
            session_id=seat.row.transaction_id,
            limit_a=float(seat.row.confirmed_a or 0),
            previous_a=None if previous is None else float(previous),
            reason=seat.row.reason,
            circuit=seat.member.circuit.name,
        )
        for seat, previous in changed
    )


def _item(order: Order, abilities: StationLimits, voltage: int) -> ProfileToSend:
    seat, of_session = order.seat, order.purpose == Purpose.TX
    session = seat.session if of_session else None
    under_way = seat.row.state == Allotment.State.SENDING if of_session else seat.row.default_sent_a is not None
    command_id = seat.row.command_id if of_session else seat.row.default_command_id
    return ProfileToSend(
        charge_point_id=seat.member.charge_point_id,
        evse_number=seat.member.evse_number,
        profile=Profile(
            profile_id=NEW_ID,
            stack_level=abilities.max_stack_level,
            purpose="tx" if of_session else "tx_default",
            # From the start of each session on, and without end: needs nobody's clock.
            kind="relative",
            schedule=_schedule(order.limit_a, len(seat.phases), abilities, voltage),
            transaction_id=session.protocol_id if session is not None else None,
        ),
        transaction_id=session.pk if session is not None else None,
        source=ChargingProfile.Source.CIRCUIT,
        supersedes=command_id if under_way else None,
        timeout_s=TIMEOUT_S,
    )


def _schedule(limit_a: Decimal, phases: int, abilities: StationLimits, voltage: int) -> Schedule:
    if "A" in abilities.units:
        return Schedule(unit="A", periods=(Period(0, limit_a),))
    watts = Decimal(math.floor(limit_a * voltage * phases))
    return Schedule(unit="W", periods=(Period(0, watts, phases if phases != 3 else None),))


def _enter(order: Order, profile: ChargingProfile, now: datetime) -> None:
    row = order.seat.row
    if profile.command is None:
        if order.purpose == Purpose.TX:
            row.attempts = min(row.attempts + 1, 1000)
            row.retry_at = now + ledger.pause_after(row.attempts)
        else:
            row.default_attempts = min(row.default_attempts + 1, 1000)
            row.default_retry_at = now + ledger.pause_after(row.default_attempts)
    elif order.purpose == Purpose.TX:
        ledger.note_sent(row, order.limit_a, profile.command, now)
        row.target_a, row.reason = order.limit_a, order.reason[:40]
    else:
        ledger.note_default_sent(row, order.limit_a, profile.command, now)


def _log(order: Order, profile: ChargingProfile, cause: str, now: datetime) -> LimitSent:
    seat, row = order.seat, order.seat.row
    result, detail = Result.SENT, order.detail
    if profile.command is None:
        result = Result.OFFLINE if profile.detail == OFFLINE else Result.FAILED
        detail = profile.detail
    of_session = order.purpose == Purpose.TX
    return LimitSent(
        tenant_id=seat.member.tenant_id,
        circuit_id=seat.member.circuit_id,
        member=seat.member,
        charge_point_id=seat.member.charge_point_id,
        evse_number=seat.member.evse_number,
        transaction_id=row.transaction_id if of_session else None,
        at=now,
        purpose=order.purpose,
        limit_a=order.limit_a,
        previous_a=row.confirmed_a if of_session and row.confirmed_a is not None else row.default_a,
        reason=order.reason[:40],
        cause=cause[:40],
        detail=detail[:255],
        command=profile.command,
        result=result,
        result_at=None if result == Result.SENT else now,
    )
