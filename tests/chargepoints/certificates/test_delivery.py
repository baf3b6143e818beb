"""From SignCertificate to CertificateSigned, and what happens when something comes between."""

import asyncio
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.utils import timezone

from chargepoints.models import (
    CertificateAuthority,
    ChargePoint,
    Command,
    CommandState,
    StationCertificate,
)
from chargepoints.services.certificate_sweeps import renew_certificates, sweep_certificates
from chargepoints.services.certificates import (
    MOST_REQUESTS_AN_HOUR,
    ask_for_request,
    receive_request,
    sign_and_deliver,
)
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.api.conftest import make_station
from tests.chargepoints.certificates.rows import State, certificate_row, get_certificate, in_state, make_authority
from tests.chargepoints.pki import csr_of, new_key
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect


def age(tenant: Tenant, minutes: int = 5) -> None:
    """Time passes for certificates and commands."""
    before = timezone.now() - timedelta(minutes=minutes)
    with tenant_transaction(tenant.pk):
        StationCertificate.objects.update(created_at=before)
        Command.objects.filter(finished_at__isnull=False).update(finished_at=before)


async def test_074_a_certificate_is_renewed_on_request_of_the_central_system(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(make_authority, tenant)
    key = new_key()
    async with connect() as station:
        await station.boot()
        station.answers |= {"ExtendedTriggerMessage": {"status": "Accepted"}}
        row = await stored(tenant, ChargePoint.objects.get)
        await stored(tenant, lambda: ask_for_request(charge_point=row, requested_by="alice", origin="api"))
        await eventually(
            lambda: ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}) in station.asked
        )
        leaf = x509.load_pem_x509_certificate(
            (await get_certificate(tenant, station, csr_of("CP1", "Acme", key=key))).encode()
        )
        assert leaf.public_key() == key.public_key()
        assert leaf.subject.rfc4514_string() == "CN=CP1,O=Acme"
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
        authority = await stored(tenant, CertificateAuthority.objects.get)
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate.encode()))
        kept = await stored(tenant, certificate_row)
        assert (kept.serial_number, kept.fingerprint) == (
            f"{leaf.serial_number:x}",
            leaf.fingerprint(hashes.SHA256()).hex(),
        )
        events = await stored(tenant, lambda: list(OutboxEvent.objects.filter(event_type="security.certificate")))
        assert [event.data["state"] for event in events] == ["installed"]


