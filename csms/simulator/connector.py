"""One connector of a simulated station: plug, session, meter."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from csms.simulator.car import Car, Outlet, electrics
from csms.simulator.limits import Profile, limit_w

UNITS = {
    "Energy.Active.Import.Register": "Wh",
    "Power.Active.Import": "W",
    "Current.Import": "A",
    "Voltage": "V",
    "Temperature": "Celsius",
    "SoC": "Percent",
}


@dataclass
class Session:
    """A running transaction. `transaction_id` is None until the server has given one (offline start)."""

    id_tag: str
    car: Car
    started_at: datetime
    meter_start: int
    transaction_id: int | None = None
    ends_at: datetime | None = None
    seconds: float = 0.0
    stop_reason: str | None = None


@dataclass
class Connector:
    """`register_wh` rises over all sessions, as a real meter's does."""

    number: int
    outlet: Outlet
    rng: random.Random
    register_wh: float = 0.0
    status: str = "Available"
    available: bool = True
    session: Session | None = None
    power_w: float = 0.0
    profiles: list[Profile] = field(default_factory=list)

    def advance(self, seconds: float, station_profiles: list[Profile]) -> None:
        """Let time pass: energy flows within the limit in force."""
        session = self.session
        if session is None:
            self.power_w = 0.0
            return
        allowed = limit_w(self.profiles, datetime.now(UTC), session.started_at, self.outlet.phases, station_profiles)
        wanted = min(session.car.wanted_w(), self.outlet.max_w)
        target = wanted if allowed is None else min(wanted, allowed)
        # Ramps within a few seconds, and never stands quite still.
        self.power_w += (target - self.power_w) * min(1.0, seconds / 4)
        if target > 0:
            self.power_w = max(0.0, min(target, self.power_w * self.rng.uniform(0.992, 1.008)))
        else:
            self.power_w = 0.0
        energy = self.power_w * seconds / 3600
        self.register_wh += energy
        session.car.charge(energy)
        session.seconds += seconds

    def is_done(self) -> bool:
        """The car is full, or its time is up."""
        session = self.session
        if session is None:
            return False
        full = session.car.soc >= session.car.target_soc
        return full or (session.ends_at is not None and datetime.now(UTC) >= session.ends_at)

    def sampled(self, measurands: list[str], context: str = "Sample.Periodic") -> dict[str, Any]:
        """One element of `meterValue`, keys in snake_case as `ocpp` wants them."""
        shown = electrics(self.power_w, self.outlet, self.session.seconds if self.session else 0.0, self.rng)
        values = {
            "Energy.Active.Import.Register": f"{self.register_wh:.0f}",
            "Power.Active.Import": f"{shown.power_w:.0f}",
            "Voltage": f"{shown.voltage_v:.1f}",
            "Temperature": f"{shown.temperature_c:.1f}",
        }
        if self.outlet.dc and self.session:
            values["SoC"] = f"{self.session.car.soc * 100:.0f}"
        samples: list[dict[str, Any]] = []
        for measurand in measurands:
            head = {"context": context, "measurand": measurand, "unit": UNITS.get(measurand, "Wh")}
            if measurand == "Current.Import":
                phases = ["L1", "L2", "L3"][: self.outlet.phases] if not self.outlet.dc else [None]
                for phase in phases:
                    sample = {"value": f"{shown.current_a:.1f}", **head}
                    samples.append(sample | {"phase": phase} if phase else sample)
            elif measurand in values:
                samples.append({"value": values[measurand], **head})
        return {"timestamp": now_text(), "sampled_value": samples}


def now_text() -> str:
    """Now, as OCPP writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
