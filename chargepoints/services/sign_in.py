"""Sign-in of charge points, before the websocket upgrade (OCPP.md "Connection"). Runs under the system role.

`find_stations` reads for many at once, `decide` is about one. What the credentials have shown is noted by `sign_in`.
"""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from chargepoints.models import ChargePoint, Registration, SecurityProfile, SignInAttempt
from chargepoints.services.client_certificates import is_stations_own
from chargepoints.services.identity import Address
from chargepoints.services.password_rotation import prove_new_password
from chargepoints.services.passwords import MIN_LENGTH, hash_password, password_matches
from chargepoints.services.refusals import Refusal, count_refusals
from chargepoints.services.security_profiles import prove_profile
from tenants.context import directory_transaction, hold_tenant, in_database, system_transaction
from tenants.databases.each import AWAY, is_resting, rest
from tenants.databases.names import MAIN, is_known, own_databases
from tenants.databases.placement import remember
from tenants.models import Tenant

Reason = SignInAttempt.Reason
# What a decision looks at. The rest of a station's row is long.
NEEDED = (
    "tenant_id",
    "identity",
    "identity_key",
    "registration",
    "security_profile",
    "pending_security_profile",
    "pending_security_profile_until",
    "password_hash",
    "next_password_hash",
    "serial_number",
    "strict",
)


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

    def __bool__(self) -> bool:
        """Whether there is something to note."""
        return self.new_password or self.pending_profile is not None


class SignInRefused(Exception):
    """The upgrade is refused with this HTTP status. `counted`: in the tenant's list of refused sign-ins."""

    def __init__(self, status: int, reason: str, counted: Refusal | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.counted = status, reason, counted


@dataclass(frozen=True, slots=True)
class Found:
    """What an address names: a tenant, and a station of it. `is_away`: the tenant's own database can't be asked now."""

    address: Address
    tenant: Tenant | None
    charge_point: ChargePoint | None
    is_away: bool = False


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
    try:
        with in_database(_home_of(address)), system_transaction():
            found = find_stations([address])[0]
            charge_point, proof = decide(found, credentials, now)
    except SignInRefused as refused:
        if refused.counted is not None:
            count_refusals([refused.counted], now)
        raise
    _note(charge_point, proof)
    return signed_in_as(charge_point, found)


Keys = dict[int, set[str]]
Stations = dict[tuple[int, str], ChargePoint]


def find_stations(addresses: Sequence[Address]) -> list[Found]:
    """What each address names, in two queries, and one for each other database. In an open system transaction."""
    slugs = {slug for address in addresses for slug in _slugs(address)}
    tenants = {tenant.slug: tenant for tenant in Tenant.objects.filter(slug__in=slugs)}
    named = [
        (address, next((tenants[slug] for slug in _slugs(address) if slug in tenants), None)) for address in addresses
    ]
    keys: defaultdict[str, defaultdict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for address, tenant in named:
        if tenant is not None:
            keys[tenant.database][tenant.pk].add(address.identity.lower())
    stations = _stations(keys.pop(MAIN, {}))
    away = set()
    for database, of_database in keys.items():
        found = _stations_elsewhere(database, of_database)
        stations |= found or {}
        if found is None:
            away.add(database)
    return [
        Found(
            address,
            tenant,
            stations.get((tenant.pk, address.identity.lower())) if tenant else None,
            is_away=tenant is not None and tenant.database in away,
        )
        for address, tenant in named
    ]


def _stations(keys: Keys) -> Stations:
    wanted = Q(pk__in=[])
    for tenant_id, wanted_keys in keys.items():
        wanted |= Q(tenant_id=tenant_id, identity_key__in=wanted_keys)
    return {(one.tenant_id, one.identity_key): one for one in ChargePoint.objects.filter(wanted).only(*NEEDED)}


def _stations_elsewhere(database: str, keys: Keys) -> Stations | None:
    """None where it can't be asked now: the stations of others must not wait for that."""
    for tenant_id in keys:
        remember(tenant_id, database)
    if not is_known(database) or is_resting(database):
        return None
    try:
        with in_database(database), system_transaction():
            return _stations(keys)
    except AWAY as error:
        rest(database, error, "sign-in")
        return None


def _home_of(address: Address) -> str:
    """The database where to decide about it. SignInRefused while its tenant is on the way from one to another."""
    if not own_databases():
        return MAIN
    slugs = list(_slugs(address))
    with directory_transaction():
        tenants = {tenant.slug: tenant for tenant in Tenant.objects.filter(slug__in=slugs)}
    tenant = next((tenants[slug] for slug in slugs if slug in tenants), None)
    if tenant is None:
        return MAIN
    remember(tenant.pk, tenant.database)
    _check_presence(Found(address, tenant, None))
    return tenant.database


def _check_presence(found: Found) -> None:
    """Whether its tenant can be worked with now."""
    tenant = found.tenant
    if tenant is not None and tenant.is_moving:
        raise SignInRefused(503, "the tenant is being moved, try again in a minute")
    if found.is_away or (tenant is not None and not is_known(tenant.database)):
        raise SignInRefused(503, "try again later")


def asks_for_more(found: Found) -> bool:
    """Whether `decide` needs the database: for a new station's row, or for a certificate."""
    if found.tenant is None or not found.tenant.is_active or found.is_away:
        return False
    station = found.charge_point
    if station is None:
        return found.tenant.unknown_charge_points != Tenant.UnknownChargePoints.REJECT
    return SecurityProfile.TLS_CLIENT in (station.security_profile, station.pending_security_profile)


def decide(found: Found, credentials: Credentials, now: datetime) -> tuple[ChargePoint, Proof]:
    """The station that may connect, and what is to be noted of it. SignInRefused, to be counted by the caller."""
    tenant, identity = found.tenant, found.address.identity
    if tenant is None:
        raise SignInRefused(404, "unknown tenant")
    _check_presence(found)
    if not tenant.is_active:
        raise SignInRefused(403, "tenant suspended")
    charge_point, proof = found.charge_point, Proof()
    if charge_point is None:
        charge_point, proof.refusal = _admit_unknown(tenant, found.address, credentials)
    else:
        proof = _check_credentials(tenant, charge_point, credentials, now)
    if proof.refusal is not None:
        status, reason = proof.refusal
        counted = Refusal(tenant.pk, identity, reason, credentials.remote_address)
        raise SignInRefused(status, str(Reason(reason).label), counted)
    assert charge_point is not None  # noqa: S101 (either a station or a refusal)
    return charge_point, proof


def signed_in_as(charge_point: ChargePoint, found: Found) -> SignedIn:
    """For the station's connection."""
    tenant = found.tenant
    assert tenant is not None  # noqa: S101 (it has signed in)
    return SignedIn(
        tenant_id=tenant.pk,
        tenant_slug=tenant.slug,
        charge_point_id=charge_point.pk,
        identity=charge_point.identity,
        accepted=charge_point.registration == Registration.ACCEPTED,
        strict=charge_point.strict,
        log_messages=tenant.message_log_enabled,
    )


def _slugs(address: Address) -> Iterable[str]:
    """The tenants that an address may name, the likeliest first."""
    if address.tenant_slug is not None:
        return (address.tenant_slug,)
    return [slug for slug in (address.tenant_hint, settings.DEFAULT_TENANT_SLUG) if slug]


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
    hold_tenant(tenant.pk)
    # Locked, so that many stations at once can't pass the limit together; those that are known don't wait for it.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
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
