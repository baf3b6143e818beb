"""Charging profiles by REST: set, listed, cleared, for one charge point and for many; templates; the composite schedule."""

import asyncio
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import BulkTarget, ChargePoint, Command, ConfigurationKey
from chargepoints.services.bulk_progress import advance_bulks
from smartcharging.models import ChargingProfile, ProfileTemplate
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import make_session, make_station
from tests.conftest import eventually
from tests.smartcharging.profile_rows.fleet import a_profile, answer, bring_online, install, last_command, make_fleet
from tests.stations import Connect

PROFILE: dict[str, Any] = {
    "chargingProfileId": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]},
}
STATION = "/api/v1/chargepoints/CP1"
PROFILES = f"{STATION}/charging-profiles"
BULK, CLEAR = "/api/v1/charging-profiles/bulk", "/api/v1/charging-profiles/clear"
TEMPLATES = "/api/v1/charging-profile-templates"


@pytest.fixture
def online(tenant: Tenant, station: ChargePoint) -> ChargePoint:
    bring_online(tenant, [station])
    return station


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *args, **options: None)


def changed(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(PROFILE), **changes}


def with_schedule(**changes: Any) -> dict[str, Any]:
    return changed(chargingSchedule={**PROFILE["chargingSchedule"], **changes})


def post(api: APIClient, profile: Any = PROFILE, connector: int = 1, path: str = PROFILES) -> Any:
    return api.post(path, {"connectorId": connector, "csChargingProfiles": profile}, format="json")


def fields_of(reply: Any) -> dict[str, str]:
    return {error["field"]: error["code"] for error in reply.json()["errors"]}


# --- setting ---


