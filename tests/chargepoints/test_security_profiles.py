"""Security profiles are raised step by step, with fallback (Security Whitepaper A05)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Connector, Evse, InstalledCertificate, StationCertificate, Transaction
from chargepoints.services.commands import StationOffline
from chargepoints.services.provisioning import create_charge_point
from chargepoints.services.security_profiles import ProfileRefused, lower_profile, raise_profile, sweep_profiles
from tenants.models import AuditEntry, OutboxEvent, Tenant
from tests.api.conftest import make_session
from tests.chargepoints.certificates.rows import get_certificate, make_authority
from tests.chargepoints.pki import csr_of, through_proxy
from tests.chargepoints.test_connection import refused, stored
from tests.conftest import eventually
from tests.stations import Connect, Station

PASSWORD = "a-password-a-password"
TLS = {"headers": through_proxy(), "password": PASSWORD}


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]


async def make(tenant: Tenant, profile: int = 1) -> ChargePoint:
    row, _ = await stored(
        tenant,
        lambda: create_charge_point(identity="CP1", password=PASSWORD, security_profile=profile),
    )
    assert isinstance(row, ChargePoint)
    return row


async def upgrade(tenant: Tenant, row: ChargePoint, profile: int, *, confirmed: bool = True) -> None:
    await stored(
        tenant,
        lambda: raise_profile(
            charge_point=row, profile=profile, confirmed=confirmed, requested_by="alice", origin="api"
        ),
    )


async def was_asked(station: Station, action: str) -> dict[str, Any]:
    """The payload of the call, once it has come."""
    asked = lambda: next((payload for name, payload in station.asked if name == action), None)  # noqa: E731
    found: dict[str, Any] = await eventually(asked)
    return found


async def result_of(tenant: Tenant) -> str:
    event = await eventually(
        lambda: stored(tenant, OutboxEvent.objects.filter(event_type="security.profile").order_by("-pk").first)
    )
    return str(event.data["result"])


def answering(station: Station, status: str = "Accepted") -> None:
    station.answers |= {"ChangeConfiguration": {"status": status}, "Reset": {"status": "Accepted"}}


@pytest.mark.parametrize("status", ["Accepted", "RebootRequired"])
async def test_083_086_a_station_is_raised_from_1_to_2_and_the_old_one_ends(
    tenant: Tenant, connect: Connect, status: str
) -> None:
    row = await make(tenant)
    async with connect(password=PASSWORD) as station:
        await station.boot()
        answering(station, status)
        await upgrade(tenant, row, 2)
        assert (await was_asked(station, "ChangeConfiguration")) == {"key": "SecurityProfile", "value": "2"}
        assert (await was_asked(station, "Reset")) == {"type": "Hard"}
    async with connect(**TLS) as station:
        assert (await station.boot())["status"] == "Accepted"
    kept = await stored(tenant, ChargePoint.objects.get)
    assert (kept.security_profile, kept.pending_security_profile) == (2, None)
    assert await refused(connect(password=PASSWORD)) == 403
    assert await result_of(tenant) == "raised"
    entry = await stored(tenant, lambda: AuditEntry.objects.get(action="raise profile"))
    assert entry.changes == {"security_profile": [1, 2]}


async def test_083_087_a_station_is_raised_from_2_to_3(tenant: Tenant, connect: Connect) -> None:
    row = await make(tenant, profile=2)
    await asyncio.to_thread(make_authority, tenant)
    async with connect(**TLS) as station:
        await station.boot()
        with pytest.raises(ProfileRefused) as caught:
            await upgrade(tenant, row, 3, confirmed=False)
        assert caught.value.confirmable
        certificate = await get_certificate(tenant, station, csr_of())
        answering(station)
        await upgrade(tenant, row, 3, confirmed=False)
        await was_asked(station, "Reset")
    # Until it has come with its certificate, the password still counts.
    async with connect(**TLS):
        pass
    async with connect(headers=through_proxy(certificate)) as station:
        await station.boot()
    assert await refused(connect(**TLS)) == 403
    assert (await stored(tenant, ChargePoint.objects.get)).security_profile == 3


async def test_083_a_station_that_comes_back_with_the_old_profile_has_fallen_back(
    tenant: Tenant, connect: Connect
) -> None:
    row = await make(tenant)
    async with connect(password=PASSWORD) as station:
        await station.boot()
        answering(station)
        await upgrade(tenant, row, 2)
        await was_asked(station, "Reset")
    async with connect(password=PASSWORD) as station:
        # Its own message id: the same again would be taken for the first boot, sent again.
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        assert (await station.frame("BootNotification", boot, "after-reset"))[2]["status"] == "Accepted"
        assert await result_of(tenant) == "fellback"
    kept = await stored(tenant, ChargePoint.objects.get)
    assert (kept.security_profile, kept.pending_security_profile) == (1, None)


async def test_a_station_that_reconnects_before_its_reset_has_not_fallen_back(tenant: Tenant, connect: Connect) -> None:
    row = await make(tenant)
    async with connect(password=PASSWORD) as station:
        await station.boot()
        await upgrade(tenant, row, 2)
        await was_asked(station, "ChangeConfiguration")
    async with connect(password=PASSWORD) as station:
        await station.frame("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}, "another")
        await station.call("StatusNotification", connectorId=0, status="Available", errorCode="NoError")
        assert (await stored(tenant, ChargePoint.objects.get)).pending_security_profile == 2


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_a_station_that_refuses_stays_as_it_is(tenant: Tenant, connect: Connect, status: str) -> None:
    row = await make(tenant)
    async with connect(password=PASSWORD) as station:
        await station.boot()
        answering(station, status)
        await upgrade(tenant, row, 2)
        assert await result_of(tenant) == "rejected"
        await station.call("Heartbeat")
        assert "Reset" not in [action for action, _payload in station.asked]
        # The higher profile isn't taken for it any more, but TLS with the password is profile 1 as well.
        assert (await stored(tenant, ChargePoint.objects.get)).pending_security_profile is None


async def test_a_station_that_does_not_come_in_time_keeps_the_old_profile(tenant: Tenant, connect: Connect) -> None:
    row = await make(tenant)
    async with connect(password=PASSWORD) as station:
        await station.boot()
        answering(station)
        await upgrade(tenant, row, 2)
        await was_asked(station, "Reset")
    assert await asyncio.to_thread(sweep_profiles) == 0
    past = timezone.now() - timedelta(seconds=1)
    await stored(tenant, lambda: ChargePoint.objects.update(pending_security_profile_until=past))
    async with connect(**TLS):
        # After the deadline the new profile is not raised by coming, with or without the sweep.
        assert (await stored(tenant, ChargePoint.objects.get)).security_profile == 1
    assert await asyncio.to_thread(sweep_profiles) == 1
    assert await result_of(tenant) == "late"


async def test_a_call_error_ends_the_upgrade(tenant: Tenant, connect: Connect) -> None:
    row = await make(tenant)
    async with connect(password=PASSWORD) as station:
        await station.boot()
        await upgrade(tenant, row, 2)
        await was_asked(station, "ChangeConfiguration")
        await station.send(f'[4,"{station.asked_ids[-1]}","InternalError","",{{}}]')
        await eventually(lambda: asyncio.to_thread(sweep_profiles))
        assert await result_of(tenant) == "rejected"


async def test_prerequisites_are_checked_before_anything_is_sent(tenant: Tenant, connect: Connect) -> None:
    row = await make(tenant)
    with pytest.raises(StationOffline):
        await upgrade(tenant, row, 2)
    assert (await stored(tenant, ChargePoint.objects.get)).pending_security_profile is None
    async with connect(password=PASSWORD) as station:
        await station.boot()
        for profile in (1, 0):
            with pytest.raises(ProfileRefused):
                await upgrade(tenant, row, profile)
        with pytest.raises(ProfileRefused) as caught:
            await upgrade(tenant, row, 2, confirmed=False)
        assert caught.value.confirmable
        await stored(tenant, lambda: running_session(row))
        with pytest.raises(ProfileRefused, match="session is running"):
            await upgrade(tenant, row, 2)
        await stored(tenant, lambda: Transaction.objects.update(state=Transaction.State.STOPPED))
        await stored(tenant, lambda: know_root(row))
        await upgrade(tenant, row, 2, confirmed=False)
        with pytest.raises(ProfileRefused, match="under way"):
            await upgrade(tenant, row, 2)


def running_session(row: ChargePoint) -> None:
    evse = Evse.objects.create(tenant_id=row.tenant_id, charge_point=row, number=1)
    Connector.objects.create(tenant_id=row.tenant_id, charge_point=row, evse=evse, status="Charging")
    make_session(row)


def know_root(row: ChargePoint) -> None:
    InstalledCertificate.objects.create(
        tenant_id=row.tenant_id,
        charge_point=row,
        type="CentralSystemRootCertificate",
        hash_algorithm="SHA256",
        issuer_name_hash="aa",
        issuer_key_hash="bb",
        serial_number="1",
        reported_at=timezone.now(),
    )


async def test_085_from_0_to_1_needs_a_password(tenant: Tenant, connect: Connect) -> None:
    row, _ = await stored(tenant, lambda: create_charge_point(identity="CP1", security_profile=0))
    async with connect() as station:
        await station.boot()
        with pytest.raises(ProfileRefused, match="no password"):
            await upgrade(tenant, row, 1)


async def test_a_profile_is_lowered_only_by_force_and_with_a_reason(tenant: Tenant, connect: Connect) -> None:
    row = await make(tenant, profile=2)

    def lower(profile: int, reason: str) -> Any:
        return stored(
            tenant,
            lambda: lower_profile(charge_point=row, profile=profile, reason=reason, actor="alice", origin="admin"),
        )

    for profile, reason in ((1, " "), (2, "Replaced"), (3, "Replaced")):
        with pytest.raises(ProfileRefused):
            await lower(profile, reason)
    assert await refused(connect(password=PASSWORD)) == 403
    await lower(1, "Replaced on site")
    async with connect(password=PASSWORD):
        pass
    entry = await stored(tenant, lambda: AuditEntry.objects.get(action="lower profile"))
    assert (entry.actor, entry.changes) == (
        "alice",
        {"security_profile": [2, 1], "reason": "Replaced on site"},
    )
    assert not await stored(tenant, StationCertificate.objects.exists)
