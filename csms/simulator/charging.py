"""A simulated station's charging profiles: kept, replaced, cleared, and read back as one schedule (OCPP 1.6 §3.13)."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from csms.simulator.connector import Connector
from csms.simulator.limits import VOLTAGE, Profile, limit_w, moments

if TYPE_CHECKING:
    from csms.simulator.station import Station

LONGEST_SCHEDULE_S = 86_400
_NAMES = {
    "id": "charging_profile_id",
    "charging_profile_purpose": "charging_profile_purpose",
    "stack_level": "stack_level",
}


class Charging:
    """The profiles of the station (`station.profiles`) and of its connectors; what they allow is in `limits`."""

    def __init__(self, station: "Station") -> None:
        self.station = station

    def set_profile(self, number: int, profile: Profile) -> str:
        """Same purpose and stack level on the same connector: replaced; so is the same id, wherever it is."""
        chosen = self._chosen(number)
        if chosen is None or not self._fits(number, chosen, profile):
            return "Rejected"
        others = sum(
            len([one for one in held if not self._replaces(held, number, one, profile)]) for held in self._all()
        )
        if others >= self.station.configuration.number("MaxChargingProfilesInstalled"):
            return "Rejected"
        for held in self._all():
            held[:] = [one for one in held if not self._replaces(held, number, one, profile)]
        self._held(number).append(profile)
        return "Accepted"

    def _fits(self, number: int, chosen: list[Connector], profile: Profile) -> bool:
        configuration, purpose = self.station.configuration, profile["charging_profile_purpose"]
        if profile["stack_level"] > configuration.number("ChargeProfileMaxStackLevel"):
            return False
        periods = profile["charging_schedule"]["charging_schedule_period"]
        if len(periods) > configuration.number("ChargingScheduleMaxPeriods"):
            return False
        if purpose == "ChargePointMaxProfile":
            return number == 0
        return purpose != "TxProfile" or (number != 0 and _is_for(chosen[0], profile))

    def _replaces(self, held: list[Profile], number: int, old: Profile, new: Profile) -> bool:
        if old["charging_profile_id"] == new["charging_profile_id"]:
            return True
        same = ("charging_profile_purpose", "stack_level")
        return held is self._held(number) and all(old[key] == new[key] for key in same)

    def clear_profiles(self, criteria: dict[str, Any]) -> str:
        """By id, connector, purpose and stack level; all that fit, and all where nothing is named."""
        number = criteria.get("connector_id")
        if number is not None and self._chosen(number) is None:
            return "Unknown"
        cleared = 0
        for place, held in enumerate(self._all()):
            if number not in (None, place):
                continue
            kept = [one for one in held if not _matches(one, criteria)]
            cleared += len(held) - len(kept)
            held[:] = kept
        return "Accepted" if cleared else "Unknown"

    def begin_session(self, connector: Connector, profile: Profile | None) -> None:
        """A remote start brought a profile along: it is the session's."""
        if profile is not None:
            self.set_profile(connector.number, profile)

    def end_session(self, connector: Connector) -> None:
        """The profiles of a session end with it."""
        connector.profiles[:] = [one for one in connector.profiles if one["charging_profile_purpose"] != "TxProfile"]

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
        allowed = limit_w(connector.profiles, at, started, connector.outlet.phases, self.station.profiles)
        return connector.outlet.max_w if allowed is None else min(allowed, connector.outlet.max_w)

    def _moments(self, chosen: list[Connector], now: datetime, duration: int) -> list[datetime]:
        """Now, and when a limit may change within `duration` seconds."""
        end, found = now + timedelta(seconds=duration), {now}
        for connector in chosen:
            started = connector.session.started_at if connector.session else None
            for profile in (*connector.profiles, *self.station.profiles):
                found |= {at for at in moments(profile, now, end, started) if now < at < end}
        return sorted(found)

    def _chosen(self, number: int) -> list[Connector] | None:
        return self.station.answers.chosen(number)

    def _held(self, number: int) -> list[Profile]:
        return self._all()[number]

    def _all(self) -> list[list[Profile]]:
        """The station's, then those of connector 1, 2 ..."""
        return [self.station.profiles, *(connector.profiles for connector in self.station.connectors)]


def _is_for(connector: Connector, profile: Profile) -> bool:
    """Whether a TxProfile is for the session that runs there."""
    session, named = connector.session, profile.get("transaction_id")
    return session is not None and named in (None, session.transaction_id)


def _matches(profile: Profile, criteria: dict[str, Any]) -> bool:
    return all(profile[_NAMES[key]] == value for key, value in criteria.items() if key in _NAMES and value is not None)
