"""Sign-in of charge points, before the websocket upgrade (OCPP.md "Connection"). Runs under the system role."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from chargepoints.models import ChargePoint, Registration, SecurityProfile, SignInAttempt
from chargepoints.services.client_certificates import is_stations_own
from chargepoints.services.identity import Address
from chargepoints.services.password_rotation import prove_new_password
from chargepoints.services.passwords import MIN_LENGTH, hash_password, password_matches
from chargepoints.services.security_profiles import prove_profile
from tenants.context import system_transaction
from tenants.models import Tenant

ATTEMPTS_KEPT = 200
Reason = SignInAttempt.Reason


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection request brought along. `secure`: over TLS, as far as a trusted proxy says.

    `certificate`: the client certificate (PEM) whose key TLS has proven to be the station's.
    """

    remote_address: str
    secure: bool
    authorization: str = ""
    certificate: str = ""


@dataclass(slots=True)
class Proof:
    """What the credentials have shown: a refusal, or the profile; to be noted once the decision has committed."""

    refusal: tuple[int, str] | None = None
    pending_profile: int | None = None
    new_password: bool = False


class SignInRefused(Exception):
    """The upgrade is refused with this HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A station that may connect, with what its connection needs to know of it and its tenant."""

    tenant_id: int
    tenant_slug: str
    charge_point_id: int
    identity: str
    accepted: bool
    strict: bool
    log_messages: bool


def sign_in(address: Address, credentials: Credentials) -> SignedIn:
    """Decide on a connection request; SignInRefused where it is turned away. Refusals are counted."""
    now = timezone.now()
    with system_transaction():
        tenant = _resolve_tenant(address)
        if tenant is None:
            raise SignInRefused(404, "unknown tenant")
        if not tenant.is_active:
            raise SignInRefused(403, "tenant suspended")
        charge_point = ChargePoint.objects.filter(tenant=tenant, identity_key=address.identity.lower()).first()
        proof = Proof()
        if charge_point is None:
            charge_point, refusal = _admit_unknown(tenant, address, credentials)
        else:
            proof = _check_credentials(tenant, charge_point, credentials, now)
            refusal = proof.refusal
        if refusal is not None:
            _count_refusal(tenant, address.identity, refusal[1], credentials.remote_address, now)
    # Raised after the commit, so that the count stays.
    if refusal is not None:
        raise SignInRefused(refusal[0], str(Reason(refusal[1]).label))
    assert charge_point is not None  # noqa: S101 (either a station or a refusal)
    _note(charge_point, proof)
    return SignedIn(
        tenant_id=tenant.pk,
        tenant_slug=tenant.slug,
        charge_point_id=charge_point.pk,
        identity=charge_point.identity,
        accepted=charge_point.registration == Registration.ACCEPTED,
        strict=charge_point.strict,
        log_messages=tenant.message_log_enabled,
    )


def _resolve_tenant(address: Address) -> Tenant | None:
    if address.tenant_slug is not None:
        return Tenant.objects.filter(slug=address.tenant_slug).first()
    slugs = [slug for slug in (address.tenant_hint, settings.DEFAULT_TENANT_SLUG) if slug]
    found = {tenant.slug: tenant for tenant in Tenant.objects.filter(slug__in=slugs)}
    return next((found[slug] for slug in slugs if slug in found), None)


def _check_credentials(tenant: Tenant, charge_point: ChargePoint, credentials: Credentials, now: datetime) -> Proof:
    """The station's profile is satisfied, or the higher one that it is on its way to."""
    pending, until = charge_point.pending_security_profile, charge_point.pending_security_profile_until
    if pending is not None and until is not None and now < until and pending > charge_point.security_profile:
        proof = _check_profile(pending, tenant, charge_point, credentials, now)
        if proof.refusal is None:
            proof.pending_profile = pending
            return proof
    return _check_profile(charge_point.security_profile, tenant, charge_point, credentials, now)


