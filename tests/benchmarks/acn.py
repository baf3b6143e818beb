"""The algorithms of acnportal (Caltech's research simulator) on our car park: round robin, EDF, least laxity first.

Their code decides; this only tells it of the cars and the wires in its words. A period is a minute. Their stations have
pilots of 0 and of whole amperes from 6 A, as most of those in their own simulator. All loads are given phase angle 0, so
that their line currents are sums per phase, as ours are.
"""

import sys
import types
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from smartcharging.allocation.shapes import Load, Node
from smartcharging.allocation.wires import Wires, wires_of

from .charging_day import DAY, Strategy

# acnportal's file format asks it for a version number; it is imported with everything and gone from setuptools 82.
sys.modules.setdefault("pkg_resources", types.ModuleType("pkg_resources"))

from acnportal.acnsim.interface import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
    InfrastructureInfo,
    SessionInfo,
)
from acnportal.algorithms import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
    RoundRobin,
    SortedSchedulingAlgo,
    earliest_deadline_first,
    first_come_first_served,
    least_laxity_first,
)

SINCE = DAY.timestamp() / 60


class Interface:
    """What acnportal's algorithms ask of their simulator."""

    period = 1

    def __init__(self, wires: Wires, now: datetime) -> None:
        self.wires = wires
        self.current_time = round(now.timestamp() / 60 - SINCE)
        self.place = {str(load.id): index for index, load in enumerate(wires.loads)}

    def infrastructure_info(self) -> Any:
        count, names = len(self.wires.loads), [*self.place]
        return InfrastructureInfo(
            constraint_matrix=self.wires.matrix,
            constraint_limits=self.wires.free,
            phases=np.zeros(count),
            voltages=self.wires.watts,
            constraint_ids=[str(row) for row in range(len(self.wires.free))],
            station_ids=names,
            max_pilot=self.wires.upper,
            min_pilot=np.zeros(count),
            allowable_pilots=[
                np.array([0.0, *np.arange(low, np.floor(high) + 0.5)])
                for low, high in zip(self.wires.lower, self.wires.upper, strict=True)
            ],
            is_continuous=np.zeros(count, dtype=bool),
        )

    def sessions(self) -> list[Any]:
        return [
            SessionInfo(
                station_id=name,
                session_id=name,
                requested_energy=(load.energy_left_wh or 0.0) / 1000,
                energy_delivered=0.0,
                arrival=self._minute(load.arrived_at),
                departure=self._minute(load.departure_at),
                current_time=self.current_time,
            )
            for name, load in zip(self.place, self.wires.loads, strict=True)
        ]

    def max_pilot_signal(self, station: str) -> float:
        return float(self.wires.upper[self.place[station]])

    def remaining_amp_periods(self, session: Any) -> float:
        """At least 6, so that the last minute of a car is charged too."""
        needs = session.remaining_demand * 1000 * 60 / self.wires.watts[self.place[session.station_id]]
        return max(float(needs), 6.0)

    def _minute(self, at: datetime | None) -> int:
        assert at is not None
        return round(at.timestamp() / 60 - SINCE)


def _strategy(make: Callable[[], Any]) -> Strategy:
    def limits(nodes: Sequence[Node], loads: Sequence[Load], now: datetime) -> dict[int, float]:
        interface, algorithm = Interface(wires_of(nodes, loads), now), make()
        algorithm.register_interface(interface)
        pilots = algorithm.schedule(interface.sessions())
        return {int(station): float(rates[0]) for station, rates in pilots.items()}

    return limits


ALGORITHMS: dict[str, Strategy] = {
    "round robin": _strategy(lambda: RoundRobin(first_come_first_served)),
    "earliest deadline first": _strategy(lambda: SortedSchedulingAlgo(earliest_deadline_first)),
    "least laxity first": _strategy(lambda: SortedSchedulingAlgo(least_laxity_first)),
}