def test_a_profile_is_sent_and_installed_once_accepted(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    reply = post(api)
    assert reply.status_code == 202, reply.json()
    sent = reply.json()["data"]
    assert (sent["status"], sent["profileId"], sent["connectorId"], sent["source"]) == ("sending", 7, 1, "person")
    assert sent["csChargingProfiles"] == PROFILE
    answer(tenant, sent["commandId"])
    (row,) = api.get(PROFILES).json()["data"]
    assert (row["status"], row["purpose"], row["stackLevel"]) == ("installed", "TxDefaultProfile", 1)
    assert row["requestedBy"] == "alice"


def test_without_an_id_it_is_given_one(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    wanted = {name: value for name, value in PROFILE.items() if name != "chargingProfileId"}
    sent = post(api, wanted, path=f"{STATION}/connectors/1/set-charging-profile")
    assert sent.status_code == 400  # connectorId stands in the path
    sent = api.post(f"{STATION}/connectors/1/set-charging-profile", {"csChargingProfiles": wanted}, format="json")
    assert sent.json()["data"]["profileId"] >= 1_000_000
    assert last_command(tenant).payload["csChargingProfiles"]["chargingProfileId"] >= 1_000_000


@pytest.mark.parametrize(
    ("connector", "profile", "field", "code"),
    [
        (1, changed(stackLevel=99), "csChargingProfiles.stackLevel", "stack_level_too_high"),
        (1, changed(chargingProfilePurpose="Nonsense"), "csChargingProfiles.chargingProfilePurpose", "not_a_choice"),
        (
            1,
            changed(chargingProfilePurpose="ChargePointMaxProfile", chargingProfileKind="Absolute"),
            "csChargingProfiles.chargingProfilePurpose",
            "station_max_on_connector",
        ),
        (1, with_schedule(chargingSchedulePeriod=[]), "csChargingProfiles.chargingSchedule.chargingSchedulePeriod", "no_periods"),
        (1, {}, "csChargingProfiles.stackLevel", "missing"),
        (1, changed(surprise=1), "csChargingProfiles.surprise", "unknown_field"),
        (1, changed(validTo="2020-01-01T00:00:00Z"), "csChargingProfiles.validTo", "validity_over"),
    ],
)  # fmt: skip
def test_each_refusal_names_its_field_and_reason(
    api: APIClient, online: ChargePoint, connector: int, profile: Any, field: str, code: str
) -> None:
    reply = post(api, profile, connector)
    assert reply.status_code == 400
    assert fields_of(reply)[field] == code


def test_what_the_station_reports_is_kept_to(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    with tenant_transaction(tenant.pk):
        for key, value in {
            "ChargeProfileMaxStackLevel": "0",
            "ChargingScheduleAllowedChargingRateUnit": "Power",
            "ChargingScheduleMaxPeriods": "1",
        }.items():
            ConfigurationKey.objects.create(
                tenant=tenant, charge_point=online, key=key, value=value, reported_at=timezone.now()
            )
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 60, "limit": 8}]
    reply = post(api, with_schedule(chargingSchedulePeriod=periods))
    assert set(fields_of(reply).values()) == {"stack_level_too_high", "unit_not_supported", "too_many_periods"}


def test_a_session_profile_needs_and_names_its_session(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    wanted = changed(chargingProfilePurpose="TxProfile")
    reply = post(api, wanted)
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (409, "tx_without_transaction")
    session = make_session(online, "4711", started_at=timezone.now())
    sent = post(api, wanted).json()["data"]
    assert sent["sessionId"] == session.pk
    assert last_command(tenant).payload["csChargingProfiles"]["transactionId"] == 4711
    assert post(api, {**wanted, "transactionId": 1}).status_code == 400


def test_a_station_that_is_offline_or_full_is_a_conflict(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    assert post(api).status_code == 409
    with tenant_transaction(tenant.pk):
        assert not ChargingProfile.objects.exists()
        ConfigurationKey.objects.create(
            tenant=tenant,
            charge_point=station,
            key="MaxChargingProfilesInstalled",
            value="1",
            reported_at=timezone.now(),
        )
    bring_online(tenant, [station])
    install(tenant, station, a_profile(stack_level=3))
    reply = post(api)
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (409, "too_many_installed")
    # One that replaces what is there takes no more room.
    assert post(api, changed(stackLevel=3)).status_code == 202


def test_load_management_keeps_its_places(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    from smartcharging.models import Circuit, CircuitMember

    with tenant_transaction(tenant.pk):
        circuit = Circuit.objects.create(tenant=tenant, name="Site", capacity=63)
        CircuitMember.objects.create(tenant=tenant, circuit=circuit, charge_point=online, evse_number=1)
    reply = post(api, changed(stackLevel=8))
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (409, "held_by_load_management")
    assert post(api, changed(stackLevel=7)).status_code == 202
    with tenant_transaction(tenant.pk):
        Circuit.objects.update(enabled=False)
    assert post(api, changed(stackLevel=8)).status_code == 202


def test_the_list_is_filtered_and_keeps_the_history(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    install(tenant, online, a_profile(profile_id=1))
    install(tenant, online, a_profile(profile_id=2))
    install(tenant, online, a_profile("station_max", profile_id=3, kind="absolute", stack_level=2), 0)

    def ids(query: str) -> list[int]:
        return sorted(row["profileId"] for row in api.get(f"{PROFILES}?{query}").json()["data"])

    assert ids("") == [2, 3]
    assert ids("history=true") == [1, 2, 3]
    assert ids("state=replaced") == [1]
    assert ids("purpose=ChargePointMaxProfile") == ids("connectorId=0") == ids("stackLevel=2") == [3]
    assert ids("limit=1&history=true") == [3]


@pytest.mark.parametrize(
    "query", ["purpose=Tx", "stackLevel=x", "connectorId=-1", "state=gone", "history=maybe", "wait=1", "nonsense=1"]
)
def test_wrong_filters_are_400(api: APIClient, station: ChargePoint, query: str) -> None:
    assert api.get(f"{PROFILES}?{query}").status_code == 400


def test_a_profile_is_cleared_by_its_id(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    install(tenant, online, a_profile(profile_id=5))
    assert api.delete(f"{PROFILES}/6").status_code == 404
    assert api.delete(f"{PROFILES}/9999999999").status_code == 404
    reply = api.delete(f"{PROFILES}/5")
    assert reply.status_code == 202
    assert last_command(tenant).payload == {"id": 5}
    answer(tenant, reply.json()["data"]["commandId"])
    assert api.get(PROFILES).json()["data"] == []
    (row,) = api.get(f"{PROFILES}?state=cleared").json()["data"]
    assert row["detail"] == "Cleared by alice."


def test_load_managements_profile_is_not_cleared(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    install(tenant, online, a_profile(profile_id=5), source="circuit")
    reply = api.delete(f"{PROFILES}/5")
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (409, "held_by_load_management")


def test_strangers_and_viewers(
    api: APIClient, viewer: APIClient, stranger: APIClient, tenant: Tenant, online: ChargePoint
) -> None:
    install(tenant, online, a_profile(profile_id=5))
    assert viewer.get(PROFILES).status_code == 200
    assert post(viewer).status_code == viewer.delete(f"{PROFILES}/5").status_code == 403
    assert stranger.get(PROFILES).status_code == post(stranger).status_code == 404
    assert stranger.delete(f"{PROFILES}/5").status_code == 404
    assert stranger.get(f"{STATION}/connectors/1/composite-schedule").status_code == 404
    with tenant_transaction(tenant.pk):
        template = ProfileTemplate.objects.first()
    assert template is not None
    assert stranger.get(f"{TEMPLATES}/{template.pk}").status_code == 404
    body = {"chargePointIds": ["CP1"], "connectorId": 1, "csChargingProfiles": PROFILE}
    assert stranger.post(BULK, body, format="json").status_code == 400
    assert viewer.post(BULK, body, format="json").status_code == 403
    assert viewer.post(CLEAR, {"chargePointIds": ["CP1"]}, format="json").status_code == 403


# --- many ---


def test_bulk_set_tells_of_each_charge_point(api: APIClient, tenant: Tenant, no_worker: None) -> None:
    fits, too_low = make_fleet(tenant, 2)
    (away,) = make_fleet(tenant, 1, online=False, prefix="AWAY")
    with tenant_transaction(tenant.pk):
        ConfigurationKey.objects.create(
            tenant=tenant, charge_point=too_low, key="ChargeProfileMaxStackLevel", value="0", reported_at=timezone.now()
        )
    ids = [fits.identity, too_low.identity, away.identity]
    body = {"chargePointIds": ids, "connectorId": 1, "csChargingProfiles": changed(chargingProfileId=70)}
    reply = api.post(BULK, body, format="json")
    assert reply.status_code == 202, reply.json()
    advance_bulks()
    command = last_command(tenant)
    assert (command.charge_point_id, command.payload["csChargingProfiles"]["chargingProfileId"]) == (fits.pk, 70)
    answer(tenant, command.pk)
    advance_bulks()
    results = api.get(f"/api/v1/commands/bulk/{reply.json()['data']['bulkId']}/results").json()["data"]
    shown = {row["chargePointId"]: (row["status"], row["detail"]) for row in results}
    assert shown == {
        fits.identity: ("accepted", ""),
        too_low.identity: ("skipped", "The charge point's highest stack level is 0."),
        away.identity: ("skipped", "It was offline."),
    }
    (row,) = api.get(f"/api/v1/chargepoints/{fits.identity}/charging-profiles").json()["data"]
    assert (row["profileId"], row["status"], row["requestedBy"]) == (70, "installed", "alice")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"csChargingProfiles": changed(stackLevel=99)}, "csChargingProfiles.stackLevel"),
        ({"csChargingProfiles": changed(chargingProfilePurpose="TxProfile")}, "csChargingProfiles.chargingProfilePurpose"),
        ({"csChargingProfiles": PROFILE, "templateId": 1}, "csChargingProfiles"),
        ({"csChargingProfiles": PROFILE, "chargePointIds": ["NOWHERE"]}, "chargePointIds.0"),
        ({"csChargingProfiles": PROFILE, "connectorId": -1}, "connectorId"),
        ({"csChargingProfiles": PROFILE, "filter": {}}, "filter"),
        ({}, "csChargingProfiles"),
    ],
)  # fmt: skip
def test_a_bulk_order_that_cannot_be_is_refused(
    api: APIClient, station: ChargePoint, change: dict[str, Any], field: str
) -> None:
    reply = api.post(BULK, {"chargePointIds": ["CP1"], "connectorId": 1, **change}, format="json")
    assert reply.status_code == 400
    assert field in fields_of(reply) or any(name.startswith(field) for name in fields_of(reply)), reply.json()


def test_clearing_many_counts_and_spares_load_management(api: APIClient, tenant: Tenant, no_worker: None) -> None:
    one, other, managed = make_fleet(tenant, 3)
    for station in (one, other, managed):
        install(tenant, station, a_profile(profile_id=5, stack_level=4))
        install(tenant, station, a_profile(profile_id=6))
    install(tenant, managed, a_profile("tx_default", profile_id=8, stack_level=4), 2, source="circuit")
    body = {"chargePointIds": [row.identity for row in (one, other, managed)], "stackLevel": 4}
    reply = api.post(CLEAR, body, format="json")
    assert reply.status_code == 202, reply.json()
    assert (reply.json()["data"]["matched"], reply.json()["data"]["counts"]["skipped"]) == (2, 1)
    advance_bulks()
    with tenant_transaction(tenant.pk):
        commands = list(Command.objects.filter(action="ClearChargingProfile"))
        assert BulkTarget.objects.get(charge_point=managed).detail.startswith("Load management")
    assert [command.payload for command in commands] == [{"stackLevel": 4}] * 2
    for command in commands:
        answer(tenant, command.pk)
    with tenant_transaction(tenant.pk):
        left = ChargingProfile.objects.filter(state="installed").order_by("charge_point", "profile_id")
        assert list(left.values_list("charge_point_id", "profile_id")) == [
            (one.pk, 6), (other.pk, 6), (managed.pk, 5), (managed.pk, 6), (managed.pk, 8)
        ]  # fmt: skip


# --- templates ---


def test_every_tenant_starts_with_two_templates(api: APIClient, tenant: Tenant) -> None:
    overnight, solar = api.get(TEMPLATES).json()["data"]
    assert (overnight["name"], solar["name"]) == ("overnight", "solar hours")
    schedule = overnight["profile"]["chargingSchedule"]
    assert schedule["startSchedule"] == "2026-01-01T22:00:00.000Z"
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 32}, {"startPeriod": 28800, "limit": 6}]


def test_templates_are_made_changed_and_removed(api: APIClient, tenant: Tenant) -> None:
    made = api.post(TEMPLATES, {"name": "gentle", "profile": PROFILE}, format="json")
    assert made.status_code == 201, made.json()
    path = f"{TEMPLATES}/{made.json()['data']['id']}"
    assert "chargingProfileId" not in made.json()["data"]["profile"]
    clash = api.patch(path, {"name": "overnight"}, format="json")
    assert (clash.status_code, list(fields_of(clash))) == (400, ["name"])
    bad = api.patch(path, {"profile": changed(validTo="2020-01-01T00:00:00Z")}, format="json")
    assert list(fields_of(bad)) == ["profile.validTo"]
    later = (timezone.now() + timedelta(days=9)).isoformat()
    assert api.patch(path, {"profile": changed(validTo=later)}, format="json").status_code == 200
    renamed = api.patch(path, {"name": "softly"}, format="json").json()["data"]
    assert renamed["name"] == "softly"
    assert "validTo" in renamed["profile"]
    assert api.get(f"{TEMPLATES}?name=softly").json()["meta"]["count"] == 1
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_template_is_applied_to_many_and_to_one(
    api: APIClient, tenant: Tenant, online: ChargePoint, no_worker: None
) -> None:
    template = api.get(f"{TEMPLATES}?name=overnight").json()["data"][0]["id"]
    reply = api.post(f"{TEMPLATES}/{template}/apply", {"chargePointIds": ["CP1"], "connectorId": 0}, format="json")
    assert reply.status_code == 202, reply.json()
    advance_bulks()
    answer(tenant, last_command(tenant).pk)
    (row,) = api.get(PROFILES).json()["data"]
    assert (row["source"], row["templateId"], row["connectorId"]) == ("template", template, 0)
    one = api.post(PROFILES, {"connectorId": 1, "templateId": template}, format="json").json()["data"]
    assert (one["source"], one["templateId"]) == ("template", template)
    assert one["profileId"] != row["profileId"]
    missing = api.post(PROFILES, {"connectorId": 1, "templateId": template + 999}, format="json")
    assert missing.status_code == 404


# --- the composite schedule ---


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
        sent = await asyncio.to_thread(post, api, PROFILE, 1, f"{PROFILES}?wait=10")
        assert sent.json()["data"]["status"] == "installed"
        cp.answers["GetCompositeSchedule"] = {"status": "Rejected"}
        refused = await asyncio.to_thread(api.get, path)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "not_reported")
        await eventually(lambda: any(action == "SetChargingProfile" for action, _ in cp.asked))


