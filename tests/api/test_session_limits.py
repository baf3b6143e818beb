"""Limits of tags, of sessions and of remote starts; metering settings; analytics."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, IdTag, Transaction
from metering.models import MeteringSettings, RemoteStartLimit, SessionLimit
from metering.readings import POWER, Kind
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import make_session
from tests.chargepoints.test_connection import stored
from tests.metering.conftest import NOW, message, reading
from tests.stations import Connect

BASE = "/api/v1"
TAG, SETTINGS = f"{BASE}/id-tags/card/limits", f"{BASE}/metering/settings"
NONE = {"maxEnergyWh": None, "maxDurationSeconds": None, "maxCost": None}


@pytest.fixture
def tag(tenant: Tenant) -> IdTag:
    with tenant_transaction(tenant.pk):
        return IdTag.objects.create(tenant=tenant, token="Card", token_key="card")


def test_limits_of_a_tag_are_set_replaced_and_taken_away(api: APIClient, tag: IdTag) -> None:
    assert api.get(TAG).json()["data"] == NONE
    put = api.put(TAG, {"maxEnergyWh": "20000.5", "maxCost": "12.50"})
    assert put.json()["data"] == {"maxEnergyWh": "20000.5", "maxDurationSeconds": None, "maxCost": "12.5"}
    api.put(TAG, {"maxDurationSeconds": 3600})
    assert api.get(TAG).json()["data"] == {**NONE, "maxDurationSeconds": 3600}
    assert api.delete(TAG).status_code == 204
    assert api.get(TAG).json()["data"] == NONE
    with tenant_transaction(tag.tenant_id):
        assert AuditEntry.objects.filter(action="limit").count() == 3


@pytest.mark.parametrize(
    "body",
    [{}, [], {"maxEnergyWh": "0"}, {"maxEnergyWh": "1e12"}, {"maxDurationSeconds": 0}, {"maxCost": "NaN"}, {"max": 1}],
)
def test_limits_of_nothing_are_refused(api: APIClient, tag: IdTag, body: Any) -> None:
    assert api.put(TAG, body).status_code == 400


def test_limits_are_walled_off(stranger: APIClient, viewer: APIClient, tag: IdTag, station: ChargePoint) -> None:
    session = make_session(station)
    assert stranger.get(TAG).status_code == 404
    assert stranger.put(TAG, {"maxEnergyWh": "1"}).status_code == 404
    assert stranger.get(f"{BASE}/transactions/{session.pk}/limits").status_code == 404
    assert stranger.get(f"{BASE}/transactions/{session.pk}/analytics").status_code == 404
    assert viewer.get(TAG).status_code == 200
    assert viewer.put(TAG, {"maxEnergyWh": "1"}).status_code == 403
    assert viewer.patch(SETTINGS, {"closeAfterHours": 5}).status_code == 403


def test_metering_settings_have_defaults_and_change_one_by_one(api: APIClient, tenant: Tenant) -> None:
    assert api.get(SETTINGS).json()["data"]["closeAfterHours"] == 24
    changed = api.patch(SETTINGS, {"closeAfterHours": 48, "maxSessionEnergyWh": "80000"})
    assert changed.status_code == 200, changed.content
    assert api.patch(SETTINGS, {"maxSessionEnergyWh": None}).json()["data"]["closeAfterHours"] == 48
    with tenant_transaction(tenant.pk):
        assert MeteringSettings.objects.get().max_session_energy_wh is None
        changes = list(AuditEntry.objects.order_by("id").values_list("changes", flat=True))
    assert changes[0] == {"close_after_hours": ["24", "48"], "max_session_energy_wh": [None, "80000.000"]}


@pytest.mark.parametrize("body", [{"hourDays": 7}, {"dayDays": 40_000}, {"closeAfterHours": None}, {"other": 1}, []])
def test_wrong_settings_are_refused(api: APIClient, tenant: Tenant, body: Any) -> None:
    assert api.patch(SETTINGS, body).status_code == 400


def test_a_session_shows_what_it_is_limited_to(api: APIClient, station: ChargePoint) -> None:
    session = make_session(station)
    url = f"{BASE}/transactions/{session.pk}/limits"
    assert api.get(url).json()["data"]["reached"] is None
    with tenant_transaction(station.tenant_id):
        SessionLimit.objects.create(
            tenant_id=station.tenant_id,
            transaction=session,
            max_energy_wh=5000,
            reached="energy",
            reached_at=NOW,
            attempts=2,
        )
    shown = api.get(url).json()["data"]
    assert (shown["maxEnergyWh"], shown["reached"], shown["attempts"]) == ("5000", "energy", 2)


async def test_a_remote_start_carries_limits_to_its_session(api: APIClient, tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await stored(tenant, lambda: IdTag.objects.create(tenant=tenant, token="TAG", token_key="tag"))
        station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
        body = {"idTag": "TAG", "limits": {"maxEnergyWh": "10000", "maxCost": "5"}}
        answer = await asyncio.to_thread(api.post, f"{BASE}/chargepoints/CP1/remote-start?wait=30", body)
        assert answer.status_code == 202, answer.content
        assert station.asked[-1] == ("RemoteStartTransaction", {"idTag": "TAG"})
        await station.start(timestamp=NOW.isoformat())
    session = await stored(tenant, Transaction.objects.get)
    shown = (await asyncio.to_thread(api.get, f"{BASE}/transactions/{session.pk}/limits")).json()["data"]
    assert (shown["maxEnergyWh"], shown["maxDurationSeconds"], shown["maxCost"]) == ("10000", None, "5")


@pytest.mark.parametrize("limits", [{}, {"maxEnergyWh": "-1"}, {"maxPower": 1}, "text", None])
def test_wrong_limits_of_a_remote_start_send_nothing(api: APIClient, station: ChargePoint, limits: Any) -> None:
    answer = api.post(f"{BASE}/chargepoints/CP1/remote-start", {"idTag": "TAG", "limits": limits})
    assert answer.status_code == 400
    with tenant_transaction(station.tenant_id):
        assert not Command.objects.exists()
        assert not RemoteStartLimit.objects.exists()


async def test_analytics_come_from_the_stored_readings(api: APIClient, station: ChargePoint) -> None:
    from metering.ingest.writer import SampleWriter

    start = NOW - timedelta(hours=1)
    session = await asyncio.to_thread(
        lambda: make_session(
            station,
            started_at=start,
            start_received_at=start,
            stopped_at=NOW,
            stop_received_at=NOW,
            meter_stop_wh=Decimal(7000),
            state="stopped",
        )
    )
    watts = Kind(POWER, "", "Outlet", "W")
    readings = [
        value
        for minutes in range(10, 61, 10)
        for at in [start + timedelta(minutes=minutes)]
        for value in (reading(str(1000 + 100 * minutes), at), reading("6000", at, watts))
    ]
    soc = reading("42", start + timedelta(minutes=10), Kind("SoC", "", "EV", "Percent"))
    writer = SampleWriter()
    await writer.write(message(station, *readings, soc, transaction_id=session.pk))
    await writer.close()
    shown = (await asyncio.to_thread(api.get, f"{BASE}/transactions/{session.pk}/analytics")).json()["data"]
    curve = shown.pop("curve")
    assert shown == {
        "energyWh": "6000",
        "pluggedSeconds": 3600,
        "chargingSeconds": 3600,
        "idleSeconds": 0,
        "meanPowerW": "6000",
        "peakPowerW": "6000",
        "peakTime": (start + timedelta(minutes=10)).isoformat().replace("+00:00", "Z"),
        "powerSource": "measured",
        "socStart": "42",
        "socEnd": "42",
        "efficiency": None,
        "maxTemperatureCelsius": None,
    }
    assert len(curve) == 6
    assert curve[-1]["energyWh"] == "6000"
