"""What a simulated station does when it is told to: unlock, change its availability, send a message.

Beside `station`, which lives; answers are words of OCPP 1.6.
"""

from typing import TYPE_CHECKING

from ocpp.v16 import call

from csms.simulator.connector import Connector

if TYPE_CHECKING:
    from csms.simulator.station import Station

VENDOR = "Simulated"


class Answers:
    """The station's side of commands."""

    def __init__(self, station: "Station") -> None:
        self.station = station
        self.operative = True

    # --- connectors ---

    def unlock(self, number: int) -> str:
        if not 1 <= number <= len(self.station.connectors):
            return "NotSupported"
        self.station.stop(self.station.connectors[number - 1], "UnlockCommand")
        return "Unlocked"

    def change_availability(self, number: int, kind: str) -> str:
        """At once where nothing runs; a running session ends first."""
        chosen = self.chosen(number)
        if chosen is None:
            return "Rejected"
        if number == 0:
            self.operative = kind == "Operative"
            self.station.spawn(self.station.send_status(0))
        for connector in chosen:
            connector.available = kind == "Operative"
            if not connector.available:
                self.station.reservations.end_on(connector.number)
            if connector.session is None:
                self.station.show_status(connector, self.idle_status(connector))
        return "Scheduled" if any(connector.session for connector in chosen) else "Accepted"

    def idle_status(self, connector: Connector) -> str:
        """Of a connector without a car."""
        return "Available" if connector.available else "Unavailable"

    def chosen(self, number: int) -> list[Connector] | None:
        """The connectors that a number means (0: all), or None for one that isn't there."""
        connectors = self.station.connectors
        if not 0 <= number <= len(connectors):
            return None
        return connectors if number == 0 else [connectors[number - 1]]

    # --- messages ---

    def trigger(self, requested: str, number: int | None) -> str:
        """The message follows the answer."""
        station = self.station
        chosen = self.chosen(number or 0)
        if chosen is None:
            return "Rejected"
        if requested == "BootNotification":
            station.spawn(station.wire.boot())
        elif requested == "Heartbeat":
            station.spawn(station.call(call.Heartbeat()))
        elif requested == "StatusNotification":
            for one in [number] if number is not None else range(len(station.connectors) + 1):
                station.spawn(station.send_status(one))
        elif requested == "MeterValues":
            for connector in chosen:
                station.spawn(self._send_reading(connector))
        elif not station.files.trigger(requested):
            return "NotImplemented"
        return "Accepted"

    async def _send_reading(self, connector: Connector) -> None:
        session = connector.session
        reading = connector.sampled(self.station.configuration.measurands(), "Trigger")
        if reading["sampled_value"]:
            await self.station.call(
                call.MeterValues(
                    connector_id=connector.number,
                    transaction_id=session.transaction_id if session else None,
                    meter_value=[reading],
                )
            )

    def data_transfer(self, vendor: str, message: str | None, data: str | None) -> tuple[str, str | None]:
        """It knows one vendor, its own, and one message: an echo."""
        if vendor != VENDOR:
            return "UnknownVendorId", None
        return ("Accepted", data) if message == "Echo" else ("UnknownMessageId", None)
