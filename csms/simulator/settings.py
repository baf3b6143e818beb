"""What a simulation is told, what a station is, and what the fleet counts."""

from dataclasses import dataclass

from csms.simulator.car import Outlet


@dataclass(slots=True)
class Model:
    """What a station is."""

    vendor: str
    name: str
    outlets: list[Outlet]


@dataclass(slots=True)
class Settings:
    """What a simulation is told."""

    url: str
    tenant: str
    password: str | None
    tags: list[str]
    speed: float = 1.0
    sample_interval_s: int = 10
    offline_every_s: float = 600.0
    fault_every_s: float = 1800.0


@dataclass(slots=True)
class Counters:
    """What the progress line shows, over all stations."""

    online: int = 0
    messages: int = 0
    sessions: int = 0
    errors: int = 0
