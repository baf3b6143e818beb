"""Passwords: forgotten, set anew, changed. Every other session and token ends with the old one (`User.token_stamp`)."""

from django.contrib.auth.tokens import default_token_generator
from django.utils.http import base36_to_int, int_to_base36

from tenants.context import directory_transaction
from tenants.models import User
from tenants.services.attempts import Limit, count_attempt
from tenants.services.browser_sessions import end_all_sessions
from tenants.services.people_trail import note_of_person

OF_ADDRESS = Limit("reset-address", 20, 3600)
OF_EMAIL = Limit("reset-email", 3, 3600)
# Accounts that share a mailbox.
MOST_ACCOUNTS = 5


def count_reset(email: str, address: str) -> None:
    """Before somebody's mail is sent: raises TooMany. It counts alike whether or not anybody has the address."""
    count_attempt([(OF_EMAIL, email), (OF_ADDRESS, address)])


def accounts_to_reset(email: str) -> list[User]:
    """The active accounts with that address whose password may be set with a link."""
    with directory_transaction():
        found = User.objects.filter(email__iexact=email.strip(), is_active=True).exclude(email="")
        return [user for user in found.order_by("username")[:MOST_ACCOUNTS] if user.has_usable_password()]


def reset_token(user: User) -> str:
    """Good for an hour and once: it ends with the password, and with the next sign-in."""
    return f"{int_to_base36(user.pk)}.{default_token_generator.make_token(user)}"


def person_of_token(token: str) -> User | None:
    """Whose password it may set, or None."""
    number, _, secret = token.partition(".")
    try:
        pk = base36_to_int(number)
    except ValueError:
        return None
    with directory_transaction():
        user = User.objects.filter(pk=pk, is_active=True).first() if pk < 2**63 else None
    return user if user is not None and default_token_generator.check_token(user, secret) else None


def set_password(user: User, password: str, *, action: str, keep_session: str | None = None) -> None:
    """Store it and end all other sessions and tokens. `action` is what the trail says: change or reset password."""
    user.set_password(password)
    user.save(using="system", update_fields=["password"])
    end_all_sessions(user, keep=keep_session)
    note_of_person(user, action=action)
