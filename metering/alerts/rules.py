"""Which thresholds a meter's readings are compared with. Pure.

The most specific level that has one for the measurand decides: connector, then charge point, then tenant. A
threshold there that is switched off means that nothing is compared. One level may have several, of different
severity.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from metering.alerts.excursion import Bounds
from metering.readings import PHASES, Kind, default_unit

VOLTAGE = "Voltage"
BETWEEN_PHASES = frozenset({"L1-L2", "L2-L3", "L3-L1"})
# These end with the session, if no reading says so before.
OF_SESSION = ("Power.", "Current.")


class Rule(NamedTuple):
    """One threshold."""

    id: int
    measurand: str
    charge_point_id: int | None
    evse_number: int | None
    low: Decimal | None
    high: Decimal | None
    hysteresis: Decimal | None
    minimum_duration_s: int
    severity: str
    enabled: bool
    ac_only: bool = False

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.low, self.high, self.hysteresis, timedelta(seconds=self.minimum_duration_s))


class Rules:
    """The thresholds of a tenant, found by three look-ups."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rows = list(rules)
        self._by_place: defaultdict[tuple[str, int | None, int | None], list[Rule]] = defaultdict(list)
        for rule in self.rows:
            self._by_place[rule.measurand, rule.charge_point_id, rule.evse_number].append(rule)

    def of_meter(
        self, measurand: str, charge_point_id: int, evse_number: int, *, direct_current: bool = False
    ) -> list[Rule]:
        """What holds for the measurand at this EVSE. Where it is `direct_current`, rules for the other kind are none."""
        for place in ((charge_point_id, evse_number), (charge_point_id, None), (None, None)):
            found = self._by_place.get((measurand, *place), [])
            if found := [rule for rule in found if not (direct_current and rule.ac_only)]:
                return [rule for rule in found if rule.enabled]
        return []


def is_comparable(kind: Kind) -> bool:
    """Whether a threshold, which is in the usual unit and between phase and neutral, says anything of such values."""
    usual = default_unit(kind.measurand)
    if usual and kind.unit != usual:
        return False
    return not (kind.measurand == VOLTAGE and kind.phase in BETWEEN_PHASES)


def total_of(kind: Kind) -> Kind | None:
    """A threshold of power means all phases: the kind of the total that this phase's value is a part of."""
    if kind.measurand.startswith("Power.Active") and kind.phase in PHASES:
        return kind._replace(phase="")
    return None


def is_dead(volts: Decimal, low: Decimal) -> bool:
    """An outlet that is switched off: no voltage is no sag. (And a sag alarms only in a session.)"""
    return volts < low / 10


def ends_with_session(measurand: str, *, above: bool) -> bool:
    """Power and current, and the sag that is only looked for in one."""
    return measurand.startswith(OF_SESSION) or (measurand == VOLTAGE and not above)
