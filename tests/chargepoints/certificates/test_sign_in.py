"""Security profile 3: which certificate signs a station in, and revocation."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone

from chargepoints.models import (
    CertificateAuthority,
    ChargePoint,
    StationCertificate,
)
from chargepoints.services.certificate_authority import (
    StillNeeded,
    bring_authority,
    delete_authority,
    revocation_list,
)
from chargepoints.services.certificate_sweeps import close_revoked
from chargepoints.services.certificates import (
    receive_request,
    revoke_certificate,
    sign_and_deliver,
)
from chargepoints.services.provisioning import create_charge_point
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import make_station
from tests.chargepoints.certificates.rows import BY, State, certificate_row, get_certificate, make_authority
from tests.chargepoints.pki import certificate_of, csr_of, new_key, pem, through_proxy
from tests.chargepoints.test_connection import refused, stored
from tests.stations import Connect


async def profile_3(tenant: Tenant, connect: Connect, settings: Any) -> str:
    """CP1 of profile 3, with a certificate of ours."""
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    await asyncio.to_thread(make_authority, tenant)
    async with connect() as station:
        await station.boot()
        certificate = await get_certificate(tenant, station, csr_of())
    await stored(tenant, lambda: ChargePoint.objects.update(security_profile=3))
    return certificate


async def test_087_only_the_stations_own_certificate_signs_it_in(
    tenant: Tenant, other_tenant: Tenant, connect: Connect, settings: Any
) -> None:
    certificate = await profile_3(tenant, connect, settings)
    async with connect(headers=through_proxy(certificate)) as station:
        assert (await station.boot())["status"] == "Accepted"
    assert await refused(connect()) == 403
    assert await refused(connect(headers=through_proxy())) == 403
    assert await refused(connect(headers={"X-SSL-Client-Cert": through_proxy(certificate)["X-SSL-Client-Cert"]})) == 403
    # Self-made with the right name; another station's; the same identity at another tenant.
    forged = pem(certificate_of("CP1", key=new_key()))
    assert await refused(connect(headers=through_proxy(forged))) == 403
    await stored(tenant, lambda: create_charge_point(identity="CP2", security_profile=3))
    assert await refused(connect("/ocpp/acme/CP2", headers=through_proxy(certificate))) == 403
    await stored(other_tenant, lambda: create_charge_point(identity="CP1", security_profile=3))
    assert await refused(connect("/ocpp/umbrella/CP1", headers=through_proxy(certificate))) == 403
    # A client outside the proxy says what it likes.
    settings.TRUSTED_PROXIES = ["192.0.2.1"]
    assert await refused(connect(headers=through_proxy(certificate))) == 403


async def test_revoking_a_certificate_closes_the_socket_at_once(
    tenant: Tenant, connect: Connect, settings: Any
) -> None:
    certificate = await profile_3(tenant, connect, settings)
    async with connect(headers=through_proxy(certificate)) as station:
        await station.boot()
        row = await stored(tenant, certificate_row)
        await stored(tenant, lambda: revoke_certificate(row, actor="alice", origin="admin", reason="Stolen"))
        assert await station.closed() == 1008
    assert await refused(connect(headers=through_proxy(certificate))) == 403
    kept = await stored(tenant, certificate_row)
    assert (kept.state, kept.revoked_by, kept.detail) == (State.REVOKED, "alice", "Stolen")
    authority = await stored(tenant, CertificateAuthority.objects.get)
    text = await stored(tenant, lambda: revocation_list(authority, timezone.now()))
    found = x509.load_pem_x509_crl(text.encode())
    assert found.get_revoked_certificate_by_serial_number(int(kept.serial_number, 16)) is not None
    entry = await stored(tenant, lambda: AuditEntry.objects.get(action="revoke"))
    assert (entry.actor, entry.changes) == ("alice", {"reason": "Stolen"})


async def test_a_gateway_that_did_not_hear_of_a_revocation_is_told_again(
    tenant: Tenant, connect: Connect, settings: Any
) -> None:
    certificate = await profile_3(tenant, connect, settings)
    async with connect(headers=through_proxy(certificate)) as station:
        await station.boot()
        assert await asyncio.to_thread(close_revoked) == 0
        later = timezone.now() + timedelta(seconds=1)
        await stored(tenant, lambda: StationCertificate.objects.update(state=State.REVOKED, revoked_at=later))
        assert await asyncio.to_thread(close_revoked) == 1
        assert await station.closed() == 1008


async def test_an_expired_certificate_does_not_sign_in(tenant: Tenant, connect: Connect, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    key, leaf_key = new_key(), new_key()
    root = certificate_of("Acme Root", key=key, authority=True)
    await stored(
        tenant,
        lambda: bring_authority(name="", certificate=pem(root), private_key="", validity_days=90, **BY),
    )
    await stored(tenant, lambda: create_charge_point(identity="CP1", security_profile=3))

    def leaf(common_name: str = "CP1", **changes: Any) -> dict[str, str]:
        return through_proxy(pem(certificate_of(common_name, key=leaf_key, issuer=root, issuer_key=key, **changes)))

    async with connect(headers=leaf()) as station:
        assert (await station.boot())["status"] == "Accepted"
    assert await refused(connect(headers=leaf(days=(-30, -1)))) == 403
    assert await refused(connect(headers=leaf(days=(1, 30)))) == 403
    assert await refused(connect(headers=leaf("CP2"))) == 403
    assert await refused(connect(headers=leaf(authority=True))) == 403


def test_an_authority_that_stations_need_is_not_deleted(tenant: Tenant) -> None:
    authority = make_authority(tenant)
    station = make_station(tenant)
    where = {"tenant_id": tenant.pk, "charge_point_id": station.pk}
    receive_request(**where, csr=csr_of(), received_at=timezone.now())
    sign_and_deliver(**where)
    with tenant_transaction(tenant.pk):
        with pytest.raises(StillNeeded):
            delete_authority(authority, **BY)
        revoke_certificate(StationCertificate.objects.get(), **BY)
        delete_authority(authority, **BY)
        assert not CertificateAuthority.objects.exists()
