"""A car that charges: what it draws, from its battery and the station's limit. Pure."""

import math
import random
from dataclasses import dataclass


@dataclass(slots=True)
class Car:
    """`capacity_wh` of battery, filled to `soc` (0..1), taking at most `max_w`, wanting `target_soc`."""

    capacity_wh: float
    soc: float
    max_w: float
    target_soc: float = 1.0

    def wanted_w(self) -> float:
        """What it would take now: constant up to 80 %, then tapering; nothing when full."""
        if self.soc >= self.target_soc:
            return 0.0
        taper = 1.0 if self.soc < 0.8 else max(0.06, 1 - (self.soc - 0.8) / 0.2 * 0.94)
        return self.max_w * taper

    def charge(self, wh: float) -> None:
        """Take energy; about 8 % is lost on the way into the battery."""
        self.soc = min(1.0, self.soc + wh * 0.92 / self.capacity_wh)


@dataclass(frozen=True, slots=True)
class Outlet:
    """What a connector can deliver. `dc` outlets know the car's state of charge."""

    max_w: float
    phases: int
    dc: bool = False


def random_car(outlet: Outlet, rng: random.Random) -> Car:
    """A car as they come: a battery of 30 to 90 kWh, somewhere between empty and two thirds full."""
    on_board = outlet.max_w if outlet.dc else rng.choice([3_700.0, 7_400.0, 11_000.0, 11_000.0, 22_000.0])
    return Car(
        capacity_wh=rng.uniform(30_000, 90_000),
        soc=rng.uniform(0.1, 0.66),
        max_w=min(on_board, outlet.max_w),
        target_soc=rng.choice([0.8, 0.9, 1.0]),
    )


@dataclass(frozen=True, slots=True)
class Electrics:
    """What the meter shows while `power_w` flows."""

    power_w: float
    voltage_v: float
    current_a: float
    temperature_c: float


def electrics(power_w: float, outlet: Outlet, seconds: float, rng: random.Random) -> Electrics:
    """Voltage sags and the cabinet warms with the load; a little noise on everything."""
    share = power_w / outlet.max_w if outlet.max_w else 0.0
    if outlet.dc:
        voltage = 390 + 20 * share + rng.uniform(-1, 1)
        current = power_w / voltage
    else:
        voltage = 231.5 - 4 * share + rng.uniform(-0.8, 0.8)
        current = power_w / voltage / outlet.phases
    temperature = 21 + 14 * share * (1 - math.exp(-seconds / 600)) + rng.uniform(-0.3, 0.3)
    return Electrics(power_w, voltage, current, temperature)
