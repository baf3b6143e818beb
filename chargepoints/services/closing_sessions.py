"""Sessions that we end ourselves, because nobody else does: by an operator's hand, or after a long silence.

Every function locks the charge point's row first, as the station's own messages do (`transactions`).
"""

from datetime import datetime

from django.utils import timezone

from chargepoints.models import ChargePoint, Transaction
from chargepoints.services.session_end import end_session, inferred_end
from tenants.context import tenant_transaction
from tenants.services.audit import record

State = Transaction.State


class AlreadyEnded(Exception):
    """The session has ended already."""


def close_by_hand(*, transaction: Transaction, actor: str, reason: str, origin: str = "api") -> Transaction:
    """End a session that hangs; the station's own stop, should it come, supersedes this.

    The meter value is the last reading, else the next session's start value, else the start value.
    Raises AlreadyEnded.
    """
    with tenant_transaction(transaction.tenant_id):
        charge_point = ChargePoint.objects.select_for_update(no_key=True).get(pk=transaction.charge_point_id)
        session = (
            Transaction.objects.select_for_update(of=("self",), no_key=True)
            .select_related("evse")
            .get(pk=transaction.pk)
        )
        if session.state != State.ACTIVE:
            raise AlreadyEnded(session.protocol_id)
        now = timezone.now()
        following = _next_session(session)
        meter_wh, at = inferred_end(session, following.meter_start_wh if following else None, now)
        end_session(
            session,
            charge_point=charge_point,
            state=State.INFERRED,
            at=at,
            meter_wh=meter_wh,
            received_at=now,
            reason=reason or "Other",
            flags=["closed_by_hand"],
            stopped_by=actor,
        )
        record(actor=actor, origin=origin, action="close", target=session, changes={"reason": reason})
    return session


def close_silent(*, transaction: Transaction, silent_since: datetime) -> Transaction | None:
    """End a session that nothing has been heard of since; None where something has been meanwhile.

    It ends with its last reading, and where there is none, when it began; the station's own stop supersedes this.
    """
    with tenant_transaction(transaction.tenant_id):
        charge_point = ChargePoint.objects.select_for_update(no_key=True).get(pk=transaction.charge_point_id)
        session = (
            Transaction.objects.select_for_update(of=("self",), no_key=True)
            .select_related("evse")
            .get(pk=transaction.pk)
        )
        last_heard = max(session.last_reading_at or session.started_at, session.start_received_at)
        if session.state != State.ACTIVE or last_heard > silent_since:
            return None
        following = _next_session(session)
        meter_wh, at = inferred_end(
            session,
            following.meter_start_wh if following else None,
            session.last_reading_at or session.started_at,
        )
        end_session(
            session,
            charge_point=charge_point,
            state=State.INFERRED,
            at=at,
            meter_wh=meter_wh,
            received_at=timezone.now(),
            reason="Other",
            flags=["closed_without_readings"],
            stopped_by="system",
        )
        changes = {"silent_since": last_heard.isoformat()}
        record(actor="system", origin="system", action="close", target=session, changes=changes)
    return session


def _next_session(session: Transaction) -> Transaction | None:
    return (
        Transaction.objects.filter(connector=session.connector_id, started_at__gt=session.started_at)
        .order_by("started_at")
        .first()
    )
