"""Grid signals: for a time a circuit carries less. Honoured by the next round, which a new signal sets off."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext

from smartcharging.models import Circuit, CircuitLimit
from smartcharging.services.waking import wake_of_circuits
from tenants.context import tenant_transaction
from tenants.services.audit import record

# Of one circuit, running or to come.
MOST_LIMITS = 100
LONGEST = timedelta(days=31)
FARTHEST = timedelta(days=366)


class LimitRefused(Exception):
    """The signal can't be taken. `field` is the model's name of what is wrong, empty: the circuit has too many, or is gone."""

    def __init__(self, reason: str, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason, self.field, self.sentence = reason, field, sentence


class AlreadyOver(Exception):
    """The signal has ended, or was cancelled."""


def set_circuit_limit(
    *,
    circuit: Circuit,
    end_at: datetime,
    actor: str,
    origin: str,
    start_at: datetime | None = None,
    limit_a: Decimal | None = None,
    limit_w: Decimal | None = None,
    reason: str = "",
    now: datetime | None = None,
) -> CircuitLimit:
    """From `start_at` (None: now) to `end_at` the circuit carries no more than A on each phase, or W in all.

    Several at a time all hold. LimitRefused.
    """
    now = now or timezone.now()
    start_at = start_at or now
    _check(limit_a, limit_w, start_at, end_at, now)
    with tenant_transaction(circuit.tenant_id):
        # One at a time, so that the count holds.
        locked = Circuit.objects.select_for_update(of=("self",)).filter(pk=circuit.pk).first()
        if locked is None:
            raise LimitRefused("gone", "", gettext("The circuit was removed meanwhile."))
        if CircuitLimit.objects.filter(circuit=locked, end_at__gt=now, cancelled_at=None).count() >= MOST_LIMITS:
            sentence = gettext("The circuit has %(most_limits)s limits that run or are to come: cancel some first.") % {
                "most_limits": MOST_LIMITS
            }
            raise LimitRefused("too_many_limits", "", sentence)
        row = CircuitLimit.objects.create(
            tenant_id=circuit.tenant_id,
            circuit=locked,
            limit_a=limit_a,
            limit_w=limit_w,
            start_at=start_at,
            end_at=end_at,
            reason=reason[:240],
            requested_by=actor[:150],
            origin=origin[:20],
        )
        record(actor=actor, origin=origin, action="limit", target=locked, changes=_said(row))
        wake_of_circuits(tenant_id=circuit.tenant_id, circuit_ids=[circuit.pk], cause="grid_signal")
    return row


def cancel_circuit_limit(*, limit: CircuitLimit, actor: str, origin: str, now: datetime | None = None) -> CircuitLimit:
    """It holds no longer; the row stays. AlreadyOver."""
    now = now or timezone.now()
    with tenant_transaction(limit.tenant_id):
        running = CircuitLimit.objects.filter(pk=limit.pk, cancelled_at=None, end_at__gt=now)
        if not running.update(cancelled_at=now, cancelled_by=actor[:150]):
            raise AlreadyOver
        row: CircuitLimit = CircuitLimit.objects.select_related("circuit").get(pk=limit.pk)
        record(actor=actor, origin=origin, action="cancel limit", target=row.circuit, changes=_said(row))
        wake_of_circuits(tenant_id=row.tenant_id, circuit_ids=[row.circuit_id], cause="grid_signal")
    return row


def _check(
    limit_a: Decimal | None, limit_w: Decimal | None, start_at: datetime, end_at: datetime, now: datetime
) -> None:
    if (limit_a is None) == (limit_w is None):
        raise LimitRefused("one_unit", "limit_w", gettext("Give the limit in A or in W: exactly one of them."))
    if end_at <= start_at:
        raise LimitRefused("ends_before_start", "end_at", gettext("The end must be after the start."))
    if end_at <= now:
        raise LimitRefused("over_already", "end_at", gettext("The end must be in the future."))
    if start_at > now + FARTHEST:
        raise LimitRefused(
            "too_far_ahead", "start_at", gettext("At most %(days)s days ahead.") % {"days": FARTHEST.days}
        )
    if end_at - max(start_at, now) > LONGEST:
        sentence = gettext("At most %(days)s days: for longer, change the capacity.") % {"days": LONGEST.days}
        raise LimitRefused("too_long", "end_at", sentence)


def _said(row: CircuitLimit) -> dict[str, str | int]:
    limit = f"{row.limit_a:f} A" if row.limit_a is not None else f"{row.limit_w:f} W"
    return {
        "id": row.pk,
        "limit": limit,
        "from": row.start_at.isoformat(),
        "to": row.end_at.isoformat(),
        "reason": row.reason,
    }
