"""Signing in with name and password: limited, and what fails is in the trail. Shared by the back office and the API."""

import structlog
from django.contrib.auth import authenticate
from django.http import HttpRequest
from prometheus_client import Counter

from tenants.auth import person_named
from tenants.models import User
from tenants.services.attempts import Limit, TooMany, count_attempt, forgive
from tenants.services.people_trail import note_of_person

log = structlog.get_logger(__name__)

# Of one name from one address; of one address; of one name from anywhere, so that nobody is kept out by a stranger
# who merely knows the name before that stranger has many addresses.
AT_ADDRESS = Limit("sign-in-name-address", 10, 300)
OF_ADDRESS = Limit("sign-in-address", 100, 300)
OF_NAME = Limit("sign-in-name", 50, 900)
FAILED = Counter("csms_sign_ins_failed_total", "Sign-ins with a wrong name or password.", ["origin"])


def sign_in_with_password(
    *, name: str, password: str, address: str, origin: str, request: HttpRequest | None = None
) -> User | None:
    """The active person of that name (or e-mail address) and password, or None. Raises TooMany.

    The answer takes a hash's time for every name; what a known name costs besides lies far below that, and ten
    attempts in five minutes measure nothing.
    """
    names = [(AT_ADDRESS, f"{name}@{address}"), (OF_NAME, name)]
    try:
        count_attempt([*names, (OF_ADDRESS, address)])
    except TooMany as refused:
        if refused.first:
            _note_failure(name, "sign-ins refused", address, origin, wait_s=refused.wait_s)
        raise
    user = authenticate(request, username=name, password=password)
    if isinstance(user, User):
        forgive(names=names, addresses=[(OF_ADDRESS, address)])
        return user
    FAILED.labels(origin).inc()
    _note_failure(name, "sign-in failed", address, origin)
    return None


def _note_failure(name: str, action: str, address: str, origin: str, **more: int) -> None:
    user = person_named(name)
    # Not the name that was typed: it may be a password in the wrong field.
    log.warning(action, address=address, origin=origin, user_id=user.pk if user else None, **more)
    if user is not None:
        note_of_person(user, action=action, origin=origin, changes={"address": address, **more})
