"""Certificates of stations: requested, signed, delivered, renewed, revoked, and checked at sign-in (Whitepaper A02, A03).

The request is stored before it is answered; signing and CertificateSigned follow the reply. What a crash or a lost
connection leaves between is taken up again by `sweep_certificates`.
"""

from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from chargepoints.events import CertificateChanged
from chargepoints.models import (
    CertificateAuthority,
    ChargePoint,
    Command,
    SecurityProfile,
    StationCertificate,
)
from chargepoints.services.certificate_authority import chain_for_station, issue_certificate
from chargepoints.services.closing import close_station
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.configuration_wishes import plain_wishes
from chargepoints.services.pem import LONGEST_CHAIN, fingerprint, read_certificates, serial_text, write_certificates
from chargepoints.services.signing_requests import RequestRefused, check_request
from tenants.context import tenant_transaction
from tenants.events import publish
from tenants.models import Tenant
from tenants.sealing import SealBroken
from tenants.services.audit import record
from tenants.stored_words import stored

NO_AUTHORITY = stored("The tenant has no certificate authority that signs.")
NEWER = stored("A newer request came.")
AUTHORITY_GONE = stored("Its authority is gone.")
TOO_LONG = stored("With its chain it is longer than a station takes.")
REJECTED = stored("The station rejected it.")

log = structlog.get_logger(__name__)

State = StationCertificate.State
TRIGGER = {"requestedMessage": "SignChargePointCertificate"}
# A station that asks for ever, or is made to, costs a bounded number of rows and signatures.
MOST_REQUESTS_AN_HOUR, MOST_KEPT = 20, 100
WAITING = (State.REQUESTED, State.SIGNED)
SYSTEM = "system"


class AlreadyRevoked(Exception):
    """There is nothing left to revoke."""


def receive_request(*, tenant_id: int, charge_point_id: int, csr: str, received_at: datetime) -> bool:
    """Store a station's request; whether it will be signed. The same request again adds nothing."""
    csr = csr.replace("\0", "")
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=charge_point_id)
        known = StationCertificate.objects.filter(charge_point=station)
        if known.filter(request=csr, state__in=WAITING).exists():
            return True
        if known.filter(created_at__gt=received_at - timedelta(hours=1)).count() >= MOST_REQUESTS_AN_HOUR:
            log.warning("too many certificate requests", charge_point=station.identity)
            return False
        refusal = _refusal(station, csr)
        # A newer request takes the place of what still waits.
        known.filter(state=State.REQUESTED).update(state=State.FAILED, detail=NEWER)
        StationCertificate.objects.create(
            tenant_id=tenant_id,
            charge_point=station,
            request=csr,
            state=State.REQUESTED if refusal is None else State.REFUSED,
            detail="" if refusal is None else f"{refusal.name}: {refusal.sentence}"[:255],
        )
        _forget_old(station)
        if refusal is not None:
            _publish(station, State.REFUSED, detail=refusal.name)
    return refusal is None


def _refusal(station: ChargePoint, csr: str) -> RequestRefused | None:
    if not CertificateAuthority.objects.filter(active=True).exists():
        return RequestRefused("NoAuthority", NO_AUTHORITY)
    try:
        check_request(
            csr, common_names=[station.identity, station.serial_number], organizations=_organizations(station.tenant)
        )
    except RequestRefused as refused:
        return refused
    return None


def _organizations(tenant: Tenant) -> list[str]:
    """What stations may call their operator: its name, or the CpoName that they are set to."""
    wished = [value for key, value in plain_wishes(tenant.desired_configuration).items() if key.lower() == "cponame"]
    return [tenant.name, *wished]


def _forget_old(station: ChargePoint) -> None:
    """Refused and failed requests are kept as far back as a person looks."""
    dead = StationCertificate.objects.filter(charge_point=station, state__in=[State.REFUSED, State.FAILED])
    stale = list(dead.order_by("-created_at").values_list("pk", flat=True)[MOST_KEPT:])
    StationCertificate.objects.filter(pk__in=stale).delete()


def sign_and_deliver(*, tenant_id: int, charge_point_id: int) -> bool:
    """Sign what the station requested, send it what is signed; False where there is nothing, or it is offline."""
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=charge_point_id)
        row = (
            StationCertificate.objects.filter(charge_point=station, state__in=[*WAITING, State.INSTALLED])
            .select_related("authority", "command")
            .order_by("-created_at", "-pk")
            .first()
        )
        # An older one that was never taken must not follow a newer one.
        if row is None or row.state == State.INSTALLED or (row.state == State.REQUESTED and not _sign(station, row)):
            return False
        if row.command is not None and not row.command.is_final:
            return False
        return _deliver(station, row)