async def test_certificate_signed_never_overtakes_the_answer_to_its_request(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(make_authority, tenant)
    async with connect() as station:
        await station.boot()
        station.answers["CertificateSigned"] = {"status": "Accepted"}
        answer = await station.frame("SignCertificate", {"csr": csr_of()})
        assert answer[2] == {"status": "Accepted"}
        await in_state(tenant, State.INSTALLED)


async def test_a_request_is_rejected_and_kept_with_its_reason(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
        assert await station.call("SignCertificate", csr=csr_of()) == {"status": "Rejected"}
        assert (await in_state(tenant, State.REFUSED)).detail.startswith("NoAuthority: ")
        await asyncio.to_thread(make_authority, tenant)
        assert await station.call("SignCertificate", csr=csr_of("CP2")) == {"status": "Rejected"}
        assert (await stored(tenant, certificate_row)).detail.startswith("WrongCommonName: ")
        await station.call("Heartbeat")
        assert "CertificateSigned" not in [action for action, _payload in station.asked]


async def test_a_certificate_that_the_station_rejects_has_failed(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(make_authority, tenant)
    async with connect() as station:
        await station.boot()
        station.answers["CertificateSigned"] = {"status": "Rejected"}
        await station.call("SignCertificate", csr=csr_of())
        assert (await in_state(tenant, State.FAILED)).detail == "The station rejected it."
        events = await stored(tenant, lambda: list(OutboxEvent.objects.filter(event_type="security.certificate")))
        assert [event.data["state"] for event in events] == ["failed"]


async def test_a_station_that_vanishes_between_gets_its_certificate_when_it_is_back(
    tenant: Tenant, connect: Connect
) -> None:
    await asyncio.to_thread(make_authority, tenant)
    csr = csr_of()
    async with connect() as station:
        await station.boot()
        await station.call("SignCertificate", csr=csr)
        await eventually(lambda: "CertificateSigned" in [action for action, _payload in station.asked])
    await eventually(lambda: stored(tenant, lambda: certificate_row().command.state == CommandState.FAILED))
    assert (await stored(tenant, certificate_row)).state == State.SIGNED
    async with connect() as station:
        await station.boot()
        station.answers["CertificateSigned"] = {"status": "Accepted"}
        assert await asyncio.to_thread(sweep_certificates) == 0, "the last attempt has only just ended"
        await asyncio.to_thread(age, tenant)
        assert await asyncio.to_thread(sweep_certificates) == 1
        await in_state(tenant, State.INSTALLED)
    assert await stored(tenant, StationCertificate.objects.count) == 1


async def test_an_older_certificate_is_never_delivered_after_a_newer_one(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(make_authority, tenant)
    async with connect() as station:
        await station.boot()
        await station.call("SignCertificate", csr=csr_of())
        await eventually(lambda: "CertificateSigned" in [action for action, _payload in station.asked])
    await eventually(lambda: stored(tenant, lambda: certificate_row().command.state == CommandState.FAILED))
    async with connect() as station:
        await station.frame("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}, "again")
        station.answers["CertificateSigned"] = {"status": "Accepted"}
        await station.frame("SignCertificate", {"csr": csr_of()}, "newer")
        await in_state(tenant, State.INSTALLED)
        await asyncio.to_thread(age, tenant)
        assert await asyncio.to_thread(sweep_certificates) == 0
        assert [action for action, _payload in station.asked].count("CertificateSigned") == 1


async def test_a_crash_between_answer_and_signature_is_made_good_by_the_sweep(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(make_authority, tenant)
    async with connect() as station:
        await station.boot()
        station.answers["CertificateSigned"] = {"status": "Accepted"}
        row = await stored(tenant, ChargePoint.objects.get)
        where = {"tenant_id": tenant.pk, "charge_point_id": row.pk}
        assert await asyncio.to_thread(lambda: receive_request(**where, csr=csr_of(), received_at=timezone.now()))
        await asyncio.to_thread(age, tenant)
        assert await asyncio.to_thread(sweep_certificates) == 1
        await in_state(tenant, State.INSTALLED)


async def test_a_station_that_answers_with_an_error_is_not_sent_the_same_again(
    tenant: Tenant, connect: Connect
) -> None:
    await asyncio.to_thread(make_authority, tenant)
    async with connect() as station:
        await station.boot()
        await station.call("SignCertificate", csr=csr_of())
        await eventually(lambda: "CertificateSigned" in [action for action, _payload in station.asked])
        await station.send(f'[4,"{station.asked_ids[-1]}","NotImplemented","",{{}}]')
        await eventually(lambda: stored(tenant, lambda: certificate_row().command.state == CommandState.FAILED))
        await asyncio.to_thread(age, tenant)
        assert await asyncio.to_thread(sweep_certificates) == 0
        assert (await in_state(tenant, State.FAILED)).detail == "The station answered NotImplemented."


def test_the_same_request_again_adds_nothing_and_a_newer_one_takes_its_place(tenant: Tenant) -> None:
    make_authority(tenant)
    station = make_station(tenant)
    where: Any = {"tenant_id": tenant.pk, "charge_point_id": station.pk, "received_at": timezone.now()}
    first, second = csr_of(), csr_of()
    assert receive_request(**where, csr=first)
    assert receive_request(**where, csr=first)
    assert receive_request(**where, csr=second)
    with tenant_transaction(tenant.pk):
        assert list(StationCertificate.objects.order_by("pk").values_list("state", flat=True)) == [
            State.FAILED,
            State.REQUESTED,
        ]


def test_a_station_that_asks_for_ever_costs_a_bounded_number_of_rows(tenant: Tenant) -> None:
    make_authority(tenant)
    station = make_station(tenant)
    where: Any = {"tenant_id": tenant.pk, "charge_point_id": station.pk, "received_at": timezone.now()}
    for number in range(MOST_REQUESTS_AN_HOUR + 5):
        assert not receive_request(**where, csr=f"nonsense {number}")
    with tenant_transaction(tenant.pk):
        assert StationCertificate.objects.count() == MOST_REQUESTS_AN_HOUR


def test_nothing_is_sent_to_a_station_that_is_offline(tenant: Tenant) -> None:
    make_authority(tenant)
    station = make_station(tenant)
    where = {"tenant_id": tenant.pk, "charge_point_id": station.pk}
    receive_request(**where, csr=csr_of(), received_at=timezone.now())
    assert not sign_and_deliver(**where)
    with tenant_transaction(tenant.pk):
        assert StationCertificate.objects.get().state == State.SIGNED
        assert not Command.objects.exists()


async def test_a_certificate_that_nears_its_end_is_renewed_once_a_day(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(make_authority, tenant)
    async with connect() as station:
        await station.boot()
        station.answers["ExtendedTriggerMessage"] = {"status": "Accepted"}
        await get_certificate(tenant, station, csr_of())
        assert await asyncio.to_thread(renew_certificates) == 0
        soon = timezone.now() + timedelta(days=29)
        await stored(tenant, lambda: StationCertificate.objects.update(not_after=soon))
        assert await asyncio.to_thread(renew_certificates) == 1
        assert await asyncio.to_thread(renew_certificates) == 0
        await eventually(lambda: "ExtendedTriggerMessage" in [action for action, _payload in station.asked])
