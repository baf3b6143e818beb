"""Lines that apps above draw over what was measured: limits, for one. They register when the back office starts.

This app knows neither where such a line comes from nor what it stands for.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

# (time, value in the chart's stored unit); None: a gap. A step has two points at its time.
OverlayPoint = tuple[datetime, float] | None


@dataclass(frozen=True, slots=True)
class OverlayQuery:
    """What is drawn: a connector (None: all of the station together) from `start` to `end`."""

    charge_point_id: int
    evse_number: int | None
    start: datetime
    end: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Overlay:
    """A line for the charts whose stored unit is `unit` ("W", "A"), in that unit."""

    label: str
    unit: str
    points: Sequence[OverlayPoint]


# Called in the tenant's transaction.
Provider = Callable[[OverlayQuery], Iterable[Overlay]]
_providers: dict[str, Provider] = {}


def register_overlay(name: str) -> Callable[[Provider], Provider]:
    """Decorator: `provider(query)` gives lines to be drawn over the measured ones."""

    def register(provider: Provider) -> Provider:
        if name in _providers:
            raise ValueError(f"there is an overlay {name} already")
        _providers[name] = provider
        return provider

    return register


def overlays_of(query: OverlayQuery) -> list[Overlay]:
    """The lines of all apps, in the order in which these registered."""
    return [overlay for provider in _providers.values() for overlay in provider(query)]
