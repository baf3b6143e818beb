"""Sessions that reach a limit are stopped: noted once, then asked to stop until they do.

Reaching is a compare-and-set on SessionLimit, in one transaction with its event and the first command, so that a
crash leaves all or nothing. The station is asked again, ever more rarely, while the session goes on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Case, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value, When

from chargepoints.models import ChargePoint, Command, StationConnection, Transaction
from chargepoints.models.command import OPEN_STATES
from chargepoints.services.authorize import ACCEPTED
from chargepoints.services.commands import StationOffline, send_command
from metering.events import SessionLimitReached
from metering.models import SessionLimit
from metering.pricing.cost import cost_of
from metering.pricing.usage import CLOCK_TOLERANCE, LONGEST_OFFLINE
from tenants.context import system_transaction, tenant_transaction
from tenants.events import publish
from tenants.services.audit import record

log = structlog.get_logger(__name__)

Reached = SessionLimit.Reached
ACTIVE = Transaction.State.ACTIVE
ASKED_BY = "system"
BATCH = 500
# A price is worked out from all of a session's readings: so many in one run, the others in the next.
PRICES_PER_RUN = 100
RUN_SECONDS = 10
# By which a station's clock may differ from ours.
SLACK_S = 300
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Found:
    """A session that has reached a limit, or (`reached` None) goes on although it was asked to stop."""

    tenant_id: int
    session_id: int
    reached: str | None


def enforce_limits(now: datetime) -> int:
    """All running sessions with limits; how many commands were sent."""
    found = [*passed_limits(now), *_passed_costs(now), *_asked_before(now)]
    return sum(_enforce_quietly(one, now) for one in found)


def enforce_sessions(session_ids: list[int], now: datetime) -> int:
    """As `enforce_limits`, for sessions that new readings came of: their energy."""
    return sum(_enforce_quietly(one, now) for one in passed_limits(now, session_ids))


def passed_limits(now: datetime, session_ids: list[int] | None = None) -> list[Found]:
    """Running sessions whose energy or duration has come to its limit, and which aren't noted yet."""
    energy = F("transaction__last_register_wh") - F("transaction__meter_start_wh")
    lasting = ExpressionWrapper(F("max_duration_s") * Value(timedelta(seconds=1)), output_field=DurationField())
    with system_transaction():
        rows = _running().filter(reached="").annotate(began=_began(), energy=energy, lasting=lasting)
        if session_ids is not None:
            rows = rows.filter(transaction__in=session_ids)
        rows = rows.filter(Q(energy__gte=F("max_energy_wh")) | Q(began__lte=now - F("lasting")))
        found = [(row, _reached(row, now)) for row in rows.order_by("pk")[:BATCH]]
    return [Found(row.tenant_id, row.transaction_id, reached) for row, reached in found if reached]


