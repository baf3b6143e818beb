"""Sessions that hang: open, and without readings for longer than the tenant waits. They are closed as inferred."""

from datetime import datetime, timedelta

import structlog
from django.db.models import DurationField, ExpressionWrapper, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Greatest

from chargepoints.models import StationConnection, Transaction
from chargepoints.services.closing_sessions import close_silent
from metering.models import MeteringSettings
from tenants.context import system_transaction

log = structlog.get_logger(__name__)

BATCH = 200
# A station that has just come back may be about to replay what it kept.
REPLAY = timedelta(minutes=15)


def close_silent_sessions(now: datetime) -> int:
    """Close those that are due, the longest silent first, at most a batch; how many."""
    closed = 0
    for session, silent_since in _silent_sessions(now):
        try:
            closed += close_silent(transaction=session, silent_since=silent_since) is not None
        except Exception:
            # One that fails must not stand before the others.
            log.exception("silent session not closed", session_id=session.pk)
    return closed


def _silent_sessions(now: datetime) -> list[tuple[Transaction, datetime]]:
    """(session, since when nothing may have been heard of it).

    A station that is away may come back with the readings: it must have been away for as long itself.
    """
    hours = MeteringSettings.objects.filter(tenant=OuterRef("tenant")).values("close_after_hours")[:1]
    default = MeteringSettings._meta.get_field("close_after_hours").default
    connected = (
        StationConnection.objects.live().filter(charge_point=OuterRef("charge_point")).values("connected_at")[:1]
    )
    patience = ExpressionWrapper(F("hours") * Value(timedelta(hours=1)), output_field=DurationField())
    with system_transaction():
        rows = (
            Transaction.objects.filter(state=Transaction.State.ACTIVE)
            .annotate(hours=Coalesce(Subquery(hours), Value(default)), connected_at=Subquery(connected))
            .annotate(
                patience=patience,
                heard_at=Greatest(Coalesce("last_reading_at", "started_at"), "start_received_at"),
            )
            .filter(heard_at__lt=Value(now) - F("patience"))
            .filter(
                Q(connected_at__lt=now - REPLAY)
                # It connects again and again, and never says anything of this session.
                | Q(connected_at__isnull=False, heard_at__lt=Value(now) - F("patience") - F("patience"))
                | Q(connected_at=None, charge_point__last_seen_at=None)
                | Q(connected_at=None, charge_point__last_seen_at__lt=Value(now) - F("patience"))
            )
            .order_by("heard_at")[:BATCH]
        )
        return [(row, now - timedelta(hours=row.hours)) for row in rows]
