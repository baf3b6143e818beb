"""What allocation reasons about. A per phase as floats (a limit that is sent is rounded down to 0.1 A); times aware."""

from dataclasses import dataclass, field
from datetime import datetime

# On L1, L2, L3 of the circuit.
PhaseAmps = tuple[float, float, float]
NONE: PhaseAmps = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Node:
    """A circuit, as far as chargers may use it now: capacity less base load and grid signals, never below 0.

    `capacity_w` limits the sum over the phases (volts times amperes) where the circuit is rated in W.
    """

    id: int
    parent_id: int | None
    capacity_a: PhaseAmps
    capacity_w: float | None = None
    voltage: float = 230.0


@dataclass(frozen=True, slots=True)
class Load:
    """A connector on `node_id`, with or without a session.

    `phases`: indexes of the circuit's phases that it is wired to. `counted_a`: the highest limit that it may be
    following now, on each of its phases. `fixed`: nobody can change that now (offline, it doesn't answer, it doesn't
    obey), it only counts. `rest_a`: what it counts with while no session asks for more (its fallback).
    """

    id: int
    node_id: int
    phases: tuple[int, ...]
    min_a: float
    max_a: float
    counted_a: float
    rest_a: float = 0.0
    active: bool = False
    fixed: bool = False
    # The limit that it has confirmed; None: not known.
    current_a: float | None = None
    # What it takes on its highest phase; None: not known. `steady`: long enough after its limit was last changed.
    measured_a: float | None = None
    steady: bool = False
    priority: int = 0
    arrived_at: datetime | None = None
    departure_at: datetime | None = None
    # Still to be charged; None: not known, it takes what it gets.
    energy_left_wh: float | None = None
    raised_at: datetime | None = None
    served_since: datetime | None = None
    waiting_since: datetime | None = None
    # What it has had in its session; None: not known. Fairness by departure counts it as part of what was wanted.
    charged_wh: float | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a kWh costs from `start_at` to `end_at`."""

    start_at: datetime
    end_at: datetime
    price: float


@dataclass(frozen=True, slots=True)
class Rules:
    """The root's settings. `surplus_a`: what the sun leaves on each phase (strategy solar)."""

    strategy: str = "equal"
    rotation_s: float = 900.0
    raise_step_a: float | None = None
    hysteresis_a: float = 1.0
    hold_s: float = 30.0
    lend: bool = True
    lend_margin_a: float = 2.0
    prices: tuple[Price, ...] = ()
    surplus_a: PhaseAmps | None = None
    # For the linear program; past it the fair fallback answers.
    time_limit_s: float = 0.15


@dataclass(frozen=True, slots=True)
class Target:
    """What a load should be limited to, and the word for why (`equal_share`, `rotation_pause`, `lent_out`...)."""

    limit_a: float
    reason: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """Targets by load. `strategy` is the one that answered: the fallback's name where the wanted one could not."""

    targets: dict[int, Target]
    strategy: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A limit to be sent now."""

    load_id: int
    limit_a: float
    reason: str


@dataclass(slots=True)
class Plan:
    """Lowers, and the raises that already fit. `waiting`: raises that wait for lowers to be confirmed."""

    lowers: list[Change] = field(default_factory=list)
    raises: list[Change] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
