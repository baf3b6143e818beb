"""What a simulated station does when it is told to: unlock, change its availability, send a message, keep profiles.

Beside `station`, which lives; answers are words of OCPP 1.6.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ocpp.v16 import call

from csms.simulator.connector import Connector
from csms.simulator.limits import VOLTAGE, Profile, limit_w, moments

if TYPE_CHECKING:
    from csms.simulator.station import Station

VENDOR = "Simulated"
# A station has no endless memory, and no endless patience.
MOST_PROFILES = 20
LONGEST_SCHEDULE_S = 86_400
_NAMES = {
    "id": "charging_profile_id",
    "charging_profile_purpose": "charging_profile_purpose",
    "stack_level": "stack_level",
}


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
        chosen = self._chosen(number)
        if chosen is None:
            return "Rejected"
        if number == 0:
            self.operative = kind == "Operative"
            self.station._spawn(self.station._send_status(0))
        for connector in chosen:
            connector.available = kind == "Operative"
            if not connector.available:
                self.station.reservations.end_on(connector.number)
            if connector.session is None:
                self.station._set_status(connector, self.idle_status(connector))
        return "Scheduled" if any(connector.session for connector in chosen) else "Accepted"

    def idle_status(self, connector: Connector) -> str:
        """Of a connector without a car."""
        return "Available" if connector.available else "Unavailable"

    def _chosen(self, number: int) -> list[Connector] | None:
        """The connectors that a number means (0: all), or None for one that isn't there."""
        connectors = self.station.connectors
        if not 0 <= number <= len(connectors):
            return None
        return connectors if number == 0 else [connectors[number - 1]]

    # --- messages ---

    def trigger(self, requested: str, number: int | None) -> str:
        """The message follows the answer."""
        station = self.station
        chosen = self._chosen(number or 0)
        if chosen is None:
            return "Rejected"
        if requested == "BootNotification":
            station._spawn(station._boot())
        elif requested == "Heartbeat":
            station._spawn(station._call(call.Heartbeat()))
        elif requested == "StatusNotification":
            for one in [number] if number is not None else range(len(station.connectors) + 1):
                station._spawn(station._send_status(one))
        elif requested == "MeterValues":
            for connector in chosen:
                station._spawn(self._send_reading(connector))
        elif not station.files.trigger(requested):
            return "NotImplemented"
        return "Accepted"

    async def _send_reading(self, connector: Connector) -> None:
        session = connector.session
        reading = connector.sampled(self.station.configuration.measurands(), "Trigger")
        if reading["sampled_value"]:
            await self.station._call(
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

    # --- profiles ---

    def set_profile(self, number: int, profile: Profile) -> str:
        """Same purpose and stack level on the same connector: replaced; so is the same id, wherever it is."""
        chosen, purpose = self._chosen(number), profile["charging_profile_purpose"]
        if chosen is None or (purpose == "ChargePointMaxProfile" and number != 0):
            return "Rejected"
        if purpose == "TxProfile" and (number == 0 or chosen[0].session is None):
            return "Rejected"
        for held in self._all_profiles():
            held[:] = [one for one in held if one["charging_profile_id"] != profile["charging_profile_id"]]
        held = self.station.profiles if number == 0 else chosen[0].profiles
        same = ("charging_profile_purpose", "stack_level")
        kept = [one for one in held if any(one[key] != profile[key] for key in same)]
        if len(kept) >= MOST_PROFILES:
            return "Rejected"
        held[:] = [*kept, profile]
        return "Accepted"

    def clear_profiles(self, criteria: dict[str, Any]) -> str:
        """By id, connector, purpose and stack level; all that fit, and all where nothing is named."""
        number = criteria.get("connector_id")
        if number is not None and self._chosen(number) is None:
            return "Unknown"
        cleared = 0
        for place, held in enumerate(self._all_profiles()):
            if number not in (None, place):
                continue
            kept = [one for one in held if not _matches(one, criteria)]
            cleared += len(held) - len(kept)
            held[:] = kept
        return "Accepted" if cleared else "Unknown"

    def composite_schedule(self, number: int, duration: int, unit: str | None) -> dict[str, Any]:
        """GetCompositeSchedule.conf: what the profiles allow from now on, in steps."""
        chosen = self._chosen(number)
        if chosen is None or duration < 1:
            return {"status": "Rejected"}
        now, duration = datetime.now(UTC), min(duration, LONGEST_SCHEDULE_S)
        unit = unit or "W"
        steps: list[dict[str, Any]] = []
        for at in self._moments(chosen, now, duration):
            watts = sum(self._allowed_w(connector, at) for connector in chosen)
            limit = watts if unit == "W" else watts / VOLTAGE / max(one.outlet.phases for one in chosen)
            if not steps or steps[-1]["limit"] != round(limit, 1):
                steps.append({"start_period": round((at - now).total_seconds()), "limit": round(limit, 1)})
        return {
            "status": "Accepted",
            "connector_id": number,
            "schedule_start": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "charging_schedule": {
                "duration": duration,
                "charging_rate_unit": unit,
                "charging_schedule_period": steps,
            },
        }

    def _allowed_w(self, connector: Connector, at: datetime) -> float:
        started = connector.session.started_at if connector.session else None
        allowed = limit_w([*connector.profiles, *self.station.profiles], at, started, connector.outlet.phases)
        return connector.outlet.max_w if allowed is None else min(allowed, connector.outlet.max_w)

    def _moments(self, chosen: list[Connector], now: datetime, duration: int) -> list[datetime]:
        """Now, and when a limit may change within `duration` seconds."""
        end, found = now + timedelta(seconds=duration), {now}
        for connector in chosen:
            started = connector.session.started_at if connector.session else None
            for profile in (*connector.profiles, *self.station.profiles):
                found |= {at for at in moments(profile, now, end, started) if now < at < end}
        return sorted(found)

    def _all_profiles(self) -> list[list[Profile]]:
        """The station's, then those of connector 1, 2 ..."""
        return [self.station.profiles, *(connector.profiles for connector in self.station.connectors)]


def _matches(profile: Profile, criteria: dict[str, Any]) -> bool:
    return all(profile[_NAMES[key]] == value for key, value in criteria.items() if key in _NAMES and value is not None)