def _check_profile(
    profile: int, tenant: Tenant, charge_point: ChargePoint, credentials: Credentials, now: datetime
) -> Proof:
    if profile == SecurityProfile.NONE:
        # A password that it has been given, though it needs none, is still its new password.
        new = bool(credentials.authorization) and _check_password(charge_point, credentials).new_password
        return Proof(None if tenant.allow_unauthenticated else (401, Reason.NO_PASSWORD), new_password=new)
    if profile >= SecurityProfile.TLS_BASIC and not credentials.secure:
        return Proof((403, Reason.NOT_TLS))
    if profile == SecurityProfile.TLS_CLIENT:
        own = is_stations_own(charge_point, credentials.certificate, now)
        return Proof(None if own else (403, Reason.NO_CERTIFICATE))
    return _check_password(charge_point, credentials)


def _check_password(charge_point: ChargePoint, credentials: Credentials) -> Proof:
    password = basic_password(credentials.authorization, charge_point.identity)
    if password is None:
        return Proof((401, Reason.WRONG_PASSWORD if credentials.authorization else Reason.NO_PASSWORD))
    if not password_matches(password, charge_point.password_hash, charge_point.next_password_hash):
        return Proof((401, Reason.WRONG_PASSWORD))
    new = bool(charge_point.next_password_hash) and password_matches(password, charge_point.next_password_hash)
    return Proof(new_password=new)


def _note(charge_point: ChargePoint, proof: Proof) -> None:
    """The old password and the old profile end where the station has come back with the new one."""
    where = {"tenant_id": charge_point.tenant_id, "charge_point_id": charge_point.pk}
    if proof.new_password:
        prove_new_password(**where, proven=charge_point.next_password_hash)
    if proof.pending_profile is not None:
        prove_profile(**where, profile=proof.pending_profile)


def _admit_unknown(
    tenant: Tenant, address: Address, credentials: Credentials
) -> tuple[ChargePoint | None, tuple[int, str] | None]:
    if tenant.unknown_charge_points == Tenant.UnknownChargePoints.REJECT:
        return None, (404, Reason.UNKNOWN)
    password = basic_password(credentials.authorization, address.identity)
    if password is not None and len(password) < MIN_LENGTH:
        return None, (401, Reason.WRONG_PASSWORD)
    if password is None and not tenant.allow_unauthenticated:
        return None, (401, Reason.NO_PASSWORD)
    # Locked, so that many stations at once can't pass the limit together.
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    limit = tenant.max_charge_points
    if limit is not None and ChargePoint.objects.filter(tenant=tenant).count() >= limit:
        return None, (403, Reason.LIMIT)
    waits = tenant.unknown_charge_points == Tenant.UnknownChargePoints.PENDING
    # The password that it came with is its password from now on (trust on first use).
    charge_point, _ = ChargePoint.objects.get_or_create(
        tenant=tenant,
        identity_key=address.identity.lower(),
        defaults={
            "identity": address.identity,
            "registration": Registration.PENDING if waits else Registration.ACCEPTED,
            "security_profile": SecurityProfile.NONE if password is None else SecurityProfile.BASIC,
            "password_hash": "" if password is None else hash_password(password),
        },
    )
    return charge_point, None


def basic_password(authorization: str, identity: str) -> bytes | None:
    """The password of an HTTP Basic header whose user name is the identity (without case); else None."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    if not colon or user.decode("utf-8", "replace").lower() != identity.lower():
        return None
    return password


def _count_refusal(tenant: Tenant, identity: str, reason: str, remote_address: str, now: datetime) -> None:
    """Count it in the tenant's bounded list; the longest silent one makes room."""
    attempt, created = SignInAttempt.objects.get_or_create(
        tenant=tenant,
        identity_key=identity.lower(),
        defaults={"identity": identity, "reason": reason, "last_at": now, "remote_address": remote_address},
    )
    if not created:
        attempt.count += 1
        attempt.reason, attempt.last_at, attempt.remote_address = reason, now, remote_address
        attempt.save(update_fields=["count", "reason", "last_at", "remote_address"])
        return
    stale = SignInAttempt.objects.filter(tenant=tenant).order_by("-last_at").values_list("pk")[ATTEMPTS_KEPT:]
    SignInAttempt.objects.filter(pk__in=list(stale.values_list("pk", flat=True))).delete()
