"""Certificates, passwords, profiles and security events over REST."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from rest_framework.test import APIClient

from chargepoints.models import CertificateAuthority, ChargePoint, Command, SecurityEvent, StationCertificate
from chargepoints.services.pem import hash_data
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant
from tests.api.conftest import client_of, make_station
from tests.chargepoints.certificates.rows import get_certificate, make_authority
from tests.chargepoints.pki import certificate_of, csr_of, key_pem, new_key, pem
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually, make_user
from tests.stations import Connect

BASE = "/api/v1"
CP1 = f"{BASE}/chargepoints/CP1"
ROOT_KEY = new_key()
ROOT = certificate_of("Acme Root", key=ROOT_KEY, authority=True)
CENTRAL = "CentralSystemRootCertificate"


def fields_of(answer: Any) -> set[str]:
    assert answer.status_code == 400, answer.content
    return {error["field"] for error in answer.json()["errors"]}


# --- root certificates ---


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("install-certificate", {"certificateType": "Other", "certificate": pem(ROOT)}, "certificateType"),
        ("install-certificate", {"certificateType": CENTRAL}, "certificate"),
        ("install-certificate", {"certificateType": CENTRAL, "certificate": "nonsense"}, "certificate"),
        ("install-certificate", {"certificateType": CENTRAL, "certificate": "x" * 5501}, "certificate"),
        ("install-certificate", {"certificateType": CENTRAL, "certificate": pem(ROOT) * 2}, "certificate"),
        (
            "install-certificate",
            {"certificateType": CENTRAL, "certificate": pem(certificate_of("Leaf", key=ROOT_KEY))},
            "certificate",
        ),
        (
            "install-certificate",
            {
                "certificateType": CENTRAL,
                "certificate": pem(certificate_of("Old", key=ROOT_KEY, authority=True, days=(-9, -1))),
            },
            "certificate",
        ),
        (
            "install-certificate",
            {"certificateType": CENTRAL, "certificate": pem(ROOT) + key_pem(ROOT_KEY)},
            "certificate",
        ),
        ("delete-certificate", {}, "certificateHashData"),
        ("delete-certificate", {"certificateHashData": {"hashAlgorithm": "MD5"}}, "certificateHashData.hashAlgorithm"),
        ("get-installed-certificate-ids", {"certificateType": "V2G"}, "certificateType"),
        ("get-installed-certificate-ids", {"certificateType": CENTRAL, "more": 1}, "more"),
        ("security-profile", {"securityProfile": 4}, "securityProfile"),
        ("security-profile", {"securityProfile": 2, "reason": ""}, "reason"),
    ],
)
def test_wrong_input_names_the_field_and_sends_nothing(
    api: APIClient, station: ChargePoint, path: str, body: dict[str, Any], field: str
) -> None:
    assert field in fields_of(api.post(f"{CP1}/{path}", body))
    with tenant_transaction(station.tenant_id):
        assert not Command.objects.exists()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("install-certificate", {"certificateType": CENTRAL, "certificate": pem(ROOT)}),
        ("delete-certificate", {"certificateHashData": hash_data(ROOT, ROOT)}),
        ("get-installed-certificate-ids", {"certificateType": CENTRAL}),
        ("rotate-password", {}),
        ("renew-certificate", {}),
        ("security-profile", {"securityProfile": 2, "confirmed": True}),
    ],
)
def test_an_offline_station_is_a_conflict_and_anothers_is_not_found(
    api: APIClient, stranger: APIClient, viewer: APIClient, station: ChargePoint, path: str, body: dict[str, Any]
) -> None:
    with tenant_transaction(station.tenant_id):
        ChargePoint.objects.update(password_hash="x")
    assert api.post(f"{CP1}/{path}", body).status_code == 409
    assert stranger.post(f"{CP1}/{path}", body).status_code == 404
    assert viewer.post(f"{CP1}/{path}", body).status_code == 403
    with tenant_transaction(station.tenant_id):
        assert not Command.objects.exists()


async def test_075_076_root_certificates_over_rest(api: APIClient, tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
        station.answers |= {
            "InstallCertificate": {"status": "Accepted"},
            "GetInstalledCertificateIds": {"status": "NotFound"},
            "DeleteCertificate": {"status": "Accepted"},
        }

        async def post(path: str, body: dict[str, Any]) -> Any:
            answer = await asyncio.to_thread(api.post, f"{CP1}/{path}?wait=30", body)
            assert answer.status_code == 202, answer.content
            return answer.json()["data"]

        sent = await post("install-certificate", {"certificateType": CENTRAL, "certificate": pem(ROOT)})
        assert (sent["status"], sent["reply"]) == ("accepted", {"status": "Accepted"})

        async def listed() -> Any:
            return (await asyncio.to_thread(api.get, f"{CP1}/installed-certificates")).json()["data"]

        (held,) = await eventually(listed)
        assert held["certificateHashData"] == hash_data(ROOT, ROOT)
        await post("delete-certificate", {"certificateHashData": held["certificateHashData"]})

        async def gone() -> bool:
            return not await listed()

        await eventually(gone)
        await post("get-installed-certificate-ids", {"certificateType": "ManufacturerRootCertificate"})
    entries = await stored(tenant, lambda: list(AuditEntry.objects.filter(object_type="chargepoint")))
    assert {entry.action for entry in entries} >= {"InstallCertificate", "DeleteCertificate"}


# --- certificates of the station ---


async def test_074_a_station_renews_its_certificate_and_it_can_be_revoked(
    api: APIClient, stranger: APIClient, tenant: Tenant, connect: Connect
) -> None:
    await asyncio.to_thread(make_authority, tenant)
    async with connect() as station:
        await station.boot()
        station.answers["ExtendedTriggerMessage"] = {"status": "Accepted"}
        answer = await asyncio.to_thread(api.post, f"{CP1}/renew-certificate?wait=30")
        assert answer.json()["data"]["payload"] == {"requestedMessage": "SignChargePointCertificate"}
        await get_certificate(tenant, station, csr_of())
    (row,) = (await asyncio.to_thread(api.get, f"{CP1}/certificates")).json()["data"]
    assert (row["status"], row["authority"] is not None, "PRIVATE" in row["certificate"]) == ("installed", True, False)
    url = f"{CP1}/certificates/{row['id']}/revoke"
    assert (await asyncio.to_thread(stranger.post, url)).status_code == 404
    revoked = (await asyncio.to_thread(api.post, url, {"reason": "Lost"})).json()["data"]
    assert (revoked["status"], revoked["revokedBy"], revoked["detail"]) == ("revoked", "alice", "Lost")
    assert (await asyncio.to_thread(api.post, url, {})).status_code == 409


async def test_073_a_password_is_rotated_and_never_shown(api: APIClient, tenant: Tenant, connect: Connect) -> None:
    password = "a-password-a-password"
    await asyncio.to_thread(api.post, f"{BASE}/chargepoints", {"chargePointId": "CP1", "password": password})
    async with connect(password=password) as station:
        await station.boot()
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        answer = await asyncio.to_thread(api.post, f"{CP1}/rotate-password?wait=30")
        new = next(payload["value"] for action, payload in station.asked if action == "ChangeConfiguration")
        listed = await asyncio.to_thread(api.get, f"{BASE}/commands")
        assert new not in (answer.content + listed.content).decode()
        assert answer.json()["data"]["payload"] == {"key": "AuthorizationKey", "value": "***"}
        state = (await asyncio.to_thread(api.get, f"{CP1}/security")).json()["data"]
        assert state == {
            "securityProfile": 1,
            "pendingSecurityProfile": None,
            "pendingUntil": None,
            "passwordRotation": True,
        }
    async with connect(password=new):
        assert not (await asyncio.to_thread(api.get, f"{CP1}/security")).json()["data"]["passwordRotation"]


def test_a_profile_is_lowered_by_an_administrator_with_a_reason(api: APIClient, tenant: Tenant) -> None:
    station = make_station(tenant)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(security_profile=2, password_hash="x")
    assert api.post(f"{CP1}/security-profile", {"securityProfile": 1}).status_code == 409
    operator = client_of(make_user("oscar", tenant, Role.OPERATOR))
    body = {"securityProfile": 1, "reason": "Replaced"}
    assert operator.post(f"{CP1}/security-profile", body).status_code == 403
    answer = api.post(f"{CP1}/security-profile?wait=5", body)
    assert (answer.status_code, answer.json()["data"]["securityProfile"]) == (200, 1)
    # Nor by the way of the inventory.
    with tenant_transaction(station.tenant_id):
        ChargePoint.objects.update(security_profile=2)
    assert fields_of(api.patch(CP1, {"securityProfile": 1})) == {"securityProfile"}
    assert operator.patch(CP1, {"securityProfile": 3}).status_code == 403


# --- authorities ---


def test_an_authority_is_made_or_brought_and_its_key_never_comes_out(
    api: APIClient, viewer: APIClient, stranger: APIClient, tenant: Tenant
) -> None:
    url = f"{BASE}/certificate-authorities"
    assert viewer.post(url, {}).status_code == 403
    made = api.post(url, {"validityDays": 30})
    assert made.status_code == 201
    certificate = x509.load_pem_x509_certificate(made.json()["data"]["certificate"].encode())
    assert certificate.subject.rfc4514_string() == "CN=Acme charge points,O=Acme"
    assert 9.9 < (certificate.not_valid_after_utc - datetime.now(UTC)).days / 365 < 10.1
    key = key_pem(ROOT_KEY)
    brought = api.post(url, {"certificate": pem(ROOT), "privateKey": key, "name": "Ours"})
    assert brought.status_code == 201
    for answer in (made, brought, api.get(url), api.get(f"{url}/{brought.json()['data']['id']}")):
        assert "PRIVATE" not in answer.content.decode()
        assert "private" not in answer.content.decode()
    rows = api.get(url).json()["data"]
    assert [(row["name"], row["active"], row["brought"], row["signs"]) for row in rows] == [
        ("Ours", True, True, True),
        (made.json()["data"]["name"], False, False, True),
    ]
    assert stranger.get(url).json()["data"] == []
    assert stranger.delete(f"{url}/{rows[0]['id']}").status_code == 404
    assert api.post(f"{url}/{rows[1]['id']}/activate").json()["data"]["active"] is True
    assert api.delete(f"{url}/{rows[0]['id']}").status_code == 204
    with tenant_transaction(tenant.pk):
        trail = AuditEntry.objects.filter(object_type="certificateauthority").order_by("pk")
        assert [entry.action for entry in trail] == ["create", "create", "activate", "delete"]
        assert "PRIVATE" not in str(list(trail.values()))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"certificate": "x"}, "certificate"),
        ({"privateKey": "x"}, "certificate"),
        ({"certificate": pem(ROOT), "privateKey": "x"}, "privateKey"),
        ({"certificate": pem(ROOT), "privateKey": key_pem(new_key())}, "privateKey"),
        ({"validityDays": 0}, "validityDays"),
    ],
)
def test_a_wrong_authority_names_the_field(api: APIClient, tenant: Tenant, body: dict[str, Any], field: str) -> None:
    assert fields_of(api.post(f"{BASE}/certificate-authorities", body)) == {field}
    with tenant_transaction(tenant.pk):
        assert not CertificateAuthority.objects.exists()


def test_the_proxy_gets_the_authorities_and_the_revoked_certificates(client: Any, tenant: Tenant, api: Any) -> None:
    assert client.get("/tenant-ca/acme.pem").status_code == 404
    authority = make_authority(tenant)
    station = make_station(tenant)
    with tenant_transaction(tenant.pk):
        StationCertificate.objects.create(
            tenant=tenant,
            charge_point=station,
            authority=authority,
            state="revoked",
            request="-",
            serial_number="ab12",
            not_after=datetime(2036, 1, 1, tzinfo=UTC),
            revoked_at=datetime.now(UTC),
        )
    assert client.get("/tenant-ca/acme.pem").content.decode() == authority.certificate
    listed = x509.load_pem_x509_crl(client.get("/tenant-ca/acme.crl").content)
    assert [one.serial_number for one in listed] == [0xAB12]
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    assert listed.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    assert client.get("/tenant-ca/umbrella.crl").status_code == 404


# --- events ---


def test_077_security_events_are_listed_filtered_and_paged(
    api: APIClient, stranger: APIClient, tenant: Tenant, station: ChargePoint
) -> None:
    times = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)]
    with tenant_transaction(tenant.pk):
        for at, kind in zip(times, ("ResetOrReboot", "InvalidMessages", "ResetOrReboot"), strict=True):
            SecurityEvent.objects.create(
                tenant=tenant,
                charge_point=station,
                type=kind,
                critical=kind == "ResetOrReboot",
                at=at,
                received_at=at,
            )
    url = f"{BASE}/security-events"

    def days(query: str = "") -> list[str]:
        return [row["timestamp"][8:10] for row in api.get(f"{url}{query}").json()["data"]]

    assert days() == ["03", "02", "01"]
    assert days("?critical=false") == ["02"]
    assert days("?type=ResetOrReboot&chargePointId=cp1&startTime=2026-11-02T00:00:00Z") == ["03"]
    assert days("?endTime=2026-11-02T00:00:00Z") == ["01"]
    assert days("?chargePointId=CP9") == []
    page = api.get(f"{url}?limit=2").json()
    assert [row["timestamp"][8:10] for row in page["data"]] == ["03", "02"]
    assert [row["timestamp"][8:10] for row in api.get(page["meta"]["next"]).json()["data"]] == ["01"]
    assert stranger.get(url).json()["data"] == []
    assert fields_of(api.get(f"{url}?colour=red")) == {"colour"}
    assert fields_of(api.get(f"{url}?critical=maybe")) == {"critical"}
