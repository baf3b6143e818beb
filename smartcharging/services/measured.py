"""What connectors take now, A on each of their phases, from metering's live statistics: one round trip for all.

The current where the station measures it; else its power, spread over the connector's phases. `at` is the station's
clock: readings that it dates too far from now say nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import redis
import structlog

from metering.live.keys import BASE, BUCKET_S, hash_key
from metering.live.read import _client as live_client

log = structlog.get_logger(__name__)

# A station that reports each minute, and late.
FRESH = timedelta(seconds=150)
# A clock that is ahead by no more than this is believed.
AHEAD = timedelta(minutes=2)
CURRENT, POWER = "Current.Import", "Power.Active.Import"
_PHASES = {"L1": 0, "L2": 1, "L3": 2, "L1-N": 0, "L2-N": 1, "L3-N": 2}
_SOUGHT = {f"|{measurand}|".encode(): measurand for measurand in (CURRENT, POWER)}
HASHES_AT_ONCE = 1000

# Of the connector's own phases.
Amps = tuple[float, float, float]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Measured:
    """A on the connector's own L1, L2, L3 at a time. `by_phase` False: worked out from a total."""

    amps: Amps
    at: datetime
    by_phase: bool

    @property
    def highest(self) -> float:
        return max(self.amps)


def measured_amps(
    places: Collection[Place], *, phases: dict[Place, int], voltage: float, now: datetime
) -> dict[Place, Measured]:
    """Of those connectors that have said something lately. Nothing at all where Redis is away."""
    stations = sorted({charge_point_id for charge_point_id, _ in places})
    found: dict[Place, dict[str, dict[str, tuple[float, datetime]]]] = {}
    for charge_point_id, fields in _hashes(stations, now):
        for name, packed in fields.items():
            measurand = next((word for mark, word in _SOUGHT.items() if mark in name), None)
            if measurand is None:
                continue
            evse, _, phase, location, _ = name.decode().removeprefix(BASE).split("|", 4)
            place = (charge_point_id, int(evse))
            if location != "Outlet" or place not in phases:
                continue
            statistics = orjson.loads(packed)
            at = datetime.fromtimestamp(statistics[5], UTC)
            if not now - FRESH <= at <= now + AHEAD:
                continue
            of_phase = found.setdefault(place, {}).setdefault(measurand, {})
            known = of_phase.get(phase)
            if known is None or at >= known[1]:
                of_phase[phase] = (float(statistics[4]), at)
    read = {place: _amps(values, phases[place], voltage) for place, values in found.items()}
    return {place: measured for place, measured in read.items() if measured is not None}


def _hashes(stations: list[int], now: datetime) -> Iterable[tuple[int, dict[bytes, bytes]]]:
    """The hashes that hold the last minutes: one, or two about a bucket's edge."""
    seconds = now.timestamp()
    edges = (seconds - FRESH.total_seconds(), seconds + AHEAD.total_seconds())
    buckets = sorted({int(edge) // BUCKET_S for edge in edges})
    keys = [(charge_point_id, bucket) for charge_point_id in stations for bucket in buckets]
    try:
        with live_client().pipeline(transaction=False) as pipeline:
            for charge_point_id, bucket in keys:
                pipeline.hgetall(hash_key(charge_point_id, bucket))
            hashes: list[dict[bytes, bytes]] = pipeline.execute()
    except redis.RedisError as error:
        log.warning("nothing measured is known", error=str(error)[:200])
        return []
    return zip((charge_point_id for charge_point_id, _ in keys), hashes, strict=True)


def _amps(values: dict[str, dict[str, tuple[float, datetime]]], phases: int, voltage: float) -> Measured | None:
    """The newer of the two measurands that is complete; at the same time the current."""
    candidates = []
    for measurand, divisor in ((CURRENT, 1.0), (POWER, voltage)):
        by_phase = values.get(measurand, {})
        parts = {_PHASES[phase]: (value / divisor, at) for phase, (value, at) in by_phase.items() if phase in _PHASES}
        if parts:
            amps = tuple(max(parts[index][0], 0.0) if index in parts else 0.0 for index in range(3))
            candidates.append(Measured((amps[0], amps[1], amps[2]), min(at for _, at in parts.values()), True))
        elif "" in by_phase:
            value, at = by_phase[""]
            # A current without a phase is each phase's; a power is the sum of all.
            each = max(value / divisor / (phases if measurand == POWER else 1), 0.0)
            spread = tuple(each if index < phases else 0.0 for index in range(3))
            candidates.append(Measured((spread[0], spread[1], spread[2]), at, False))
    return max(candidates, key=lambda one: (one.by_phase, one.at), default=None)
