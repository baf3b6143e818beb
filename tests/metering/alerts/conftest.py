"""Readings for a comparison in memory, and what it finds."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from metering.alerts.comparison import Comparison
from metering.alerts.incidents import Incident
from metering.alerts.loading import Loaded
from metering.alerts.rules import Rule
from metering.ingest.message import MeterMessage
from metering.readings import ENERGY, POWER, Kind, Reading

NOW = datetime.now(UTC).replace(microsecond=0)
TENANT, STATION = 1, 7
TEMPERATURE = Kind("Temperature", "", "Outlet", "Celsius")
WATTS = Kind(POWER, "", "Outlet", "W")
VOLTS = Kind("Voltage", "L1", "Outlet", "V")
AMPERES = Kind("Current.Import", "L1", "Outlet", "A")
REGISTER = Kind(ENERGY, "", "Outlet", "Wh")
_NUMBERS = iter(range(1, 10**6))


def rule(measurand: str, low: Any = None, high: Any = None, **fields: Any) -> Rule:
    """A threshold of the tenant unless said otherwise."""
    given: dict[str, Any] = {
        "id": next(_NUMBERS),
        "measurand": measurand,
        "charge_point_id": None,
        "evse_number": None,
        "low": None if low is None else Decimal(low),
        "high": None if high is None else Decimal(high),
        "hysteresis": None,
        "minimum_duration_s": 0,
        "severity": "warning",
        "enabled": True,
    }
    return Rule(**given | fields)


class Seen:
    """A comparison of one tenant, and the incidents that it told."""

    def __init__(self, *rules: Rule, loaded: Loaded | None = None) -> None:
        self.told: list[Incident] = []
        self.comparison = Comparison(lambda tenant_id, incident: self.told.append(incident))
        self.comparison.learn(TENANT, loaded or Loaded(rules=list(rules)))

    def reads(
        self,
        kind: Kind,
        value: float | str,
        seconds: float = 0,
        *,
        session: int | None = None,
        evse: int = 1,
        **more: Any,
    ) -> list[Incident]:
        """One value, `seconds` from now by the station's clock, received at that time; what it told."""
        at = NOW + timedelta(seconds=seconds)
        return self.message(
            (kind, value, at), received_at=more.pop("received_at", at), session=session, evse=evse, **more
        )

    def message(
        self,
        *values: tuple[Kind, float | str, datetime],
        received_at: datetime,
        session: int | None = None,
        evse: int = 1,
        station: int = STATION,
        named: str = "",
    ) -> list[Incident]:
        self.told.clear()
        readings = [Reading(kind, at, 0, str(value), None, None) for kind, value, at in values]
        self.comparison.compare(
            MeterMessage(TENANT, station, evse, session, received_at, readings, named_transaction=named)
        )
        return list(self.told)


@pytest.fixture
def warm() -> Seen:
    """Temperature at most 70, at least -10."""
    return Seen(rule("Temperature", -10, 70))
