"""Two-factor sign-in: set up, asked for, taken off again. What the codes are is in the model."""

import hashlib
import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.utils import timezone

from tenants.context import directory_transaction
from tenants.models import Authenticator, User
from tenants.models.people import ROLE_RANK
from tenants.selectors import Access
from tenants.services.people_trail import note_of_person

CODES = 10
# 80 bits: no guessing, and a plain hash is enough.
CODE_BYTES = 10
# A secret that was shown and not confirmed is not shown again after so long.
SETUP_LASTS = timedelta(minutes=30)


class Verdict(StrEnum):
    """What became of a code."""

    PASSED = "passed"
    WRONG = "wrong"
    # Too many wrong ones: not looked at.
    WAIT = "wait"


def needs_second_factor(access: Access) -> bool:
    """Whether this tenant (or the platform, of its staff) wants one of a person of that role."""
    if access.role == "platform" and settings.STAFF_TWO_FACTOR:
        return True
    least = access.tenant.two_factor
    return bool(least) and ROLE_RANK[access.role] >= ROLE_RANK[least]


def has_second_factor(user: User) -> bool:
    with directory_transaction():
        return bool(Authenticator.objects.filter(user=user, confirmed=True).exists())


def authenticator_of(user: User) -> Authenticator | None:
    """The one that counts, or None."""
    with directory_transaction():
        found: Authenticator | None = Authenticator.objects.filter(user=user, confirmed=True).first()
    return found


def begin_setup(user: User) -> Authenticator | None:
    """What the person's app is to be told; None where they have a second factor already.

    The same secret again while the page is looked at twice, so that a code of the first look passes.
    """
    with directory_transaction():
        row: Authenticator
        row, made = Authenticator.objects.select_for_update().get_or_create(user=user)
        if row.confirmed:
            return None
        if made or not row.sealed_key or (row.created_at or timezone.now()) < timezone.now() - SETUP_LASTS:
            row.renew_key()
            row.created_at = timezone.now()
            row.save()
    return row


def confirm_setup(user: User, code: str) -> list[str] | None:
    """The recovery codes, once the app has shown a right code; None for a wrong one. Only now it counts."""
    with directory_transaction():
        row = Authenticator.objects.select_for_update().filter(user=user, confirmed=False).first()
        if row is None or not row.sealed_key:
            return None
        if not row.verify_token(_digits(code)):
            # The secret stands on the page: nothing is guessed, and the next code must not be refused for this one.
            row.throttle_reset()
            return None
        codes = _renew_codes(row)
        row.confirmed = True
        row.save()
    note_of_person(user, action="set up second factor")
    return codes


def check_code(user: User, code: str, *, address: str, origin: str) -> tuple[Verdict, datetime | None]:
    """Whether it is a code of the person's app, or one of their recovery codes, which is used up by that.

    With WAIT: until when. A person without a second factor has no right code. `address` and `origin` are for the trail.
    """
    verdict, until, left = _check(user, code)
    if verdict is Verdict.WRONG:
        note_of_person(user, action="second factor refused", origin=origin, changes={"address": address})
    elif left is not None:
        note_of_person(user, action="use recovery code", origin=origin, changes={"address": address, "left": left})
    return verdict, until


def _check(user: User, code: str) -> tuple[Verdict, datetime | None, int | None]:
    """With the number of recovery codes that are left, where one was used."""
    with directory_transaction():
        row = Authenticator.objects.select_for_update().filter(user=user, confirmed=True).first()
        if row is None:
            return Verdict.WRONG, None, None
        if row.locked_until is not None:
            return Verdict.WAIT, row.locked_until, None
        hashed = hash_code(code)
        if hashed in row.recovery_hashes:
            row.recovery_hashes.remove(hashed)
            row.note_use()
            return Verdict.PASSED, None, len(row.recovery_hashes)
        return (Verdict.PASSED if row.verify_token(_digits(code)) else Verdict.WRONG), None, None


def new_recovery_codes(user: User) -> list[str] | None:
    """Ten new ones; those before are worth nothing any more. None without a second factor."""
    with directory_transaction():
        row = Authenticator.objects.select_for_update().filter(user=user, confirmed=True).first()
        if row is None:
            return None
        codes = _renew_codes(row)
        row.save()
    note_of_person(user, action="renew recovery codes")
    return codes


def remove_second_factor(user: User) -> bool:
    """Take it off; False where there is none. Who writes that down is the caller's affair: it depends on who did it."""
    with directory_transaction():
        return bool(Authenticator.objects.filter(user=user).delete()[0])


def hash_code(code: str) -> str:
    """Of a recovery code, however it is typed."""
    plain = "".join(code.split()).replace("-", "").lower()
    return hashlib.sha256(b"recovery code " + plain.encode()).hexdigest()


def _renew_codes(row: Authenticator) -> list[str]:
    codes = [_new_code() for _ in range(CODES)]
    row.recovery_hashes = [hash_code(code) for code in codes]
    return codes


def _new_code() -> str:
    text = b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _digits(code: str) -> str:
    """`123 456` is how apps show it."""
    return "".join(code.split())
