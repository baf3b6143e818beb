"""Passwords: forgotten, set anew, changed. Every other session and token ends with the old one (`User.token_stamp`)."""

from django.contrib.auth.hashers import check_password
from django.contrib.auth.tokens import default_token_generator
from django.utils.http import base36_to_int, int_to_base36

from tenants.context import directory_transaction
from tenants.models import User
from tenants.services.attempts import Limit, count_attempt, forgive
from tenants.services.browser_sessions import end_all_sessions
from tenants.services.people_trail import note_of_person
from tenants.visitors import network_of

OF_ADDRESS = Limit("reset-address", 20, 3600)
OF_EMAIL = Limit("reset-email", 3, 3600)
# Of the person who is signed in, where the password is asked for once more.
OF_PERSON = Limit("own-password", 10, 900)
# Accounts that share a mailbox.
MOST_ACCOUNTS = 5


def count_reset(email: str, address: str) -> None:
    """Before somebody's mail is sent: raises TooMany. It counts alike whether or not anybody has the address."""
    count_attempt([(OF_EMAIL, email), (OF_ADDRESS, network_of(address))])


def is_own_password(user: User, given: str) -> bool:
    """Whether it is. Raises TooMany: who sits at somebody's open browser must not find it out there."""
    counted = [(OF_PERSON, str(user.pk))]
    count_attempt(counted)
    # Not that of the model, which may store it in a newer form: the session that asks would end by that.
    right = check_password(given, user.password)
    if right:
        forgive(names=counted)
    return right


def accounts_to_reset(email: str) -> list[User]:
    """The active accounts with that address whose password may be set with a link."""
    with directory_transaction():
        found = User.objects.filter(email__iexact=email.strip(), is_active=True).exclude(email="")
        return [user for user in found.order_by("username")[:MOST_ACCOUNTS] if user.has_usable_password()]


def reset_token(user: User) -> str:
    """Good for an hour and once: it ends with the password, and with the next sign-in."""
    return f"{int_to_base36(user.pk)}.{default_token_generator.make_token(user)}"


def person_of_token(token: str, *, lock: bool = False) -> User | None:
    """Whose password it may set, or None. With `lock`, in an open directory transaction, nobody else sets it meanwhile."""
    number, _, secret = token.partition(".")
    try:
        pk = base36_to_int(number)
    except ValueError:
        return None
    with directory_transaction():
        rows = User.objects.select_for_update(no_key=True) if lock else User.objects.all()
        user = rows.filter(pk=pk, is_active=True).first() if pk < 2**63 else None
    return user if user is not None and default_token_generator.check_token(user, secret) else None


def change_password(user: User, password: str, *, keep_session: str | None) -> None:
    """Store it and end all other sessions and tokens."""
    with directory_transaction():
        _store(user, password, keep_session)
    note_of_person(user, action="change password")


def reset_password(token: str, password: str) -> bool:
    """The same for whom the link was mailed to; all sessions end. False where it is worth nothing (any more): of two
    who use one link in the same instant, one comes too late."""
    with directory_transaction():
        user = person_of_token(token, lock=True)
        if user is None:
            return False
        _store(user, password, None)
    note_of_person(user, action="reset password")
    return True


def _store(user: User, password: str, keep_session: str | None) -> None:
    user.set_password(password)
    user.save(using="system", update_fields=["password"])
    end_all_sessions(user, keep=keep_session)
