"""An authority and certificates that the tests begin with."""

from typing import Any

from cryptography import x509

from chargepoints.models import (
    CertificateAuthority,
    StationCertificate,
)
from chargepoints.services.certificate_authority import (
    create_authority,
)
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.pki import pem
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Station

State = StationCertificate.State


BY = {"actor": "alice", "origin": "api"}


def make_authority(tenant: Tenant, **fields: Any) -> CertificateAuthority:
    with tenant_transaction(tenant.pk):
        return create_authority(**{"name": "", "validity_days": 365, **BY, **fields})


def certificate_row() -> StationCertificate:
    return StationCertificate.objects.select_related("charge_point", "command").latest("created_at", "pk")


async def in_state(tenant: Tenant, state: str) -> StationCertificate:
    """The newest certificate, once it is in this state."""

    async def read() -> StationCertificate | None:
        row = await stored(tenant, certificate_row)
        return row if row.state == state else None

    found: StationCertificate = await eventually(read)
    return found


async def get_certificate(tenant: Tenant, station: Station, csr: str) -> str:
    """Through SignCertificate and CertificateSigned; the leaf that the station has now."""
    station.answers["CertificateSigned"] = {"status": "Accepted"}
    assert await station.call("SignCertificate", csr=csr) == {"status": "Accepted"}
    await in_state(tenant, State.INSTALLED)
    chain = next(payload["certificateChain"] for action, payload in station.asked if action == "CertificateSigned")
    return pem(x509.load_pem_x509_certificates(chain.encode())[0])
