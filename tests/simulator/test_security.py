"""The simulated station's keys and certificates, against a real gateway."""

import asyncio
from typing import Any

from chargepoints.models import (
    ChargePoint,
    Command,
    InstalledCertificate,
    SecurityEvent,
    StationCertificate,
    StationConnection,
)
from chargepoints.services.certificates import ask_for_request
from chargepoints.services.password_rotation import rotate_password
from chargepoints.services.root_certificates import ask_installed, delete_root, hash_data_of, install_root
from chargepoints.services.security_profiles import raise_profile
from tenants.models import Tenant
from tests.chargepoints.certificates.rows import make_authority
from tests.chargepoints.pki import certificate_of, new_key, pem
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.simulator.test_fleet import end, make_fleet, open_tenant, play

__all__ = ["open_tenant"]
WHO = {"requested_by": "alice", "origin": "api"}
KIND = "CentralSystemRootCertificate"


async def answered(tenant: Tenant, send: Any) -> Command:
    """The command that `send(station)` sends, once it has ended."""
    sent = await stored(tenant, lambda: send(ChargePoint.objects.get()))
    found: Command = await eventually(
        lambda: stored(tenant, lambda: Command.objects.filter(pk=sent.pk, finished_at__isnull=False).first())
    )
    return found


async def test_it_gets_a_certificate_keeps_roots_and_reports_events(open_tenant: Tenant, gateway: str) -> None:
    await asyncio.to_thread(make_authority, open_tenant)
    fleet = make_fleet(gateway, 1)
    station = fleet.stations[0]
    tasks = await play(fleet)
    await eventually(lambda: stored(open_tenant, SecurityEvent.objects.first))
    assert (await stored(open_tenant, SecurityEvent.objects.get)).type == "StartupOfTheDevice"
    await answered(open_tenant, lambda row: ask_for_request(charge_point=row, **WHO))
    row = await eventually(
        lambda: stored(open_tenant, lambda: StationCertificate.objects.filter(state="installed").first())
    )
    assert station.security.certificate is not None
    assert row.serial_number == f"{station.security.certificate.serial_number:x}"
    for kind in ("P-256", "RSA-2048"):
        root = pem(certificate_of(f"Root {kind}", key=new_key(kind), authority=True))
        done = await answered(
            open_tenant,
            lambda row, root=root: install_root(charge_point=row, certificate_type=KIND, certificate=root, **WHO),
        )
        assert done.reply == {"status": "Accepted"}
    listed = await answered(open_tenant, lambda row: ask_installed(charge_point=row, certificate_type=KIND, **WHO))
    # Its hashes are ours: what was entered at the installation is found again.
    assert len(listed.reply["certificateHashData"]) == 2  # type: ignore[index]
    held = await stored(open_tenant, lambda: list(InstalledCertificate.objects.all()))
    assert len(held) == 2
    gone = await answered(open_tenant, lambda row: delete_root(charge_point=row, hashes=hash_data_of(held[0]), **WHO))
    assert gone.reply == {"status": "Accepted"}
    await eventually(lambda: stored(open_tenant, lambda: InstalledCertificate.objects.count() == 1))
    await end(tasks)


async def test_it_takes_a_new_password_and_comes_back_with_it(open_tenant: Tenant, gateway: str) -> None:
    # So slow that no car comes: a profile is not raised under a session.
    fleet = make_fleet(gateway, 1, speed=0.01)
    station = fleet.stations[0]
    tasks = await play(fleet)
    await eventually(lambda: station.accepted)
    done = await answered(open_tenant, lambda row: rotate_password(charge_point=row, **WHO))
    assert done.reply == {"status": "Accepted"}
    await eventually(lambda: stored(open_tenant, lambda: ChargePoint.objects.get().password_hash))
    assert station.security.password is not None
    before = await eventually(lambda: stored(open_tenant, StationConnection.objects.live().first))
    raised = await answered(open_tenant, lambda row: raise_profile(charge_point=row, profile=1, confirmed=False, **WHO))
    assert raised.reply == {"status": "Accepted"}
    await eventually(lambda: stored(open_tenant, lambda: ChargePoint.objects.get().security_profile == 1))
    standing = StationConnection.objects.live().exclude(connection_id=before.connection_id)
    # The profile is proven while it signs in, a moment before its new socket stands.
    await eventually(lambda: stored(open_tenant, standing.exists))
    refused = await answered(open_tenant, lambda row: raise_profile(charge_point=row, profile=2, confirmed=True, **WHO))
    assert refused.reply == {"status": "Rejected"}
    await end(tasks)
