"""Charging profiles by REST: set, listed, cleared, for one charge point; and by whom."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, ConfigurationKey
from smartcharging.models import ChargingProfile, ProfileTemplate
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import make_session
from tests.api.profile_cast import (
    BULK,
    CLEAR,
    PROFILE,
    PROFILES,
    STATION,
    TEMPLATES,
    changed,
    fields_of,
    post,
    with_schedule,
)
from tests.smartcharging.profile_rows.fleet import a_profile, answer, bring_online, install, last_command


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
