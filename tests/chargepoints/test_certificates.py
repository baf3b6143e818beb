"""Certificates of stations: asked for, signed, delivered, renewed, revoked, and what counts at sign-in."""

import asyncio
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from chargepoints.models import (
    CertificateAuthority,
    ChargePoint,
    Command,
    CommandState,
    InstalledCertificate,
    StationCertificate,
)
from chargepoints.services.certificate_authority import (
    StillNeeded,
    activate_authority,
    bring_authority,
    create_authority,
    delete_authority,
    revocation_list,
)
from chargepoints.services.certificate_sweeps import close_revoked, renew_certificates, sweep_certificates
from chargepoints.services.certificates import (
    MOST_REQUESTS_AN_HOUR,
    ask_for_request,
    receive_request,
    revoke_certificate,
    sign_and_deliver,
)
from chargepoints.services.pem import hash_data
from chargepoints.services.provisioning import create_charge_point
from chargepoints.services.root_certificates import ask_installed, delete_root, hash_data_of, install_root
from chargepoints.services.signing_requests import RequestRefused, check_request
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, OutboxEvent, Tenant
from tenants.sealing import SealBroken, seal, unseal
from tests.api.conftest import make_station
from tests.chargepoints.pki import certificate_of, csr_of, key_pem, new_key, pem, through_proxy
from tests.chargepoints.test_connection import refused, stored
from tests.conftest import eventually
from tests.stations import Connect, Station

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


# --- requests ---


@pytest.mark.parametrize(
    ("csr", "name"),
    [
        (lambda: "no request", "Unreadable"),
        (lambda: csr_of("CP2"), "WrongCommonName"),
        (lambda: csr_of(None), "WrongCommonName"),
        (lambda: csr_of("CP1", "Umbrella"), "WrongOrganization"),
        (lambda: csr_of("CP1", key=new_key("RSA-1024")), "WeakKey"),
        (lambda: csr_of("CP1", key=new_key("P-192")), "WeakKey"),
        (lambda: csr_of("CP1", authority=True), "AsksForAuthority"),
        (lambda: "x" * 5501, "TooLong"),
        (lambda: tampered(csr_of("CP1")), "WrongSignature"),
    ],
)
def test_a_request_that_must_not_be_signed_is_refused_by_name(csr: Any, name: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        check_request(csr(), common_names=["CP1", ""], organizations=["Acme"])
    assert caught.value.name == name


def tampered(csr: str) -> str:
    """Signed by another key than it names."""
    import base64

    lines = csr.strip().splitlines()
    raw = bytearray(base64.b64decode("".join(lines[1:-1])))
    raw[-1] ^= 1
    return "\n".join([lines[0], base64.b64encode(bytes(raw)).decode(), lines[-1]])


@pytest.mark.parametrize(
    ("common_name", "organization", "kind"),
    [("CP1", None, "P-256"), ("cp1", "acme", "P-384"), ("SN-7", "Acme", "RSA-2048")],
)
def test_the_identity_or_the_serial_number_may_be_the_common_name(
    common_name: str, organization: str | None, kind: str
) -> None:
    csr = csr_of(common_name, organization, key=new_key(kind))
    check_request(csr, common_names=["CP1", "SN-7"], organizations=["Acme"])


# --- authorities ---


def test_a_private_key_is_sealed_at_rest_and_in_no_audit_row(tenant: Tenant) -> None:
    key = new_key()
    own = certificate_of("Acme Root", key=key, authority=True)
    with tenant_transaction(tenant.pk):
        authority = bring_authority(
            name="Root", certificate=pem(own) + key_pem(key), private_key=key_pem(key), validity_days=90, **BY
        )
        authority.refresh_from_db()
        assert authority.private_key.startswith("v1.")
        assert "PRIVATE" not in authority.private_key + authority.certificate
        assert (authority.brought, authority.active) == (True, True)
        entry = AuditEntry.objects.get(object_type="certificateauthority")
        assert (entry.actor, entry.action, entry.changes) == ("alice", "create", {"brought": True})


@pytest.mark.parametrize("field", ["certificate", "privateKey"])
def test_an_authority_that_does_not_fit_together_is_refused_naming_the_field(tenant: Tenant, field: str) -> None:
    key, other = new_key(), new_key()
    root = certificate_of("Root", key=key, authority=True)
    leaf = certificate_of("Leaf", key=key)
    old = certificate_of("Old", key=key, authority=True, days=(-30, -1))
    stranger = certificate_of("Stranger", key=other, authority=True)
    bad: dict[str, list[tuple[str, str]]] = {
        "certificate": [
            ("nothing", key_pem(key)),
            (pem(leaf), key_pem(key)),
            (pem(old), key_pem(key)),
            (pem(root) + pem(stranger), key_pem(key)),
        ],
        "privateKey": [(pem(root), key_pem(other)), (pem(root), "garbage")],
    }
    for certificate, private_key in bad[field]:
        with tenant_transaction(tenant.pk), pytest.raises(ValidationError) as caught:
            bring_authority(name="", certificate=certificate, private_key=private_key, validity_days=90, **BY)
        assert list(caught.value.message_dict) == [field]


def test_one_authority_signs_at_a_time_and_one_without_a_key_never(tenant: Tenant) -> None:
    first, second = make_authority(tenant), make_authority(tenant)
    key = new_key()
    with tenant_transaction(tenant.pk):
        checks = bring_authority(
            name="Checks",
            certificate=pem(certificate_of("R", key=key, authority=True)),
            private_key="",
            validity_days=90,
            **BY,
        )
        assert CertificateAuthority.objects.get(active=True) == second
        with pytest.raises(ValidationError):
            activate_authority(checks, **BY)
        activate_authority(first, **BY)
        assert CertificateAuthority.objects.get(active=True) == first


def test_sealing_keys_rotate(tenant: Tenant, settings: Any) -> None:
    authority = make_authority(tenant)
    old = list(settings.SEALING_KEYS)
    settings.SEALING_KEYS = ["a new key", *old]
    for said in ("1 secrets", "0 secrets"):
        out = StringIO()
        call_command("reseal_secrets", stdout=out)
        assert said in out.getvalue()
    settings.SEALING_KEYS = ["a new key"]
    with tenant_transaction(tenant.pk):
        authority.refresh_from_db()
        assert revocation_list(authority, timezone.now()).startswith("-----BEGIN X509 CRL")
    settings.SEALING_KEYS = old
    with pytest.raises(SealBroken):
        unseal(authority.private_key, "certificate authority")


def test_a_seal_opens_only_for_its_purpose() -> None:
    sealed = seal("secret", "one")
    assert unseal(sealed, "one") == "secret"
    assert "secret" not in sealed
    for broken in (sealed[:-6] + "AAAAAA", "v1.00000000.AAAA", "", "secret"):
        with pytest.raises(SealBroken):
            unseal(broken, "one")
    with pytest.raises(SealBroken):
        unseal(sealed, "another")


# --- signing and delivery ---


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


def age(tenant: Tenant, minutes: int = 5) -> None:
    """Time passes for certificates and commands."""
    before = timezone.now() - timedelta(minutes=minutes)
    with tenant_transaction(tenant.pk):
        StationCertificate.objects.update(created_at=before)
        Command.objects.filter(finished_at__isnull=False).update(finished_at=before)


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


# --- renewal ---


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


# --- sign-in with a certificate ---


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


# --- root certificates ---


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
