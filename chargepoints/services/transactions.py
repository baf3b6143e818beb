"""Sessions begin and end (OCPP 1.6 §4.8, §4.10; OCPP.md "Core"). Stations repeat, replay and err; nothing is lost or doubled.

Ends of our own making are in `closing_sessions`. Every function locks the charge point's row first, so that a message
resent through another gateway at the same instant waits for the first one's commit and then finds it done.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from chargepoints.events import TransactionStarted
from chargepoints.models import ChargePoint, Command, CommandState, Connector, IdTag, Transaction, UnmatchedStop
from chargepoints.services.authorize import (
    ACCEPTED,
    INVALID,
    Delegated,
    Verdict,
    authorize_tag,
    find_tag,
    same_group,
    settle,
)
from chargepoints.services.connectors import get_connector
from chargepoints.services.reservation_use import note_start
from chargepoints.services.session_end import end_session, inferred_end
from chargepoints.services.session_hooks import session_ended, session_started
from chargepoints.services.status import Notification, apply_status
from tenants.context import scope_connection, tenant_transaction
from tenants.events import publish

State = Transaction.State
CLOCK_TOLERANCE = timedelta(minutes=5)
REMOTE_START_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Start:
    """A session's beginning in neutral form. `meter_wh`: the register, Wh."""

    evse_number: int
    id_tag: str
    at: datetime
    meter_wh: Decimal
    received_at: datetime
    reservation_id: int | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """`verdict` as first decided, also when the same start comes again (`created` False)."""

    transaction: Transaction
    verdict: Verdict
    created: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """A session's end in neutral form."""

    protocol_id: str
    at: datetime
    meter_wh: Decimal
    received_at: datetime
    id_tag: str = ""
    reason: str = "Local"


@dataclass(frozen=True, slots=True)
class Stopped:
    """`transaction` is None for an id that we never gave; `verdict` is None where no tag was named."""

    transaction: Transaction | None
    verdict: Verdict | None


def start_transaction(
    *, tenant_id: int, charge_point_id: int, start: Start, delegated: Delegated | None = None
) -> Started:
    """Store the session, whatever the verdict on its tag. The same start again gets the same answer.

    `delegated`: what the tenant's own system says of the tag, asked before.
    """
    with tenant_transaction(tenant_id):
        charge_point = ChargePoint.objects.select_for_update(no_key=True).get(pk=charge_point_id)
        token = start.id_tag.strip()
        evse_number = max(start.evse_number, 0)
        connector = get_connector(charge_point, evse_number)
        known = _same_start(charge_point, connector, start, token)
        if known is not None:
            return Started(known, Verdict(known.verdict, find_tag(token)), created=False)
        verdict = settle(authorize_tag(token, now=start.received_at, starting=True), delegated)
        tag = verdict.tag
        if verdict.status == INVALID and tag is None and token:
            # An offline station let it in: kept as a blocked tag, so that the session keeps its driver.
            tag, _ = IdTag.objects.get_or_create(
                tenant_id=tenant_id,
                token_key=token.lower(),
                defaults={"token": token, "status": IdTag.Status.BLOCKED, "seen_offline": True},
            )
        state, flags = State.ACTIVE, _start_flags(start)
        if verdict.status == ACCEPTED:
            later = _later_session(connector, start.at)
            if later is None:
                _close_open_sessions(charge_point, connector, start)
            else:
                state = State.INFERRED
                flags.append("replayed_out_of_order")
        session = Transaction(
            tenant_id=tenant_id,
            charge_point=charge_point,
            evse=connector.evse,
            connector=connector,
            protocol_id=str(_next_transaction_id()),
            state=state,
            id_tag=token,
            id_tag_row=tag,
            verdict=verdict.status,
            reservation_id=start.reservation_id,
            remote_start=_remote_start(charge_point, start, token),
            started_at=start.at,
            start_received_at=start.received_at,
            meter_start_wh=start.meter_wh,
            flags=flags,
        )
        if state == State.INFERRED and later is not None:
            session.stopped_at, session.stop_received_at = later.started_at, start.received_at
            session.meter_stop_wh = max(later.meter_start_wh, start.meter_wh)
            session.stop_reason = "Other"
        session.save(force_insert=True)
        note_start(session)
        session_started(session)
        if session.stopped_at is not None:
            session_ended(session)
        publish(
            TransactionStarted(
                charge_point=charge_point.identity,
                at=start.at,
                session_id=session.pk,
                transaction_id=session.protocol_id,
                connector_id=evse_number,
                id_tag=token,
                verdict=verdict.status,
                meter_start_wh=start.meter_wh,
                started_at=start.at,
            )
        )
        if charge_point.imply_status and verdict.status == ACCEPTED:
            _imply(charge_point, evse_number, "Charging", start.at, start.received_at)
        return Started(session, Verdict(verdict.status, tag, verdict.delegated), created=True)


