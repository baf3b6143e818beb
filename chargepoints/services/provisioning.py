"""Bringing charge points into the system: create, give a password, accept one that knocked."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.models import ChargePoint, Registration, SecurityProfile, SignInAttempt
from chargepoints.services.identity import IDENTITY
from chargepoints.services.passwords import MIN_LENGTH, generate_password, hash_password
from tenants.context import current_tenant_id, tenant_transaction
from tenants.models import Tenant


def create_charge_point(*, identity: str, password: str | None = None, **fields: Any) -> tuple[ChargePoint, str | None]:
    """Create a station in the open tenant; returns it and its password (shown this once; None for profile 0 and 3).

    ValidationError names the field: identity (spelling, taken, or over the tenant's limit), password.
    """
    tenant_id = current_tenant_id()
    with tenant_transaction(tenant_id):
        check_new_identity(identity, Tenant.objects.select_for_update().get(pk=tenant_id))
        charge_point = ChargePoint(tenant_id=tenant_id, identity=identity, identity_key=identity.lower(), **fields)
        chosen = _choose_password(charge_point.security_profile, password)
        charge_point.password_hash = hash_password(chosen.encode()) if chosen else ""
        charge_point.full_clean(exclude=["tenant"])
        charge_point.save()
        SignInAttempt.objects.filter(identity_key=identity.lower()).delete()
    return charge_point, chosen


def check_new_identity(identity: str, tenant: Tenant) -> None:
    """ValidationError for `identity`: spelling, taken, or over the tenant's limit. Callers hold the tenant's scope."""
    if not IDENTITY.match(identity):
        raise ValidationError({"identity": gettext("1 to 48 characters of A-Z a-z 0-9 * - _ = : + | @ .")})
    if ChargePoint.objects.filter(identity_key=identity.lower()).exists():
        raise ValidationError({"identity": gettext("%(identity)s exists already.") % {"identity": identity}})
    if tenant.max_charge_points is not None and ChargePoint.objects.count() >= tenant.max_charge_points:
        raise ValidationError(
            {
                "identity": gettext("The limit of %(max_charge_points)s charge points is reached.")
                % {"max_charge_points": tenant.max_charge_points}
            }
        )


def set_password(charge_point: ChargePoint, password: str | None = None) -> str:
    """Give a station a new password at once (for one that is set up by hand); returned this once."""
    chosen = _choose_password(SecurityProfile.BASIC, password)
    assert chosen is not None  # noqa: S101 (profile 1 always has one)
    charge_point.password_hash, charge_point.next_password_hash = hash_password(chosen.encode()), ""
    # A rotation under way ends here: its key must not be sent any more.
    charge_point.next_password, charge_point.next_password_at = "", None
    charge_point.password_set_at = timezone.now()
    if charge_point.security_profile == SecurityProfile.NONE:
        charge_point.security_profile = SecurityProfile.BASIC
    with tenant_transaction(charge_point.tenant_id):
        charge_point.save(
            update_fields=[
                *("password_hash", "next_password_hash", "next_password", "next_password_at", "security_profile"),
                "password_set_at",
            ]
        )
    return chosen


def accept_attempt(attempt: SignInAttempt) -> tuple[ChargePoint, str | None]:
    """Turn a refused sign-in into a charge point: it gets a password, or none where the tenant asks for none.

    A known station that was refused (wrong password) gets a new password.
    """
    with tenant_transaction(attempt.tenant_id):
        known = ChargePoint.objects.filter(identity_key=attempt.identity_key).first()
        if known is not None:
            password = set_password(known)
            attempt.delete()
            return known, password
        return create_charge_point(identity=attempt.identity)


def set_registration(charge_point: ChargePoint, registration: Registration) -> None:
    """Accept, reject or park a station; it learns of it at its next BootNotification."""
    with tenant_transaction(charge_point.tenant_id):
        charge_point.registration = registration
        charge_point.save(update_fields=["registration"])


def _choose_password(security_profile: int, password: str | None) -> str | None:
    if security_profile in (SecurityProfile.NONE, SecurityProfile.TLS_CLIENT):
        return None
    if password is None:
        return generate_password()
    if len(password) < MIN_LENGTH:
        raise ValidationError({"password": gettext("At least %(min_length)s characters.") % {"min_length": MIN_LENGTH}})
    return password
