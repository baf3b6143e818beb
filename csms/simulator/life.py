"""The days of a station: time passes, cars come and go, energy flows, now and then something breaks."""

import asyncio
from typing import TYPE_CHECKING

from csms.simulator.connector import Connector

if TYPE_CHECKING:
    from csms.simulator.station import Station

TICK_S = 1.0


class Life:
    """Goes on whether the station is connected or not."""

    def __init__(self, station: "Station") -> None:
        self.station = station

    async def run(self) -> None:
        """Tick for ever."""
        station, loop = self.station, asyncio.get_running_loop()
        arrivals = {connector.number: loop.time() + self._first_arrival_s() for connector in station.connectors}
        sampled = dict.fromkeys(arrivals, loop.time())
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            seconds, before = (now - before) * station.settings.speed, now
            for connector in station.connectors:
                connector.advance(seconds, station.profiles)
                if connector.session is None:
                    self._maybe_arrive(connector, arrivals, now)
                    continue
                if now - sampled[connector.number] >= max(1, station.configuration.number("MeterValueSampleInterval")):
                    sampled[connector.number] = now
                    station.sessions.take_sample(connector)
                if connector.is_done():
                    station.stop(connector, "Local" if connector.session.ends_at else "EVDisconnected")
            self._maybe_trouble(seconds / station.settings.speed)

    def _first_arrival_s(self) -> float:
        """Half of the stations have a car at once, so that there is something to see."""
        rng = self.station.rng
        return (rng.uniform(1, 8) if rng.random() < 0.55 else rng.uniform(30, 600)) / self.station.settings.speed

    def _maybe_arrive(self, connector: Connector, arrivals: dict[int, float], now: float) -> None:
        station = self.station
        if connector.available and connector.status == "Available" and now >= arrivals[connector.number]:
            arrivals[connector.number] = now + station.rng.uniform(120, 1800) / station.settings.speed
            station.spawn(station.sessions.plug_in(connector))

    def _maybe_trouble(self, seconds: float) -> None:
        station = self.station
        if station.link is not None and station.rng.random() < seconds / station.settings.offline_every_s:
            station.wire.stay_away(station.rng.uniform(5, 40))
        elif station.rng.random() < seconds / station.settings.fault_every_s:
            station.spawn(self._fault())

    async def _fault(self) -> None:
        station = self.station
        idle = [connector for connector in station.connectors if connector.session is None and connector.available]
        if idle:
            connector = station.rng.choice(idle)
            connector.available = False
            station.reservations.end_on(connector.number)
            error = station.rng.choice(["GroundFailure", "ConnectorLockFailure", "OverVoltage"])
            try:
                await station.send_status(connector.number, error)
                await asyncio.sleep(station.rng.uniform(20, 60))
            finally:
                # Also where the connection was lost meanwhile.
                connector.available = True
                connector.status = "Available" if connector.status == "Reserved" else connector.status
            await station.send_status(connector.number)
