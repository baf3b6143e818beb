"""Root certificates in stations: installed, listed, deleted (compliance cases 075, 076)."""

from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    InstalledCertificate,
)
from chargepoints.services.pem import hash_data
from chargepoints.services.root_certificates import ask_installed, delete_root, hash_data_of, install_root
from tenants.models import Tenant
from tests.chargepoints.pki import certificate_of, new_key, pem
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect


async def test_075_076_a_root_certificate_is_installed_listed_and_deleted(tenant: Tenant, connect: Connect) -> None:
    key = new_key("RSA-2048")
    root = certificate_of("Acme Root", key=key, authority=True)
    identifiers = hash_data(root, root)
    kind = "CentralSystemRootCertificate"
    who = {"requested_by": "alice", "origin": "api"}
    async with connect() as station:
        await station.boot()
        station.answers |= {
            "InstallCertificate": {"status": "Accepted"},
            "GetInstalledCertificateIds": {"status": "Accepted", "certificateHashData": [identifiers]},
            "DeleteCertificate": {"status": "Accepted"},
        }
        row = await stored(tenant, ChargePoint.objects.get)
        await stored(
            tenant, lambda: install_root(charge_point=row, certificate_type=kind, certificate=pem(root), **who)
        )
        held = await eventually(lambda: stored(tenant, InstalledCertificate.objects.first))
        assert (held.type, hash_data_of(held)) == (kind, identifiers)
        upper = {**identifiers, "issuerNameHash": identifiers["issuerNameHash"].upper()}
        station.answers["GetInstalledCertificateIds"]["certificateHashData"] = [upper]
        await stored(tenant, lambda: ask_installed(charge_point=row, certificate_type=kind, **who))
        await eventually(
            lambda: stored(tenant, lambda: InstalledCertificate.objects.get().reported_at > held.reported_at)
        )
        await stored(tenant, lambda: delete_root(charge_point=row, hashes=identifiers, **who))
        await eventually(lambda: stored(tenant, lambda: not InstalledCertificate.objects.exists()))


async def test_a_station_without_certificates_of_a_type_says_so(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
        row = await stored(tenant, ChargePoint.objects.get)
        await stored(
            tenant,
            lambda: InstalledCertificate.objects.create(
                tenant=tenant,
                charge_point=row,
                type="ManufacturerRootCertificate",
                hash_algorithm="SHA256",
                issuer_name_hash="aa",
                issuer_key_hash="bb",
                serial_number="1",
                reported_at=timezone.now(),
            ),
        )
        station.answers["GetInstalledCertificateIds"] = {"status": "NotFound"}
        await stored(
            tenant,
            lambda: ask_installed(
                charge_point=row,
                certificate_type="ManufacturerRootCertificate",
                requested_by="alice",
                origin="api",
            ),
        )
        await eventually(lambda: stored(tenant, lambda: not InstalledCertificate.objects.exists()))