# --- remote start ---


@pytest.mark.parametrize(
    ("profile", "field", "code"),
    [
        (PROFILE, "chargingProfile.chargingProfilePurpose", "start_needs_tx"),
        (
            changed(chargingProfilePurpose="TxProfile", transactionId=4),
            "chargingProfile.transactionId",
            "start_with_transaction",
        ),
        ({"chargingProfileId": 1}, "chargingProfile.chargingSchedule", "missing"),
    ],
)
def test_the_profile_of_a_remote_start_is_checked(
    api: APIClient, online: ChargePoint, profile: Any, field: str, code: str
) -> None:
    reply = api.post(f"{STATION}/remote-start", {"idTag": "TAG", "chargingProfile": profile}, format="json")
    assert reply.status_code == 400
    assert fields_of(reply)[field] == code


def test_the_profile_of_a_remote_start_is_listed(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    wanted = changed(chargingProfilePurpose="TxProfile")
    body = {"idTag": "TAG", "connectorId": 1, "chargingProfile": wanted}
    assert api.post(f"{STATION}/remote-start", body, format="json").status_code == 202
    (row,) = api.get(PROFILES).json()["data"]
    assert (row["source"], row["status"], row["connectorId"]) == ("remote_start", "sending", 1)


def test_another_tenants_template_is_not_applied(api: APIClient, tenant: Tenant, other_tenant: Tenant) -> None:
    make_station(tenant)
    with tenant_transaction(other_tenant.pk):
        foreign = ProfileTemplate.objects.first()
    assert foreign is not None
    reply = api.post(f"{TEMPLATES}/{foreign.pk}/apply", {"chargePointIds": ["CP1"], "connectorId": 0}, format="json")
    assert reply.status_code == 404