def _reached(row: Any, now: datetime) -> str | None:
    """Which limit; None where it is an energy that no meter can have counted in the time: a slip of the register."""
    if row.max_energy_wh is not None and row.energy is not None and row.energy >= row.max_energy_wh:
        seconds = max(Decimal(0), Decimal((now - row.began) // timedelta(seconds=1)))
        if row.energy <= settings.METERING_LARGEST_POWER_W * (seconds + SLACK_S) / 3600:
            return Reached.ENERGY
    if row.max_duration_s is not None and row.began <= now - timedelta(seconds=row.max_duration_s):
        return Reached.DURATION
    return None


def _began() -> Case:
    """When the session began, as far as the station's clock can be believed (as its price is reckoned)."""
    received = F("transaction__start_received_at")
    believed = Q(
        transaction__started_at__lte=received + CLOCK_TOLERANCE, transaction__started_at__gte=received - LONGEST_OFFLINE
    )
    return Case(When(believed, then=F("transaction__started_at")), default=received)


def _passed_costs(now: datetime) -> list[Found]:
    with system_transaction():
        rows = list(
            _running()
            .filter(reached="", max_cost__isnull=False)
            .select_related("transaction", "transaction__charge_point", "transaction__evse", "tenant")
            .order_by("pk")
        )
    # Taking turns, without a memory: every session comes up once in so many runs.
    turns = -(-len(rows) // PRICES_PER_RUN)
    turn = int(now.timestamp()) // RUN_SECONDS
    return [
        Found(row.tenant_id, row.transaction_id, Reached.COST)
        for number, row in enumerate(rows)
        if number % turns == turn % turns and _costs_too_much(row, now)
    ]


def _costs_too_much(row: SessionLimit, now: datetime) -> bool:
    try:
        with tenant_transaction(row.tenant_id):
            price = cost_of(row.transaction, now).price
    except Exception:
        log.exception("cost limit not checked", session_id=row.transaction_id)
        return False
    # In another currency the two numbers say nothing of each other.
    return price.currency == row.tenant.currency and price.total_incl_tax >= (row.max_cost or Decimal("Infinity"))


def _asked_before(now: datetime) -> list[Found]:
    """Sessions that go on although a limit was reached, whose station is there to be asked again."""
    live = StationConnection.objects.live().filter(charge_point=OuterRef("transaction__charge_point"))
    with system_transaction():
        rows = (
            _running()
            .exclude(reached="")
            .filter(Exists(live))
            .order_by(F("last_attempt_at").asc(nulls_first=True))[:BATCH]
        )
        return [Found(row.tenant_id, row.transaction_id, None) for row in rows if _is_due(row, now)]


def _running() -> QuerySet[SessionLimit]:
    # Both conditions: the partial index of running sessions finds them without reading all that ever were.
    return SessionLimit.objects.filter(transaction__state=ACTIVE, transaction__verdict=ACCEPTED)


def _is_due(limit: SessionLimit, now: datetime) -> bool:
    if limit.last_attempt_at is None:
        return True
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(limit.attempts - 1, 10), LONGEST_PAUSE)
    return limit.last_attempt_at <= now - pause


def _enforce_quietly(found: Found, now: datetime) -> bool:
    try:
        return enforce(found, now)
    except Exception:
        # One that fails must not stand before the others; it comes up again.
        log.exception("session limit not enforced", session_id=found.session_id)
        return False


def enforce(found: Found, now: datetime) -> bool:
    """Note that the limit is reached, if it wasn't, and ask the station to stop; True where a command was sent."""
    with tenant_transaction(found.tenant_id):
        session = Transaction.objects.select_related("evse").get(pk=found.session_id)
        # The station's row first, as all that changes sessions does.
        charge_point = ChargePoint.objects.select_for_update().get(pk=session.charge_point_id)
        session = Transaction.objects.select_for_update(of=("self",)).select_related("evse").get(pk=session.pk)
        if session.state != ACTIVE:
            return False
        if found.reached is not None and not _note_reached(charge_point, session, found.reached, now):
            return False
        limit = SessionLimit.objects.get(transaction=session)
        return _is_due(limit, now) and _ask_to_stop(charge_point, session, limit, now)


def _note_reached(charge_point: ChargePoint, session: Transaction, reached: str, now: datetime) -> bool:
    """False where another process was first."""
    mine = SessionLimit.objects.filter(transaction=session, reached="").update(reached=reached, reached_at=now)
    if not mine:
        return False
    limit = SessionLimit.objects.get(transaction=session)
    value = {
        Reached.ENERGY: limit.max_energy_wh,
        Reached.DURATION: limit.max_duration_s,
        Reached.COST: limit.max_cost,
    }[Reached(reached)]
    session.flags = [*session.flags, f"limit_{reached}"]
    session.save(update_fields=["flags"])
    record(
        actor=ASKED_BY, origin="system", action="limit", target=session, changes={"reached": reached, "at": str(value)}
    )
    publish(
        SessionLimitReached(
            charge_point=charge_point.identity,
            at=now,
            session_id=session.pk,
            transaction_id=session.protocol_id,
            connector_id=session.evse.number,
            id_tag=session.id_tag,
            limit=reached,
            limit_value=Decimal(value or 0),
            energy_wh=session.energy_wh,
        )
    )
    return True


def _ask_to_stop(charge_point: ChargePoint, session: Transaction, limit: SessionLimit, now: datetime) -> bool:
    """One RemoteStopTransaction, unless one is under way (an operator's too) or the station is away."""
    transaction_id = int(session.protocol_id) if session.protocol_id.isdigit() else session.protocol_id
    under_way = Command.objects.filter(
        charge_point=charge_point,
        state__in=OPEN_STATES,
        action="RemoteStopTransaction",
        payload__transactionId=transaction_id,
    )
    if under_way.exists():
        return False
    try:
        limit.command = send_command(
            charge_point=charge_point,
            action="RemoteStopTransaction",
            payload={"transactionId": transaction_id},
            requested_by=ASKED_BY,
            origin="system",
        )
    except StationOffline:
        # Asked as soon as it is back.
        return False
    limit.attempts, limit.last_attempt_at = min(limit.attempts + 1, 1000), now
    limit.save(update_fields=["command", "attempts", "last_attempt_at"])
    return True
