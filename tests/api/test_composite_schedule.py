"""The composite schedule by REST: worked out here, or asked of the station."""

import asyncio

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from tenants.models import Tenant
from tests.api.conftest import make_session
from tests.api.profile_cast import (
    PROFILE,
    PROFILES,
    STATION,
    post,
)
from tests.conftest import eventually
from tests.smartcharging.profile_rows.fleet import a_profile, bring_online, install
from tests.stations import Connect


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as may be asked for: the answer is there sooner."""
    monkeypatch.setattr("smartcharging.api.composite.DEFAULT_WAIT_S", 30)


def test_the_composite_schedule_is_worked_out(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    install(tenant, online, a_profile("station_max", profile_id=1, kind="absolute", limit=20), 0)
    session = make_session(online, started_at=timezone.now())
    install(tenant, online, a_profile(profile_id=2, limit=16))
    query = "duration=600&chargingRateUnit=W"
    found = api.get(f"{STATION}/connectors/1/composite-schedule?{query}").json()["data"]
    assert (found["source"], found["duration"], found["chargingRateUnit"]) == ("csms", 600, "W")
    assert found["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 11040.0, "numberPhases": None}]
    assert session.pk
    empty = api.get(f"{STATION}/connectors/2/composite-schedule?startTime=2026-12-01T00:00:00Z").json()["data"]
    assert empty["scheduleStart"] == "2026-12-01T00:00:00.000Z"
    assert empty["chargingSchedulePeriod"][0]["limit"] in (20.0, None)


@pytest.mark.parametrize(
    "query",
    [
        "duration=0", "duration=x", "duration=99999999", "chargingRateUnit=kW", "startTime=noon", "source=me",
        "startTime=0001-01-01T00:00:00Z", "source=chargepoint&startTime=2026-12-01T00:00:00Z", "wait=99", "x=1",
    ],
)  # fmt: skip
def test_a_wrong_question_is_400(api: APIClient, online: ChargePoint, query: str) -> None:
    assert api.get(f"{STATION}/connectors/1/composite-schedule?{query}").status_code == 400


def test_a_station_that_cannot_say_is_a_conflict(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    path = f"{STATION}/connectors/1/composite-schedule?source=chargepoint&wait=0"
    assert api.get(path).status_code == 409
    bring_online(tenant, [station])
    reply = api.get(path)
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (409, "no_answer")


async def test_the_station_is_asked_for_its_own(api: APIClient, tenant: Tenant, connect: Connect) -> None:
    schedule = {"chargingRateUnit": "A", "duration": 60, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 9.5}]}
    async with connect("/ocpp/acme/CP1") as cp:
        cp.answers["GetCompositeSchedule"] = {
            "status": "Accepted", "connectorId": 1, "scheduleStart": timezone.now().isoformat(), "chargingSchedule": schedule
        }  # fmt: skip
        cp.answers["SetChargingProfile"] = {"status": "Accepted"}
        await cp.boot()
        path = f"{STATION}/connectors/1/composite-schedule?source=chargepoint&duration=60"
        reply = await asyncio.to_thread(api.get, path)
        assert reply.status_code == 200, reply.json()
        assert reply.json()["data"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 9.5, "numberPhases": None}
        ]
        sent = await asyncio.to_thread(post, api, PROFILE, 1, f"{PROFILES}?wait=30")
        assert sent.json()["data"]["status"] == "installed"
        cp.answers["GetCompositeSchedule"] = {"status": "Rejected"}
        refused = await asyncio.to_thread(api.get, path)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "not_reported")
        await eventually(lambda: any(action == "SetChargingProfile" for action, _ in cp.asked))
