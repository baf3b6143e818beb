"""`/chargepoints/{id}/configuration` and `/configuration`."""

import asyncio
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, ConfigurationKey
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.test_configuration import INTERVAL, report
from tests.chargepoints.test_connection import stored
from tests.stations import Connect

URL = "/api/v1/chargepoints/CP1/configuration"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as may be asked for: the answer is there sooner."""
    monkeypatch.setattr("chargepoints.api.configuration.DEFAULT_WAIT_S", 30)


def test_wanted_stands_against_reported(api: APIClient, station: ChargePoint) -> None:
    report(station, MeterValueSampleInterval="900")
    report(station, readonly=True, NumberOfConnectors="1")
    rows = {row["key"]: row for row in api.get(URL).json()["data"]}
    assert rows[INTERVAL]["drift"] is True
    assert (rows[INTERVAL]["value"], rows[INTERVAL]["desired"], rows[INTERVAL]["source"]) == ("900", "60", "default")
    assert rows["NumberOfConnectors"]["readonly"] is True
    assert rows["NumberOfConnectors"]["desired"] is None
    assert rows["MeterValueRetentionDays"]["value"] == "7"
    some = api.get(f"{URL}?keys=numberofconnectors,{INTERVAL},Unknown").json()["data"]
    assert [row["key"] for row in some] == [INTERVAL, "NumberOfConnectors"]


def test_a_change_for_an_offline_station_is_kept_and_pending(
    api: APIClient, station: ChargePoint, tenant: Tenant
) -> None:
    answer = api.put(URL, {INTERVAL: 10, "MeterValueRetentionDays": "3", "VendorKey": True})
    assert answer.status_code == 200, answer.content
    results = {row["key"]: (row["value"], row["result"]) for row in answer.json()["data"]}
    assert results == {
        INTERVAL: ("10", "Pending"),
        "MeterValueRetentionDays": ("3", "Accepted"),
        "VendorKey": ("true", "Pending"),
    }
    with tenant_transaction(tenant.pk):
        own = ChargePoint.objects.get().desired_configuration
        assert own == {INTERVAL: "10", "MeterValueRetentionDays": "3", "VendorKey": "true"}
        assert not Command.objects.exists()
    back = api.put(URL, {INTERVAL: None}).json()["data"]
    assert back == [{"key": INTERVAL, "value": "60", "result": "Pending", "commandId": None}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ([], None),
        ("text", None),
        ({INTERVAL: "often"}, INTERVAL),
        ({INTERVAL: 1.5}, INTERVAL),
        ({"AuthorizationKey": "0123456789abcdef"}, "AuthorizationKey"),
        ({"MeterValueRetentionDays": 0}, "MeterValueRetentionDays"),
        ({"NumberOfConnectors": "9"}, "NumberOfConnectors"),
        ({"Reported": "1"}, "Reported"),
        ({"x" * 51: "1"}, "x" * 51),
        ({str(number): "1" for number in range(51)}, None),
    ],
)
def test_wrong_wishes_are_refused_by_name(
    api: APIClient, station: ChargePoint, tenant: Tenant, body: Any, field: str | None
) -> None:
    report(station, readonly=True, Reported="0")
    answer = api.put(URL, body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field
    with tenant_transaction(tenant.pk):
        assert ChargePoint.objects.get().desired_configuration == {}


@pytest.mark.parametrize("query", ["refresh=yes", "keys=", "keys=,", "keys=" + "x" * 51, "wait=1", "other=1"])
def test_wrong_queries_are_refused(api: APIClient, station: ChargePoint, query: str) -> None:
    assert api.get(f"{URL}?{query}").status_code == 400


def test_refreshing_an_offline_station_is_409(api: APIClient, station: ChargePoint) -> None:
    assert api.get(f"{URL}?refresh=true").status_code == 409


def test_a_stranger_sees_nothing_and_a_viewer_changes_nothing(
    stranger: APIClient, viewer: APIClient, station: ChargePoint
) -> None:
    assert stranger.get(URL).status_code == 404
    assert stranger.put(URL, {INTERVAL: "1"}).status_code == 404
    assert stranger.post(f"{URL}/reset").status_code == 404
    assert viewer.get(URL).status_code == 200
    assert viewer.put(URL, {INTERVAL: "1"}).status_code == 403
    assert viewer.put("/api/v1/configuration", {INTERVAL: "1"}).status_code == 403


async def test_the_station_is_asked_and_its_answer_shown(api: APIClient, tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["GetConfiguration"] = {
            "configurationKey": [
                {"key": INTERVAL, "readonly": False, "value": "30"},
                {"key": "AuthorizationKey", "readonly": False, "value": "secret-secret-secret"},
            ],
            "unknownKey": ["Gone"],
        }
        answer = await asyncio.to_thread(api.get, f"{URL}?refresh=true&keys={INTERVAL},AuthorizationKey,Gone")
        assert station.asked[0] == ("GetConfiguration", {"key": [INTERVAL, "AuthorizationKey", "Gone"]})
    assert [(row["key"], row["value"]) for row in answer.json()["data"]] == [
        ("AuthorizationKey", None),
        (INTERVAL, "30"),
    ]


async def test_a_station_that_does_not_answer_shows_what_is_known(
    api: APIClient, tenant: Tenant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargepoints.api.configuration.DEFAULT_WAIT_S", 0)
    async with connect() as station:
        del station.answers["GetConfiguration"]
        answer = await asyncio.to_thread(api.get, f"{URL}?refresh=true&keys={INTERVAL}")
    assert answer.status_code == 200
    assert answer.json()["data"][0]["value"] is None


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("Accepted", "Accepted"),
        ("RebootRequired", "RebootRequired"),
        ("Rejected", "Rejected"),
        ("NotSupported", "NotSupported"),
    ],
)
async def test_021_040_a_change_is_sent_and_answered_key_by_key(
    api: APIClient, tenant: Tenant, connect: Connect, status: str, result: str
) -> None:
    async with connect() as station:
        station.answers["ChangeConfiguration"] = {"status": status}
        answer = await asyncio.to_thread(api.put, URL, {INTERVAL: "10", "VendorKey": "x"})
        assert sorted(payload["key"] for _, payload in station.asked) == [INTERVAL, "VendorKey"]
    assert {row["key"]: row["result"] for row in answer.json()["data"]} == {INTERVAL: result, "VendorKey": result}
    commands = {row["commandId"] for row in answer.json()["data"]}
    assert commands == set(
        await stored(tenant, lambda: {str(pk) for pk in Command.objects.values_list("pk", flat=True)})
    )


async def test_a_reset_sends_what_the_tenant_wants(api: APIClient, tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        await asyncio.to_thread(api.put, URL, {INTERVAL: "10", "VendorKey": "x"})
        answer = await asyncio.to_thread(api.post, f"{URL}/reset")
        assert station.asked[-1] == ("ChangeConfiguration", {"key": INTERVAL, "value": "60"})
    assert {row["key"]: (row["value"], row["result"]) for row in answer.json()["data"]} == {
        INTERVAL: ("60", "Accepted"),
        "VendorKey": (None, "Accepted"),
    }
    assert await stored(tenant, lambda: ChargePoint.objects.get().desired_configuration) == {}
    assert await stored(tenant, lambda: ConfigurationKey.objects.get(key=INTERVAL).value) == "60"


def test_the_tenants_wishes_are_shown_and_changed(api: APIClient, station: ChargePoint, tenant: Tenant) -> None:
    answer = api.put("/api/v1/configuration", {"heartbeatinterval": 120, "ClockAlignedDataInterval": "300"})
    assert answer.status_code == 200
    rows = {row["key"]: (row["value"], row["source"]) for row in answer.json()["data"]}
    assert rows["HeartbeatInterval"] == ("120", "tenant")
    assert rows[INTERVAL] == ("60", "default")
    assert api.get("/api/v1/configuration").json() == answer.json()
    assert {row["key"]: row["source"] for row in api.get(URL).json()["data"]}["HeartbeatInterval"] == "tenant"
    api.put("/api/v1/configuration", {"HeartbeatInterval": None})
    with tenant_transaction(tenant.pk):
        assert Tenant.objects.get().desired_configuration == {"ClockAlignedDataInterval": "300"}
