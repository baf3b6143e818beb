"""The simulated station keeps charging profiles as a real one does."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from csms.simulator.car import Car, Outlet
from csms.simulator.connector import Session
from csms.simulator.journal import Journal
from csms.simulator.limits import limit_w
from csms.simulator.settings import Counters, Model, Settings
from csms.simulator.station import Station

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
async def station() -> Station:
    """Two connectors of 22 kW; a car on the first, its transaction is 7."""
    outlet = Outlet(max_w=22_000, phases=3)
    settings = Settings(url="ws://nowhere", tenant="acme", password=None, tags=["TAG"])
    made = Station("SIM1", Model("V", "M", [outlet, outlet]), settings, random.Random(1), Journal(None), Counters())
    charge(made, 7)
    return made


def charge(station: Station, transaction_id: int | None) -> None:
    car = Car(capacity_wh=60_000, soc=0.2, max_w=11_000)
    now = datetime.now(UTC)
    station.connectors[0].session = Session("TAG", car, now, 0, transaction_id=transaction_id)


def profile(purpose: str = "TxDefaultProfile", limit: float = 10, **changes: Any) -> dict[str, Any]:
    return {
        "charging_profile_id": 1,
        "stack_level": 0,
        "charging_profile_purpose": purpose,
        "charging_profile_kind": "Relative",
        "charging_schedule": {
            "charging_rate_unit": "A",
            "charging_schedule_period": [{"start_period": 0, "limit": limit}],
        },
        **changes,
    }


def amperes(station: Station, number: int = 1) -> list[float]:
    found = station.charging.composite_schedule(number, 600, "A")
    return [step["limit"] for step in found["charging_schedule"]["charging_schedule_period"]]


async def test_same_place_and_same_id_replace(station: Station) -> None:
    keep = station.charging.set_profile
    assert keep(1, profile(limit=10)) == "Accepted"
    assert keep(1, profile(limit=8, charging_profile_id=2)) == "Accepted"
    assert len(station.connectors[0].profiles) == 1
    assert keep(2, profile(limit=7, charging_profile_id=2)) == "Accepted"
    assert station.connectors[0].profiles == []
    assert amperes(station, 2) == [round(22_000 / 690, 1)]


async def test_what_it_refuses_changes_nothing(station: Station) -> None:
    assert station.charging.set_profile(1, profile(limit=10)) == "Accepted"
    for number, refused in (
        (1, profile(stack_level=99)),
        (1, profile("ChargePointMaxProfile")),
        (0, profile("TxProfile")),
        (2, profile("TxProfile")),
        (1, profile("TxProfile", transaction_id=8)),
        (9, profile()),
    ):
        assert station.charging.set_profile(number, refused) == "Rejected"
    station.configuration.values["MaxChargingProfilesInstalled"] = "1"
    assert station.charging.set_profile(1, profile(charging_profile_id=2, stack_level=1)) == "Rejected"
    station.configuration.values["ChargingScheduleMaxPeriods"] = "0"
    assert station.charging.set_profile(1, profile(limit=5)) == "Rejected"
    assert amperes(station) == [10]


async def test_a_session_profile_ends_with_its_session(station: Station) -> None:
    station.charging.set_profile(1, profile(limit=20))
    station.charging.set_profile(1, profile("TxProfile", limit=6, charging_profile_id=2, transaction_id=7))
    assert amperes(station) == [6]
    station.stop(station.connectors[0], "Local")
    charge(station, 8)
    assert amperes(station) == [20]


async def test_its_own_default_comes_before_a_common_one(station: Station) -> None:
    station.charging.set_profile(0, profile(limit=9, charging_profile_id=1, stack_level=5))
    assert amperes(station) == [9]
    station.charging.set_profile(1, profile(limit=12, charging_profile_id=2))
    assert amperes(station) == [12]


async def test_it_draws_no_more_than_it_may(station: Station) -> None:
    connector = station.connectors[0]
    station.charging.set_profile(1, profile(limit=6))
    for _ in range(60):
        connector.advance(1, station.profiles)
        assert connector.power_w <= 6 * 690
    assert connector.power_w > 5.5 * 690
    station.charging.set_profile(1, profile(limit=0))
    connector.advance(1, station.profiles)
    assert connector.power_w == 0


def test_a_recurring_profile_does_not_hold_before_its_first_time() -> None:
    tomorrow = (NOON + timedelta(hours=20)).isoformat()
    daily = profile(charging_profile_kind="Recurring", recurrency_kind="Daily")
    daily["charging_schedule"] |= {"start_schedule": tomorrow, "duration": 86_400}
    assert limit_w([daily], NOON, NOON, 3) is None
    assert limit_w([daily], NOON + timedelta(hours=21), NOON, 3) == 10 * 690
