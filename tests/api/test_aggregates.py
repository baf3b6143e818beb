"""`GET /chargepoints/{id}/meter-values/aggregate`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from metering.readings import POWER
from tests.metering.aggregation.conftest import Bench

HOUR = timedelta(hours=1)
PATH = "/api/v1/chargepoints/CP1/meter-values/aggregate"


@pytest.fixture
def start() -> datetime:
    """Yesterday morning: whenever it is now, all of it is one day, one week and one month."""
    return datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def summed(station: ChargePoint, start: datetime) -> Bench:
    """7.5 kWh in the first hour at 7 to 8 kW, nothing in the second; 1 kWh at connector 2."""
    bench = Bench(station, start + 5 * HOUR)
    bench.put((start, 1000), (start + HOUR / 2, 5000), (start + HOUR, 8500), (start + 1.5 * HOUR, 8500))
    bench.put((start, 7000), (start + HOUR / 2, 8000), measurand=POWER)
    bench.put((start, 0), (start + HOUR / 2, 1000), evse_number=2)
    bench.aggregate(start, start + 2 * HOUR)
    return bench


def test_hours_carry_energy_power_and_statistics(api: APIClient, summed: Bench, start: datetime) -> None:
    rows = api.get(PATH, {"connectorId": "1", "startTime": start.isoformat()}).json()["data"]
    assert [row["totalEnergy"] for row in rows] == ["7.5", "0"]
    first = rows[0]
    assert first["startTime"] == start.isoformat().replace("+00:00", "Z")
    assert (first["maxPower"], first["avgPower"], first["sampleCount"]) == ("8", "7.5", 4)
    assert (first["energySource"], first["estimated"], first["complete"]) == ("register", False, True)
    power = next(one for one in first["measurands"] if one["measurand"] == POWER)
    assert power | {"lastTime": ""} == {
        **{"measurand": POWER, "phase": "", "location": "Outlet", "unit": "W", "lastTime": ""},
        **{"min": 7000.0, "max": 8000.0, "avg": 7500.0, "sum": 15000.0, "count": 2, "last": 8000.0},
    }


def test_every_connector_has_its_own_buckets(api: APIClient, summed: Bench, start: datetime) -> None:
    rows = api.get(PATH, {"period": "month"}).json()["data"]
    assert {row["connectorId"]: row["totalEnergy"] for row in rows} == {1: "7.5", 2: "1"}
    assert rows[0]["complete"] == (start.month != datetime.now(UTC).month)


@pytest.mark.parametrize("period", ["hour", "day", "week", "month"])
def test_all_periods_hold_the_same_energy(api: APIClient, summed: Bench, start: datetime, period: str) -> None:
    month = start.replace(day=1, hour=0).isoformat()
    rows = api.get(PATH, {"period": period, "connectorId": "1", "startTime": month}).json()["data"]
    assert sum(float(row["totalEnergy"]) for row in rows) == 7.5


def test_a_range_takes_what_begins_in_it(api: APIClient, summed: Bench, start: datetime) -> None:
    asked = {"startTime": (start + HOUR).isoformat(), "endTime": (start + 3 * HOUR).isoformat(), "connectorId": "1"}
    assert [row["totalEnergy"] for row in api.get(PATH, asked).json()["data"]] == ["0"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"period": "year"}, "period"),
        ({"connectorId": "-1"}, "connectorId"),
        ({"startTime": "soon"}, "startTime"),
        ({"startTime": "2026-11-02T00:00:00Z", "endTime": "2026-11-01T00:00:00Z"}, "startTime"),
        ({"startTime": "2020-11-02T00:00:00Z"}, "startTime"),
        ({"endTime": "0001-01-01T00:00:00Z"}, "endTime"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_wrong_parameters_are_named(api: APIClient, station: Any, asked: dict[str, str], field: str) -> None:
    answer = api.get(PATH, asked)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_another_tenants_station_is_not_there(stranger: APIClient, summed: Bench) -> None:
    assert stranger.get(PATH).status_code == 404


def test_a_fixed_number_of_queries(api: APIClient, summed: Bench, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12):
        assert api.get(PATH).status_code == 200
