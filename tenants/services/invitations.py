"""Invitations: made, sent again, revoked, accepted. Whoever has the link may become a member; only a hash of it is kept."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.context import directory_transaction
from tenants.models import Invitation, Membership, Role, Tenant, User
from tenants.services.people_trail import note_in_tenant

VALID = timedelta(days=7)


class NotNow(Exception):
    """What was asked for can't be done; the text says why, in the reader's language. `field`: what it is about."""

    def __init__(self, text: str, field: str | None = None) -> None:
        super().__init__(text)
        self.field = field


class HasAccount(NotNow):
    """Somebody has the address: they sign in, and accept then. The invitation is as open as before."""

    def __init__(self) -> None:
        super().__init__(_("There is an account with this address: sign in with it."))


def invite(*, tenant_id: int, email: str, role: str, actor: str, origin: str, by_mail: bool) -> tuple[Invitation, str]:
    """The invitation and its token. With `by_mail` the token is worth nothing: the mail will have one of its own.

    Raises NotNow for somebody who belongs here already, or is invited already.
    """
    email, now, token = email.strip().lower(), timezone.now(), _new_token()
    with directory_transaction():
        # One at a time, or the same address is invited twice in one instant.
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
        _require_new(tenant_id, email)
        row = Invitation.objects.create(
            tenant_id=tenant_id,
            email=email,
            role=role,
            token_hash=hash_token(token),
            invited_by=actor[:150],
            expires_at=now + VALID,
            mail_due_at=now if by_mail else None,
        )
        _note(row, actor, origin, "invite", {"role": [None, str(role)]})
    return row, token


def invite_again(*, invitation: Invitation, actor: str, origin: str, by_mail: bool) -> tuple[Invitation, str]:
    """A new link for another week; the one before opens nothing any more. Raises NotNow for one that is settled."""
    token = _new_token()
    with directory_transaction():
        row = _open(invitation.pk)
        row.token_hash, row.expires_at = hash_token(token), timezone.now() + VALID
        row.mail_due_at, row.mail_attempts, row.mail_error = (timezone.now() if by_mail else None), 0, ""
        row.save()
        _note(row, actor, origin, "invite again", {})
    return row, token


def revoke_invitation(*, invitation: Invitation, actor: str, origin: str) -> None:
    """The link opens nothing any more. Raises NotNow for one that is settled."""
    with directory_transaction():
        row = _open(invitation.pk)
        row.revoked_at, row.mail_due_at = timezone.now(), None
        row.save()
        _note(row, actor, origin, "revoke invitation", {})


def find_invitation(token: str) -> Invitation | None:
    """The open invitation that the link belongs to, with its tenant; None for any other."""
    with directory_transaction():
        return (
            Invitation.objects.select_related("tenant")
            .filter(token_hash=hash_token(token), accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
            .filter(tenant__status=Tenant.Status.ACTIVE)
            .first()
        )


def accept_as(*, token: str, user: User) -> Membership:
    """Make the person who is signed in a member. Raises NotNow where the link opens nothing (any more)."""
    with directory_transaction():
        return _accept(token, user)


def accept_with_new_account(*, token: str, first_name: str, last_name: str, password: str) -> User:
    """An account with the invitation's address for a user name, and its membership.

    Raises ValidationError (by field) for a password that won't do; NotNow where the link opens nothing;
    HasAccount where somebody has the address already, be it since this very instant (by another tenant's invitation).
    """
    with directory_transaction():
        row = _locked_by_token(token)
        if has_account(row.email):
            raise HasAccount
        user = User(username=row.email[:150], email=row.email, first_name=first_name, last_name=last_name)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise ValidationError({"password": error.messages}) from None
        user.set_password(password)
        # That the name is free is for the database to say: of two who ask, both would hear yes.
        user.full_clean(exclude=["password"], validate_unique=False)
        try:
            with directory_transaction():
                user.save()
        except IntegrityError:
            raise HasAccount from None
        _accept(token, user)
    return user


def has_account(email: str) -> bool:
    """In the open directory transaction."""
    return User.objects.filter(Q(email__iexact=email) | Q(username__iexact=email)).exists()


def link_path(token: str) -> str:
    return reverse("admin:invitation", args=[token])


def hash_token(token: str) -> str:
    """Tokens are long and random, so a plain SHA-256 is enough and lets them be looked up by index."""
    return hashlib.sha256(b"invitation " + token.encode()).hexdigest()


def renew_token(row: Invitation) -> str:
    """A token for the mail that is about to go out, so that none waits in a queue. In the open directory transaction."""
    token = _new_token()
    row.token_hash = hash_token(token)
    return token


def _new_token() -> str:
    return secrets.token_urlsafe(32)


def _require_new(tenant_id: int, email: str) -> None:
    members = Membership.objects.filter(tenant_id=tenant_id)
    if members.filter(Q(user__email__iexact=email) | Q(user__username__iexact=email)).exists():
        raise NotNow(_("This person belongs to your people already."), "email")
    if Invitation.objects.filter(tenant_id=tenant_id, email=email, accepted_at=None, revoked_at=None).exists():
        raise NotNow(_("This address is invited already: send that invitation again, or revoke it first."), "email")


def _open(pk: int) -> Invitation:
    row = Invitation.objects.select_for_update().filter(pk=pk, accepted_at=None, revoked_at=None).first()
    if row is None:
        raise NotNow(_("The invitation was accepted or revoked meanwhile."))
    return row


def _locked_by_token(token: str) -> Invitation:
    row = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("tenant")
        .filter(token_hash=hash_token(token), accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
        .first()
    )
    if row is None or not row.tenant.is_active:
        raise NotNow(_("This invitation is not valid any more. Ask for a new one."))
    return row


def _accept(token: str, user: User) -> Membership:
    row = _locked_by_token(token)
    membership, _made = Membership.objects.get_or_create(
        tenant_id=row.tenant_id, user=user, defaults={"role": row.role}
    )
    row.accepted_at, row.accepted_by, row.mail_due_at = timezone.now(), user.username, None
    row.save()
    changes: dict[str, Any] = {"person": [None, user.username], "role": [None, Role(membership.role).value]}
    _note(row, user.username, "admin", "accept invitation", changes)
    return membership


def _note(row: Invitation, actor: str, origin: str, action: str, changes: dict[str, Any]) -> None:
    note_in_tenant(row.tenant_id, actor=actor, origin=origin, action=action, target=row, changes=changes)