def _sign(station: ChargePoint, row: StationCertificate) -> bool:
    authority = CertificateAuthority.objects.filter(active=True).first()
    now = timezone.now()
    try:
        if authority is None:
            raise RequestRefused("NoAuthority", NO_AUTHORITY)
        # Checked again: the tenant's name, or the station's serial number, may have changed since.
        request = check_request(
            row.request,
            common_names=[station.identity, station.serial_number],
            organizations=_organizations(station.tenant),
        )
        certificate = issue_certificate(authority, request, station.tenant.name, now)
    except (RequestRefused, SealBroken, ValueError) as error:
        log.error("certificate not signed", charge_point=station.identity, error=str(error)[:200])
        fail_certificate(station, row, str(error))
        return False
    row.state, row.authority = State.SIGNED, authority
    row.certificate = write_certificates(certificate)
    row.serial_number, row.fingerprint = serial_text(certificate), fingerprint(certificate)
    row.not_before, row.not_after = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    row.save()
    return True


def _deliver(station: ChargePoint, row: StationCertificate) -> bool:
    if row.authority is None:
        fail_certificate(station, row, AUTHORITY_GONE)
        return False
    chain = chain_for_station(row.authority, read_certificates(row.certificate)[0])
    if len(chain) > LONGEST_CHAIN:
        fail_certificate(station, row, TOO_LONG)
        return False
    try:
        row.command = send_command(
            charge_point=station,
            action="CertificateSigned",
            payload={"certificateChain": chain},
            requested_by=SYSTEM,
            origin=SYSTEM,
        )
    except StationOffline:
        return False
    row.save(update_fields=["command"])
    return True


def record_delivery(*, tenant_id: int, charge_point_id: int, chain: str, accepted: bool) -> None:
    """The station's answer to CertificateSigned."""
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.select_for_update(of=("self",)).get(pk=charge_point_id)
        row = StationCertificate.objects.filter(
            charge_point=station, fingerprint=fingerprint(read_certificates(chain)[0]), state=State.SIGNED
        ).first()
        if row is None:
            return
        if not accepted:
            fail_certificate(station, row, REJECTED)
            return
        row.state, row.detail = State.INSTALLED, ""
        row.save(update_fields=["state", "detail"])
        _publish(station, State.INSTALLED, serial_number=row.serial_number)


def fail_certificate(station: ChargePoint, row: StationCertificate, detail: str) -> None:
    """It won't come to anything; said once. Callers hold the station's lock."""
    row.state, row.detail = State.FAILED, detail[:255]
    row.save(update_fields=["state", "detail"])
    _publish(station, State.FAILED, serial_number=row.serial_number, detail=row.detail)


def _publish(station: ChargePoint, state: str, *, serial_number: str = "", detail: str = "") -> None:
    publish(
        CertificateChanged(
            charge_point=station.identity, at=timezone.now(), state=state, serial_number=serial_number, detail=detail
        )
    )


def ask_for_request(*, charge_point: ChargePoint, requested_by: str, origin: str) -> Command:
    """Have the station ask for a (new) certificate (Whitepaper A02). Raises StationOffline."""
    return send_command(
        charge_point=charge_point,
        action="ExtendedTriggerMessage",
        payload=TRIGGER,
        requested_by=requested_by,
        origin=origin,
    )


def revoke_certificate(certificate: StationCertificate, *, actor: str, origin: str, reason: str = "") -> None:
    """It doesn't count any more, from this moment: the socket of a station that signs in with one is closed."""
    with tenant_transaction(certificate.tenant_id):
        revoked = StationCertificate.objects.filter(pk=certificate.pk, state__in=StationCertificate.TRUSTED).update(
            state=State.REVOKED, revoked_at=timezone.now(), revoked_by=actor[:150], detail=reason[:255]
        )
        if not revoked:
            raise AlreadyRevoked
        station = ChargePoint.objects.get(pk=certificate.charge_point_id)
        record(actor=actor, origin=origin, action="revoke", target=certificate, changes={"reason": reason})
        _publish(station, State.REVOKED, serial_number=certificate.serial_number, detail=reason[:255])
        if station.security_profile == SecurityProfile.TLS_CLIENT:
            close_station(station.pk)
