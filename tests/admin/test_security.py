"""Certificates, passwords and profiles in the back office."""

import asyncio
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chargepoints.models import CertificateAuthority, ChargePoint, Command, InstalledCertificate, StationCertificate
from chargepoints.services.provisioning import create_charge_point
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_station
from tests.chargepoints.certificates.rows import get_certificate, make_authority
from tests.chargepoints.pki import certificate_of, csr_of, key_pem, new_key, pem
from tests.chargepoints.test_connection import stored
from tests.chargepoints.test_password_rotation import key_sent
from tests.conftest import eventually, make_user
from tests.stations import Connect

KEY = new_key()
ROOT = certificate_of("Acme Root", key=KEY, authority=True)
ADD = "admin:chargepoints_certificateauthority_add"
PASSWORD = "a-password-a-password"


def add(client: Client, **given: Any) -> Any:
    data = {"name": "", "validity_days": "90", "brought_certificate": "", "brought_key": "", **given}
    return client.post(reverse(ADD), data)


def test_an_authority_is_made_in_the_back_office(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    assert add(client).status_code == 302
    with tenant_transaction(tenant.pk):
        row = CertificateAuthority.objects.get()
        assert (row.active, row.brought, row.validity_days, row.created_by) == (True, False, 90, "alice")
        assert AuditEntry.objects.filter(object_type="certificateauthority").count() == 1
    page = client.get(reverse("admin:chargepoints_certificateauthority_change", args=[row.pk])).content.decode()
    assert "BEGIN CERTIFICATE" in page
    assert row.private_key not in page
    assert "/tenant-ca/acme.pem" in page


def test_a_brought_key_is_shown_nowhere(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    assert add(client, brought_certificate=pem(ROOT), brought_key=key_pem(KEY)).status_code == 302
    with tenant_transaction(tenant.pk):
        row = CertificateAuthority.objects.get()
        assert row.brought
        assert "PRIVATE" not in str(list(AuditEntry.objects.values()))
    for name, args in (("changelist", []), ("change", [row.pk])):
        page = client.get(reverse(f"admin:chargepoints_certificateauthority_{name}", args=args)).content.decode()
        assert "PRIVATE KEY" not in page
        assert row.private_key not in page


@pytest.mark.parametrize(
    "given",
    [
        {"brought_certificate": "nonsense"},
        {"brought_key": key_pem(KEY)},
        {"brought_certificate": pem(ROOT), "brought_key": key_pem(new_key())},
        {"brought_certificate": pem(ROOT), "brought_key": "x"},
        {"validity_days": "0"},
    ],
)
def test_an_authority_that_cannot_be_is_a_form_error(tenant: Tenant, alice: User, given: dict[str, str]) -> None:
    assert add(office(alice), **given).status_code == 200
    with tenant_transaction(tenant.pk):
        assert not CertificateAuthority.objects.exists()


def test_another_authority_is_let_sign_and_one_is_deleted(tenant: Tenant, alice: User) -> None:
    first, second = make_authority(tenant), make_authority(tenant)
    client = office(alice)
    assert client.post(reverse("admin:authority_activate", args=[first.pk])).status_code == 302
    url = reverse("admin:chargepoints_certificateauthority_delete", args=[second.pk])
    assert client.post(url, {"post": "yes"}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert CertificateAuthority.objects.get() == CertificateAuthority.objects.get(active=True) == first
    outsider = office(make_user("oscar", tenant, Role.OPERATOR))
    assert outsider.post(reverse("admin:authority_activate", args=[first.pk])).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
@pytest.mark.parametrize("page", ["rotate_password", "security_profile", "install_root", "delete_root"])
def test_what_can_lock_a_station_out_is_for_administrators(tenant: Tenant, role: str, page: str) -> None:
    station = make_station(tenant)
    client = office(make_user("person", tenant, role))
    assert client.post(reverse(f"admin:charge_point_{page}", args=[station.pk])).status_code == 404
    shown = client.get(reverse("admin:charge_point_security", args=[station.pk]))
    assert shown.status_code == 200
    assert reverse(f"admin:charge_point_{page}", args=[station.pk]) not in shown.content.decode()


def test_the_security_page_of_another_tenants_station_does_not_exist(tenant: Tenant, charlie: User) -> None:
    station = make_station(tenant)
    assert office(charlie).get(reverse("admin:charge_point_security", args=[station.pk])).status_code == 404


async def test_074_a_certificate_is_renewed_shown_and_revoked(tenant: Tenant, alice: User, connect: Connect) -> None:
    await asyncio.to_thread(make_authority, tenant)
    client = await asyncio.to_thread(office, alice)
    async with connect() as station:
        await station.boot()
        station.answers["ExtendedTriggerMessage"] = {"status": "Accepted"}
        row = await stored(tenant, ChargePoint.objects.get)
        url = reverse("admin:charge_point_renew_certificate", args=[row.pk])
        assert (await asyncio.to_thread(client.post, url)).status_code == 302
        await get_certificate(tenant, station, csr_of())
    certificate = await stored(tenant, StationCertificate.objects.get)
    page = await asyncio.to_thread(client.get, reverse("admin:charge_point_security", args=[row.pk]))
    assert certificate.serial_number in page.content.decode()
    url = reverse("admin:certificate_revoke", args=[certificate.pk])
    assert (await asyncio.to_thread(client.post, url, {"reason": "Lost"})).status_code == 302
    assert (await stored(tenant, StationCertificate.objects.get)).state == "revoked"
    entry = await stored(tenant, lambda: AuditEntry.objects.get(action="revoke"))
    assert (entry.actor, entry.origin, entry.changes) == ("alice", "admin", {"reason": "Lost"})


async def test_073_083_password_and_profile_are_changed_from_the_page(
    tenant: Tenant, alice: User, connect: Connect
) -> None:
    client = await asyncio.to_thread(office, alice)
    row, _ = await stored(tenant, lambda: create_charge_point(identity="CP1", password=PASSWORD))
    rotate = reverse("admin:charge_point_rotate_password", args=[row.pk])
    profile = reverse("admin:charge_point_security_profile", args=[row.pk])
    offline = await asyncio.to_thread(client.post, rotate, follow=True)
    assert "offline" in offline.content.decode()
    async with connect(password=PASSWORD) as station:
        await station.boot()
        station.answers |= {"ChangeConfiguration": {"status": "Accepted"}, "Reset": {"status": "Accepted"}}
        refused = await asyncio.to_thread(client.post, profile, {"profile": "2", "reason": ""})
        assert "root certificate" in refused.content.decode()
        sent = await asyncio.to_thread(client.post, rotate, follow=True)
        new = await key_sent(station)
        assert new not in sent.content.decode()
        raised = await asyncio.to_thread(client.post, profile, {"profile": "2", "confirmed": "on", "reason": ""})
        assert raised.status_code == 302
    kept = await stored(tenant, ChargePoint.objects.get)
    assert kept.pending_security_profile == 2
    page = await asyncio.to_thread(client.get, reverse("admin:charge_point_security", args=[row.pk]))
    assert "On its way to" in page.content.decode()


async def test_075_076_a_root_certificate_is_installed_and_deleted_from_the_page(
    tenant: Tenant, alice: User, connect: Connect
) -> None:
    client = await asyncio.to_thread(office, alice)
    async with connect() as station:
        await station.boot()
        station.answers |= {"InstallCertificate": {"status": "Accepted"}, "DeleteCertificate": {"status": "Accepted"}}
        row = await stored(tenant, ChargePoint.objects.get)
        url = reverse("admin:charge_point_install_root", args=[row.pk])
        kind = "CentralSystemRootCertificate"
        wrong = await asyncio.to_thread(client.post, url, {"certificate_type": kind, "certificate": "x"})
        assert wrong.status_code == 200
        assert not await stored(tenant, lambda: Command.objects.filter(action="InstallCertificate").exists())
        given = {"certificate_type": kind, "certificate": pem(ROOT)}
        assert (await asyncio.to_thread(client.post, url, given)).status_code == 302
        held = await eventually(lambda: stored(tenant, InstalledCertificate.objects.first))
        delete = reverse("admin:charge_point_delete_root", args=[row.pk]) + f"?root={held.pk}"
        assert (await asyncio.to_thread(client.get, delete)).status_code == 200
        assert (await asyncio.to_thread(client.post, delete)).status_code == 302
        await eventually(lambda: stored(tenant, lambda: not InstalledCertificate.objects.exists()))


def test_a_profile_is_lowered_only_with_a_reason(tenant: Tenant, alice: User) -> None:
    station = make_station(tenant)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(security_profile=2, password_hash="x")
    client, url = office(alice), reverse("admin:charge_point_security_profile", args=[station.pk])
    assert client.post(url, {"profile": "1", "reason": ""}).status_code == 200
    assert client.post(url, {"profile": "1", "reason": "Replaced"}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert ChargePoint.objects.get().security_profile == 1
    # The form of the inventory doesn't change it.
    change = reverse("admin:chargepoints_chargepoint_change", args=[station.pk])
    client.post(change, {"name": "New", "tags": "[]", "notes": "", "security_profile": "0"})
    with tenant_transaction(tenant.pk):
        assert ChargePoint.objects.get().security_profile == 1
