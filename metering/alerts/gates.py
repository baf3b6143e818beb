"""What a reading passes on its way: most find no threshold, or are inside, and are done with in a third of a microsecond.

A gate belongs to one series of one EVSE. It is made when the first reading comes, from the tenant's rules, and
made anew when those change; excursions under way are carried over.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from metering.alerts.direct_current import is_of_grid
from metering.alerts.excursion import Excursion, Excursions
from metering.alerts.register import Register
from metering.alerts.rules import Rule, Rules, is_comparable, total_of
from metering.readings import Kind

INFINITY = float("inf")
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Watched:
    """One rule at one gate, with the excursion under way and when it was last told (time of the reading)."""

    __slots__ = ("excursions", "rule", "session", "told_at")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.excursions = Excursions(rule.bounds)
        self.session: int | None = None
        self.told_at: datetime | None = None


class Gate:
    """`low < value < high`: nothing to look at. An open excursion closes the gate, so that every value is looked at."""

    __slots__ = ("high", "low", "newest", "register", "register_told_at", "total", "watched")

    def __init__(self, watched: list[Watched], register: Register | None = None, total: Kind | None = None) -> None:
        self.watched, self.register, self.total = watched, register, total
        self.register_told_at: datetime | None = None
        self.newest = LONG_AGO
        self.low, self.high = -INFINITY, INFINITY
        self.set()

    def set(self) -> None:
        """Work out `low` and `high`."""
        busy = self.register is not None or self.total is not None or self.is_active
        if busy:
            self.low, self.high = INFINITY, -INFINITY
            return
        self.low = max((_float(one.rule.low, -INFINITY) for one in self.watched), default=-INFINITY)
        self.high = min((_float(one.rule.high, INFINITY) for one in self.watched), default=INFINITY)

    @property
    def is_ac_only(self) -> bool:
        """Something here says nothing of direct current."""
        return any(one.rule.ac_only for one in self.watched)

    @property
    def is_active(self) -> bool:
        """An excursion is under way."""
        return any(one.excursions.excursion is not None for one in self.watched) or (
            self.register is not None and self.register.excursion is not None
        )

    def excursions(self) -> Iterator[Excursion]:
        """Those under way."""
        for one in self.watched:
            if one.excursions.excursion is not None:
                yield one.excursions.excursion
        if self.register is not None and self.register.excursion is not None:
            yield self.register.excursion


def make_gate(
    kind: Kind,
    charge_point_id: int,
    evse_number: int,
    rules: Rules,
    old: Gate | None = None,
    *,
    direct_current: bool = False,
) -> Gate | None:
    """The gate of a series; None where nothing is compared. What `old` has under way by the same rules goes on."""
    direct_current = direct_current and not is_of_grid(kind, evse_number)
    found = rules.of_meter(kind.measurand, charge_point_id, evse_number, direct_current=direct_current)
    if kind.measurand.endswith(".Register"):
        register = old.register if old is not None and old.register is not None else Register()
        gate = Gate(_watched(kind, found, old), register)
    else:
        total = total_of(kind)
        watched = [] if total is not None else _watched(kind, found, old)
        if total is None and not watched:
            return None
        if total is not None and not found:
            return None
        gate = Gate(watched, total=total)
    if old is not None:
        gate.newest, gate.register_told_at = old.newest, old.register_told_at
    return gate


def _watched(kind: Kind, rules: list[Rule], old: Gate | None) -> list[Watched]:
    if not is_comparable(kind):
        return []
    known = {one.rule.id: one for one in old.watched} if old is not None else {}
    found = []
    for rule in rules:
        one = known.get(rule.id) or Watched(rule)
        one.rule, one.excursions.bounds = rule, rule.bounds
        found.append(one)
    return found


def _float(bound: Decimal | None, absent: float) -> float:
    return absent if bound is None else float(bound)
