"""The one way a session ends, whoever ends it: its row, what hangs on it, and the event. Callers hold the row's lock."""

from datetime import datetime
from decimal import Decimal

from chargepoints.events import TransactionStopped
from chargepoints.models import ChargePoint, Transaction
from chargepoints.services.readings import last_register
from chargepoints.services.session_hooks import session_ended
from tenants.events import publish

State = Transaction.State


def end_session(
    session: Transaction,
    *,
    charge_point: ChargePoint,
    state: State,
    at: datetime,
    meter_wh: Decimal,
    received_at: datetime,
    reason: str,
    flags: list[str],
    id_tag: str = "",
    stopped_by: str = "",
) -> None:
    """In the open transaction. `meter_wh`: the register, Wh; `flags` are added to those that it has."""
    session.state, session.stopped_at, session.meter_stop_wh = state, at, meter_wh
    session.stop_received_at, session.stop_reason, session.stop_id_tag = received_at, reason, id_tag
    session.stopped_by = stopped_by
    session.flags = [*session.flags, *(flag for flag in flags if flag not in session.flags)]
    session.save()
    session_ended(session)
    publish(
        TransactionStopped(
            charge_point=charge_point.identity,
            at=at,
            session_id=session.pk,
            transaction_id=session.protocol_id,
            connector_id=session.evse.number,
            energy_wh=meter_wh - session.meter_start_wh,
            stopped_at=at,
            reason=reason,
            inferred=state == State.INFERRED,
            flags=session.flags,
        )
    )


def inferred_end(session: Transaction, next_start_wh: Decimal | None, now: datetime) -> tuple[Decimal, datetime]:
    """Register and time for a session that we end ourselves."""
    last = last_register(session.pk)
    if last is not None and last[0] >= session.meter_start_wh:
        return last
    if next_start_wh is not None and next_start_wh >= session.meter_start_wh:
        return next_start_wh, max(now, session.started_at)
    return session.meter_start_wh, max(now, session.started_at)
