"""What the site connections of a fleet can carry together, and what is taken under them. Callers hold the scope."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, Sum

from metering.selectors import sessions_with_power
from smartcharging.models import Circuit, CircuitLimit, CircuitMember

_OF_ROOTS = Q(circuit__parent=None, circuit__enabled=True)


class Capacity(NamedTuple):
    """Of a circuit at the top of its tree; `unit` A (on each phase) or W (in all). Voltage to neutral."""

    capacity: Decimal
    unit: str
    phases: int
    voltage: int

    def in_watts(self, amps: Decimal) -> Decimal:
        """That current on each of its phases."""
        return amps * self.voltage * self.phases


class Signal(NamedTuple):
    """A grid signal that holds now: A on each phase, or W in all."""

    limit_a: Decimal | None
    limit_w: Decimal | None


@dataclass(frozen=True, slots=True)
class FleetLimit:
    """`limit_w`: of all connections together, None where no circuit is switched on. `power_w`: what is taken under them."""

    limit_w: Decimal | None
    power_w: Decimal


def carried_w(capacity: Capacity, signals: Iterable[Signal]) -> Decimal:
    """W that a connection carries while these signals hold: the lowest counts. Pure."""
    own = capacity.capacity if capacity.unit == Circuit.Unit.WATT else capacity.in_watts(capacity.capacity)
    told = [one.limit_w if one.limit_w is not None else capacity.in_watts(one.limit_a or Decimal(0)) for one in signals]
    return min([own, *told])


def limits_by_tenant(now: datetime) -> dict[int, Decimal]:
    """W that the connections of each tenant in scope can carry; those without circuits are missing. Two queries."""
    signals: defaultdict[int, list[Signal]] = defaultdict(list)
    running = CircuitLimit.objects.filter(_OF_ROOTS, start_at__lte=now, end_at__gt=now, cancelled_at=None)
    for circuit_id, limit_a, limit_w in running.order_by().values_list("circuit_id", "limit_a", "limit_w"):
        signals[circuit_id].append(Signal(limit_a, limit_w))
    limits: defaultdict[int, Decimal] = defaultdict(Decimal)
    roots = Circuit.objects.filter(parent=None, enabled=True).order_by()
    for root in roots.only("tenant", "capacity", "unit", "phases", "voltage"):
        capacity = Capacity(root.capacity, root.unit, root.phases, root.voltage)
        limits[root.tenant_id] += carried_w(capacity, signals[root.pk])
    return dict(limits)


def fleet_limit(tenant_id: int, now: datetime) -> FleetLimit:
    """Of the tenant in scope; three queries."""
    member = CircuitMember.objects.filter(
        charge_point=OuterRef("charge_point"), evse_number=OuterRef("evse__number"), circuit__enabled=True
    )
    # Row-level security says whose: the tenant's id would lead to an index of all its sessions ever.
    under = sessions_with_power(now).filter(Exists(member))
    power = under.aggregate(total=Sum("last_power_w"))["total"] or Decimal(0)
    return FleetLimit(limits_by_tenant(now).get(tenant_id), power)