def stop_transaction(*, tenant_id: int, charge_point_id: int, stop: Stop) -> Stopped:
    """End the session once; keep and flag what is odd about it; never refuse (stations would repeat for ever)."""
    with tenant_transaction(tenant_id):
        charge_point = ChargePoint.objects.select_for_update(no_key=True).get(pk=charge_point_id)
        verdict = authorize_tag(stop.id_tag, now=stop.received_at) if stop.id_tag.strip() else None
        session = (
            Transaction.objects.select_for_update(of=("self",), no_key=True)
            .select_related("evse")
            .filter(charge_point=charge_point, protocol_id=stop.protocol_id)
            .first()
        )
        if session is None:
            _keep_unmatched(charge_point, stop)
            return Stopped(None, verdict)
        if verdict is not None and verdict.tag is None and _was_let_in(session, stop.id_tag):
            # By the tenant's own system, which is not asked about stops.
            verdict = Verdict(ACCEPTED)
        if session.state == State.STOPPED:
            _note_repeated_stop(session, stop)
            return Stopped(session, verdict)
        end_session(
            session,
            charge_point=charge_point,
            state=State.STOPPED,
            at=stop.at,
            meter_wh=stop.meter_wh,
            received_at=stop.received_at,
            reason=stop.reason,
            flags=_stop_flags(session, stop),
            id_tag=stop.id_tag.strip(),
            stopped_by=_remote_stopper(session) if stop.reason == "Remote" else session.stopped_by,
        )
        if charge_point.imply_status:
            _imply(charge_point, session.evse.number, "Available", stop.at, stop.received_at)
        return Stopped(session, verdict)


def _same_start(charge_point: ChargePoint, connector: Connector, start: Start, token: str) -> Transaction | None:
    return (
        Transaction.objects.select_related("evse")
        .filter(
            charge_point=charge_point,
            evse=connector.evse,
            id_tag=token,
            started_at=start.at,
            meter_start_wh=start.meter_wh,
        )
        .first()
    )


def _start_flags(start: Start) -> list[str]:
    flags = []
    if start.evse_number <= 0:
        flags.append("bad_connector")
    if start.at < start.received_at - CLOCK_TOLERANCE:
        flags.append("started_offline")
    if start.at > start.received_at + CLOCK_TOLERANCE:
        flags.append("start_in_future")
    return flags


def _later_session(connector: Connector, at: datetime) -> Transaction | None:
    """A session that runs on the connector and began after `at`: then this start is a late replay."""
    return Transaction.objects.filter(
        connector=connector, state=State.ACTIVE, verdict=ACCEPTED, started_at__gt=at
    ).first()


def _close_open_sessions(charge_point: ChargePoint, connector: Connector, start: Start) -> None:
    """A new session on a connector ends the one still open there: its stop was lost."""
    still_open = (
        Transaction.objects.select_for_update(of=("self",), no_key=True)
        .select_related("evse")
        .filter(connector=connector, state=State.ACTIVE)
    )
    for session in still_open:
        meter_wh, at = inferred_end(session, start.meter_wh, start.at)
        end_session(
            session,
            charge_point=charge_point,
            state=State.INFERRED,
            at=at,
            meter_wh=meter_wh,
            received_at=start.received_at,
            reason="Other",
            flags=["closed_by_next_start"],
        )


def _stop_flags(session: Transaction, stop: Stop) -> list[str]:
    flags = []
    if stop.meter_wh < session.meter_start_wh:
        flags.append("register_backwards")
    if stop.at < session.started_at:
        flags.append("stop_before_start")
    if stop.at > stop.received_at + CLOCK_TOLERANCE:
        flags.append("stop_in_future")
    if stop.id_tag.strip() and not same_group(stop.id_tag, session.id_tag):
        flags.append("stopped_by_other_tag")
    if session.state == State.INFERRED:
        flags.append("superseded_inferred_stop")
    return flags


def _keep_unmatched(charge_point: ChargePoint, stop: Stop) -> None:
    UnmatchedStop.objects.get_or_create(
        charge_point=charge_point,
        protocol_id=stop.protocol_id,
        stopped_at=stop.at,
        meter_stop_wh=stop.meter_wh,
        defaults={
            "tenant_id": charge_point.tenant_id,
            "id_tag": stop.id_tag.strip(),
            "reason": stop.reason,
            "received_at": stop.received_at,
        },
    )


def _was_let_in(session: Transaction, id_tag: str) -> bool:
    return session.verdict == ACCEPTED and session.id_tag.lower() == id_tag.strip().lower()


def _note_repeated_stop(session: Transaction, stop: Stop) -> None:
    """A resent stop changes nothing; one that says something else is flagged, the first stays."""
    if (session.stopped_at, session.meter_stop_wh) == (stop.at, stop.meter_wh):
        return
    if "other_stop_followed" not in session.flags:
        session.flags.append("other_stop_followed")
        session.save(update_fields=["flags"])


def _remote_start(charge_point: ChargePoint, start: Start, token: str) -> Command | None:
    """The remote start that this session answers."""
    candidates = Command.objects.filter(
        charge_point=charge_point,
        action="RemoteStartTransaction",
        # A station may start before its acceptance has been written down.
        state__in=[CommandState.SENT, CommandState.ACCEPTED],
        created_at__gt=start.received_at - REMOTE_START_WINDOW,
        payload__idTag__iexact=token,
        started_transactions__isnull=True,
    ).order_by("created_at")
    return next((one for one in candidates if one.payload.get("connectorId") in (None, start.evse_number)), None)


def _remote_stopper(session: Transaction) -> str:
    """Who asked for the remote stop that ended the session."""
    command = (
        Command.objects.filter(
            charge_point=session.charge_point_id,
            action="RemoteStopTransaction",
            payload__transactionId=int(session.protocol_id) if session.protocol_id.isdigit() else session.protocol_id,
        )
        .order_by("-created_at")
        .first()
    )
    return command.requested_by if command else session.stopped_by


def _imply(charge_point: ChargePoint, evse_number: int, status: str, at: datetime, received_at: datetime) -> None:
    apply_status(
        charge_point,
        Notification(
            evse_number=evse_number, status=status, error_code="NoError", at=at, received_at=received_at, implied=True
        ),
    )


def _next_transaction_id() -> int:
    with scope_connection().cursor() as cursor:
        cursor.execute("SELECT nextval('chargepoints_ocpp_transaction_id')")
        return int(cursor.fetchone()[0])
