"""What a simulated station holds for drivers: reserved connectors, and its local authorization list."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csms.simulator.station import Station

# A driver who reserved comes between these (seconds of the simulation).
ARRIVES_S = (20.0, 120.0)
COMES = 0.8


@dataclass(slots=True)
class Hold:
    """A connector (0: any) kept for a tag or its parent."""

    id: int
    number: int
    tag: str
    parent: str
    until: datetime


class Reservations:
    """ReserveNow, CancelReservation, and what follows from them (OCPP 1.6 §3.11)."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self.held: dict[int, Hold] = {}

    def reserve(self, hold: Hold) -> str:
        """ReservationStatus (OCPP 1.6 §7.38). The same id replaces what it held."""
        station = self._station
        if hold.until <= datetime.now(UTC):
            return "Rejected"
        self.cancel(hold.id)
        if hold.number == 0:
            if station.configuration.values["ReserveConnectorZeroSupported"] != "true":
                return "Rejected"
            free = sum(one.session is None and one.available for one in station.connectors)
            if free <= len(self.held):
                return "Occupied"
        elif hold.number > len(station.connectors):
            return "Rejected"
        else:
            connector = station.connectors[hold.number - 1]
            if not connector.available:
                return "Unavailable" if connector.status == "Unavailable" else "Faulted"
            if connector.session is not None or connector.status != "Available" or self._on(hold.number):
                return "Occupied"
            station.show_status(connector, "Reserved")
        self.held[hold.id] = hold
        station.spawn(self._live(hold))
        return "Accepted"

    def cancel(self, reservation_id: int) -> str:
        """CancelReservationStatus (OCPP 1.6 §7.3)."""
        hold = self.held.pop(reservation_id, None)
        if hold is None:
            return "Rejected"
        self._free(hold)
        return "Accepted"

    def allows(self, number: int, tag: str, parent: str = "") -> bool:
        """Whether a session with this tag may begin here."""
        hold = self._on(number)
        return hold is None or _is_for(hold, tag, parent)

    def use(self, number: int, tag: str) -> int | None:
        """The reservation that a session uses up, by connector first, then any."""
        for hold in sorted(self.held.values(), key=lambda one: -one.number):
            if hold.number in (0, number) and _is_for(hold, tag, ""):
                del self.held[hold.id]
                return hold.id
        return None

    def end_on(self, number: int) -> None:
        """The connector broke or was taken out of service."""
        if hold := self._on(number):
            del self.held[hold.id]

    def _on(self, number: int) -> Hold | None:
        return next((one for one in self.held.values() if one.number == number), None)

    async def _live(self, hold: Hold) -> None:
        """The driver comes in time, most often; else it runs out."""
        station = self._station
        left = (hold.until - datetime.now(UTC)).total_seconds()
        comes = station.rng.uniform(*ARRIVES_S) / station.settings.speed
        if comes < left and station.rng.random() < COMES:
            await asyncio.sleep(comes)
            if hold.id in self.held and hold.number:
                await station.sessions.plug_in(station.connectors[hold.number - 1], hold.tag)
                return
        await asyncio.sleep(max(0.0, (hold.until - datetime.now(UTC)).total_seconds()))
        if self.held.get(hold.id) is hold:
            self.cancel(hold.id)

    def _free(self, hold: Hold) -> None:
        if hold.number:
            connector = self._station.connectors[hold.number - 1]
            if connector.status == "Reserved":
                self._station.show_status(connector, "Available")


def _is_for(hold: Hold, tag: str, parent: str) -> bool:
    wanted = {hold.tag.lower(), hold.parent.lower()} - {""}
    return bool(wanted & {tag.lower(), parent.lower()})


def read_hold(connector_id: int, expiry_date: str, id_tag: str, reservation_id: int, parent: str | None) -> Hold:
    """From the fields of ReserveNow.req."""
    until = datetime.fromisoformat(expiry_date.replace("Z", "+00:00"))
    return Hold(reservation_id, connector_id, id_tag, parent or "", until)


@dataclass
class LocalList:
    """The local authorization list (OCPP 1.6 §3.5.2, §5.15). `limit(key)` reads the station's configuration."""

    limit: Callable[[str], str]
    version: int = 0
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def reported_version(self) -> int:
        """0: empty (§5.10)."""
        return self.version if self.entries or self.version else 0

    def send(self, version: int, update_type: str, given: list[dict[str, Any]]) -> str:
        """UpdateStatus (OCPP 1.6 §7.46). Nothing is taken where it can't be taken whole."""
        if self.limit("LocalAuthListEnabled") != "true":
            return "NotSupported"
        if len(given) > int(self.limit("SendLocalListMaxLength")):
            return "Failed"
        if update_type == "Differential" and version <= self.version:
            return "VersionMismatch"
        entries = {} if update_type == "Full" else dict(self.entries)
        for item in given:
            info = item.get("id_tag_info")
            if info is None:
                if update_type == "Full":
                    return "Failed"
                entries.pop(item["id_tag"].lower(), None)
            else:
                entries[item["id_tag"].lower()] = info
        if len(entries) > int(self.limit("LocalAuthListMaxLength")):
            return "Failed"
        self.version, self.entries = version, entries
        return "Accepted"

    def verdict(self, tag: str) -> str | None:
        """What it says of a tag now; None: not in it."""
        info = self.entries.get(tag.lower())
        if info is None:
            return None
        until = info.get("expiry_date")
        if until and datetime.fromisoformat(until.replace("Z", "+00:00")) < datetime.now(UTC) - timedelta(seconds=1):
            return "Expired"
        return str(info["status"])
