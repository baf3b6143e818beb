"""Analytics outlive the readings: worked out soon after a session's end, and once more before its readings go."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from django.utils import timezone

from chargepoints.configuration_selectors import retention_days
from chargepoints.models import Transaction
from metering.models import SessionAnalytics
from metering.sessions.analytics import Analytics, Point
from metering.sessions.readings import analytics_of
from tenants.context import system_transaction, tenant_transaction

log = structlog.get_logger(__name__)

# The readings of the end are still on their way.
SETTLES = timedelta(minutes=15)
TRY_AGAIN = timedelta(hours=1)
BATCH = 300
_DECIMALS = ("energy_wh", "mean_power_w", "peak_power_w", "soc_start", "soc_end", "efficiency", "max_temperature")
_PLAIN = ("plugged_seconds", "charging_seconds", "idle_seconds", "power_source")


def queue_analytics(session: Transaction) -> None:
    """At a session's end, in its transaction; again where the station's stop supersedes ours."""
    SessionAnalytics.objects.update_or_create(
        transaction=session, defaults={"tenant_id": session.tenant_id, "due_at": timezone.now() + SETTLES}
    )


def analytics_of_any(session: Transaction, now: datetime) -> Analytics:
    """From the readings as long as all of them are kept, else as they were. `session` with its EVSE and station."""
    if session.stopped_at is not None and not _has_readings(session, now):
        kept = SessionAnalytics.objects.filter(transaction=session).first()
        if kept is not None and kept.content is not None:
            return read_content(kept.content)
    return analytics_of(session, now)


def kept_curve(session: Transaction, now: datetime) -> list[Point]:
    """The curve as it was worked out, of a session whose readings have gone; else empty: the readings tell it."""
    if session.stopped_at is None or _has_readings(session, now):
        return []
    kept = SessionAnalytics.objects.filter(transaction=session, content__isnull=False).first()
    return [] if kept is None or kept.content is None else read_content(kept.content).curve


def keep_due_analytics(now: datetime) -> int:
    """Work out those that are due, at most a batch; how many were kept."""
    with system_transaction():
        due = SessionAnalytics.objects.filter(due_at__lte=now).order_by("due_at")
        waiting = list(due.values_list("tenant_id", "transaction_id")[:BATCH])
    kept = 0
    for tenant_id, session_id in waiting:
        try:
            kept += _keep(tenant_id, session_id, now)
        except Exception:
            # One that fails must not stand before the others.
            log.exception("session analytics failed", session_id=session_id)
            with tenant_transaction(tenant_id):
                SessionAnalytics.objects.filter(transaction=session_id).update(due_at=now + TRY_AGAIN)
    return kept


def _keep(tenant_id: int, session_id: int, now: datetime) -> bool:
    with tenant_transaction(tenant_id):
        row = (
            SessionAnalytics.objects.select_for_update(of=("self",))
            .select_related("transaction", "transaction__evse", "transaction__charge_point")
            .filter(transaction=session_id, due_at__lte=now)
            .first()
        )
        if row is None:
            return False
        again = _readings_until(row.transaction) - timedelta(days=1)
        row.due_at = again if again > now else None
        # A stop that comes after the readings have gone must not put nothing in place of what is known.
        if row.content is None or _has_readings(row.transaction, now):
            row.content, row.computed_at = as_content(analytics_of(row.transaction, now)), now
        row.save(update_fields=["content", "computed_at", "due_at"])
    return True


def _has_readings(session: Transaction, now: datetime) -> bool:
    return now < _readings_until(session)


def _readings_until(session: Transaction) -> datetime:
    """Until when the first of the session's readings is kept."""
    began = max(session.started_at, session.start_received_at - timedelta(days=31))
    return began + timedelta(days=retention_days(session.charge_point))


def as_content(found: Analytics) -> dict[str, Any]:
    """As JSON: decimals as text, points as lists."""
    return {
        **{name: _text(getattr(found, name)) for name in _DECIMALS},
        **{name: getattr(found, name) for name in _PLAIN},
        "peak_at": found.peak_at.isoformat() if found.peak_at else None,
        "curve": [
            [point.at.isoformat(), _text(point.power_w), _text(point.energy_wh), _text(point.soc)]
            for point in found.curve
        ],
    }


def read_content(content: dict[str, Any]) -> Analytics:
    fields: dict[str, Any] = {
        **{name: _decimal(content[name]) for name in _DECIMALS},
        **{name: content[name] for name in _PLAIN},
    }
    return Analytics(
        **fields,
        peak_at=datetime.fromisoformat(content["peak_at"]) if content["peak_at"] else None,
        curve=[
            Point(datetime.fromisoformat(at), Decimal(watts), _decimal(energy), _decimal(soc))
            for at, watts, energy, soc in content["curve"]
        ],
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
