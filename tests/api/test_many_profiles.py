"""Charging profiles by REST, for many charge points; templates, which are applied to them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import BulkTarget, ChargePoint, Command, ConfigurationKey
from chargepoints.services.bulk_progress import advance_bulks
from smartcharging.models import ChargingProfile, ProfileTemplate
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import make_station
from tests.api.profile_cast import BULK, CLEAR, PROFILE, PROFILES, TEMPLATES, changed, fields_of
from tests.smartcharging.profile_rows.fleet import a_profile, answer, install, last_command, make_fleet


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


def test_another_tenants_template_is_not_applied(api: APIClient, tenant: Tenant, other_tenant: Tenant) -> None:
    make_station(tenant)
    with tenant_transaction(other_tenant.pk):
        foreign = ProfileTemplate.objects.first()
    assert foreign is not None
    reply = api.post(f"{TEMPLATES}/{foreign.pk}/apply", {"chargePointIds": ["CP1"], "connectorId": 0}, format="json")
    assert reply.status_code == 404
