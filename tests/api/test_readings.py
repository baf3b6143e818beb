"""Readings of a station and of a session: filters, and pages in a total order."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from metering.models import Sample
from tenants.models import Tenant
from tests.api.conftest import make_session, make_station
from tests.api.readings import NOON, make_reading, make_series

BASE = "/api/v1"
Context = Sample.Context


def pages(api: APIClient, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """Follow the cursor to the end."""
    found = []
    while True:
        answer = api.get(BASE + path, query)
        assert answer.status_code == 200, answer.content
        found.append(answer.json()["data"])
        query["cursor"] = answer.json()["meta"]["next"]
        if query["cursor"] is None:
            return found


def values(api: APIClient, path: str, **query: Any) -> list[str]:
    return [row["value"] for page in pages(api, path, **query) for row in page]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 16])
def test_a_page_that_ends_between_two_contexts_skips_and_repeats_none(
    api: APIClient, station: ChargePoint, limit: int
) -> None:
    for measurand in ("Voltage", "Current.Import"):
        series = make_series(station, measurand)
        for context in (Context.PERIODIC, Context.CLOCK, Context.BEGIN, Context.END):
            make_reading(series, context=context)
            make_reading(series, 1, context=context)
    listed = pages(api, "/chargepoints/CP1/meter-values", limit=limit)
    assert all(len(page) <= limit for page in listed)
    contexts = ["Sample.Periodic", "Sample.Clock", "Transaction.Begin", "Transaction.End"]
    times = [f"{NOON:%Y-%m-%dT12:01:00Z}", f"{NOON:%Y-%m-%dT12:00:00Z}"]
    assert [(row["timestamp"], row["measurand"], row["context"]) for page in listed for row in page] == [
        (time, measurand, context)
        for time in times
        for measurand in ("Voltage", "Current.Import")
        for context in contexts
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["5", "4", "3", "2", "1"]),
        ({"connectorId": 2}, ["5"]),
        ({"connectorId": 9}, []),
        ({"measurand": "Voltage"}, ["5", "3", "2", "1"]),
        ({"phase": "L1"}, ["4"]),
        ({"phase": ""}, ["5", "3", "2", "1"]),
        ({"startTime": f"{NOON:%Y-%m-%dT12:02:00Z}"}, ["5", "4", "3"]),
        ({"endTime": f"{NOON:%Y-%m-%dT12:02:00Z}"}, ["2", "1"]),
        ({"startTime": f"{NOON:%Y-%m-%dT12:01:00Z}", "endTime": f"{NOON:%Y-%m-%dT12:03:00Z}"}, ["3", "2"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 100])
def test_readings_are_filtered_and_newest_first(
    api: APIClient, station: ChargePoint, query: dict[str, Any], found: list[str], limit: int
) -> None:
    volts, second = make_series(station), make_series(station, evse_number=2)
    amperes = make_series(station, "Current.Import", phase="L1", unit="A")
    for minute, (series, value) in enumerate([(volts, "1"), (volts, "2"), (volts, "3"), (amperes, "4"), (second, "5")]):
        make_reading(series, minute, value)
    assert values(api, "/chargepoints/CP1/meter-values", **query, limit=limit) == found


def test_values_are_exact_to_the_last_digit_that_is_stored(api: APIClient, station: ChargePoint) -> None:
    series = make_series(station)
    for minute, value in enumerate(["1234567890123456.123456789012", "-0.000000000001", "100.500"]):
        make_reading(series, minute, value)
    assert values(api, "/chargepoints/CP1/meter-values") == [
        "100.5",
        "-0.000000000001",
        "1234567890123456.123456789012",
    ]


def test_a_session_shows_its_readings_and_no_others(api: APIClient, station: ChargePoint) -> None:
    session = make_session(station, started_at=NOON, start_received_at=NOON)
    series = make_series(station)
    make_reading(series, -30, "1")
    make_reading(series, 1, "2", transaction_id=session.pk)
    make_reading(series, 2, "3", transaction_id=session.pk + 1)
    make_reading(series, 3, "4", transaction_id=session.pk, context=Context.END)
    path = f"/transactions/{session.pk}/meter-values"
    assert values(api, path, limit=1) == ["4", "2"]
    assert values(api, path, startTime=f"{NOON:%Y-%m-%dT12:02:00Z}") == ["4"]
    assert values(api, path, measurand="Current.Import") == []
    assert values(api, "/chargepoints/CP1/meter-values", transactionId=session.pk) == ["4", "2"]


def test_a_session_shows_what_a_station_with_a_wrong_clock_measured(api: APIClient, station: ChargePoint) -> None:
    """Its clock was set in the middle: the start is five hours late, and the last reading beyond the stop."""
    ended: dict[str, Any] = {"state": "stopped", "stopped_at": NOON, "meter_stop_wh": 1, "stop_received_at": NOON}
    session = make_session(station, started_at=NOON, start_received_at=NOON, **ended)
    series = make_series(station)
    make_reading(series, -300, "1", transaction_id=session.pk)
    make_reading(series, 300, "2", transaction_id=session.pk)
    assert values(api, f"/transactions/{session.pk}/meter-values") == ["2", "1"]


@pytest.mark.parametrize(("begun", "ended"), [(datetime.min, NOON), (NOON, datetime.max), (datetime.min, datetime.max)])
def test_a_session_with_an_absurd_clock_shows_its_readings(
    api: APIClient, station: ChargePoint, begun: datetime, ended: datetime
) -> None:
    times = {"started_at": begun.replace(tzinfo=UTC), "stopped_at": ended.replace(tzinfo=UTC)}
    fields: dict[str, Any] = {"state": "stopped", "meter_stop_wh": 1, "start_received_at": NOON, **times}
    session = make_session(station, **fields)
    make_reading(make_series(station), 1, transaction_id=session.pk)
    assert values(api, f"/transactions/{session.pk}/meter-values") == ["230"]
    assert api.get(f"{BASE}/transactions").json()["data"][0]["id"] == session.pk


def test_a_session_of_another_station_has_no_readings_here(
    api: APIClient, tenant: Tenant, station: ChargePoint
) -> None:
    other = make_session(make_station(tenant, "CP2"))
    make_reading(make_series(station), transaction_id=other.pk)
    assert values(api, "/chargepoints/CP1/meter-values", transactionId=other.pk) == []


@pytest.mark.parametrize("path", ["", "/export"])
def test_a_session_of_another_tenant_is_404(
    api: APIClient, stranger: APIClient, station: ChargePoint, path: str
) -> None:
    session = make_session(station)
    url = f"{BASE}/transactions/{session.pk}/meter-values{path}"
    assert api.get(url).status_code == 200
    assert stranger.get(url).status_code == 404
    assert stranger.get(f"{BASE}/chargepoints/CP1/meter-values{path}").status_code == 404


@pytest.mark.parametrize("name", ["connectorId", "transactionId", "location", "context", "format"])
def test_a_session_refuses_the_parameters_that_it_has_no_use_for(
    api: APIClient, station: ChargePoint, name: str
) -> None:
    session = make_session(station)
    for path in ("", "/export"):
        answer = api.get(f"{BASE}/transactions/{session.pk}/meter-values{path}", {name: "1"})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == name
