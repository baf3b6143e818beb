"""Sign-in of charge points, before the websocket upgrade (OCPP.md "Connection"). Runs under the system role."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from chargepoints.models import ChargePoint, Registration, SecurityProfile, SignInAttempt
from chargepoints.services.identity import Address
from chargepoints.services.passwords import MIN_LENGTH, hash_password, password_matches
from tenants.context import system_transaction
from tenants.models import Tenant

ATTEMPTS_KEPT = 200
Reason = SignInAttempt.Reason


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection request brought along. `secure`: over TLS, as far as a trusted proxy says."""

    remote_address: str
    secure: bool
    authorization: str = ""
    certificate_name: str = ""


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
        refusal = None
        if charge_point is None:
            charge_point, refusal = _admit_unknown(tenant, address, credentials)
        else:
            refusal = _check_profile(tenant, charge_point, credentials, now)
        if refusal is not None:
            _count_refusal(tenant, address.identity, refusal[1], credentials.remote_address, now)
    # Raised after the commit, so that the count stays.
    if refusal is not None:
        raise SignInRefused(refusal[0], str(Reason(refusal[1]).label))
    assert charge_point is not None  # noqa: S101 (either a station or a refusal)
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


def _check_profile(
    tenant: Tenant, charge_point: ChargePoint, credentials: Credentials, now: datetime
) -> tuple[int, str] | None:
    """The refusal (HTTP status, reason), or None where the station's security profile is satisfied."""
    profile = charge_point.security_profile
    if profile == SecurityProfile.NONE:
        return None if tenant.allow_unauthenticated else (401, Reason.NO_PASSWORD)
    if profile >= SecurityProfile.TLS_BASIC and not credentials.secure:
        return 403, Reason.NOT_TLS
    if profile == SecurityProfile.TLS_CLIENT:
        known = {charge_point.identity_key, charge_point.serial_number.lower()} - {""}
        return None if credentials.certificate_name.lower() in known else (403, Reason.NO_CERTIFICATE)
    password = basic_password(credentials.authorization, charge_point.identity)
    if password is None:
        return 401, Reason.WRONG_PASSWORD if credentials.authorization else Reason.NO_PASSWORD
    if not password_matches(password, charge_point.password_hash, charge_point.next_password_hash):
        return 401, Reason.WRONG_PASSWORD
    if charge_point.next_password_hash and password_matches(password, charge_point.next_password_hash):
        # The station has come back with the new password: the old one ends here.
        charge_point.password_hash, charge_point.next_password_hash = charge_point.next_password_hash, ""
        charge_point.save(update_fields=["password_hash", "next_password_hash"])
    return None


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
