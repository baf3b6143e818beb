"""The log of rounds, and how long it is kept."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smartcharging.allocation.shapes import NONE, PhaseAmps
from smartcharging.models import Circuit, CircuitRound, LimitSent
from tenants.context import system_transaction

KEPT = timedelta(days=30)
# A statement's share: locks are short, and a task that is stopped has done something.
DELETED_AT_ONCE = 5_000
MOST_DELETED = 500_000


@dataclass(slots=True)
class Report:
    """What a round has seen and done; A on L1, L2, L3 of the root."""

    cause: str
    strategy: str
    active: int = 0
    sent: int = 0
    compute_ms: float = 0.0
    capacity: PhaseAmps = NONE
    base: PhaseAmps = NONE
    allotted: PhaseAmps = NONE
    worst: PhaseAmps = NONE
    actual: PhaseAmps = NONE
    details: list[str] = field(default_factory=list)


def store_round(root: Circuit, report: Report, now: datetime) -> CircuitRound:
    """In the round's transaction."""
    return CircuitRound.objects.create(
        tenant_id=root.tenant_id,
        circuit=root,
        at=now,
        cause=report.cause[:40],
        strategy=report.strategy[:12],
        active=report.active,
        sent=report.sent,
        compute_ms=round(report.compute_ms, 1),
        capacity=_rounded(report.capacity),
        base=_rounded(report.base),
        allotted=_rounded(report.allotted),
        worst=_rounded(report.worst),
        actual=_rounded(report.actual),
        detail="; ".join(report.details)[:255],
    )


def delete_old_rounds(now: datetime) -> int:
    """Rounds and limits sent of more than 30 days ago, of all tenants; the number."""
    return sum(_delete(model, now - KEPT) for model in (CircuitRound, LimitSent))


def _delete(model: type[CircuitRound] | type[LimitSent], before: datetime) -> int:
    deleted = 0
    while deleted < MOST_DELETED:
        with system_transaction():
            old = list(
                model.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:DELETED_AT_ONCE]
            )
            model.objects.filter(pk__in=old).delete()
        deleted += len(old)
        if len(old) < DELETED_AT_ONCE:
            break
    return deleted


def _rounded(amps: Iterable[float]) -> list[float]:
    return [round(value, 2) for value in amps]
