"""Signing in with name and password: limited, and what fails is in the trail. Shared by the back office and the API."""

import time

import structlog
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import close_old_connections
from django.http import HttpRequest
from prometheus_client import Counter

from tenants.auth import person_named
from tenants.models import User
from tenants.services.attempts import Limit, TooMany, count_attempt, forgive, is_familiar, note_familiar
from tenants.services.people_trail import note_of_person
from tenants.visitors import network_of

log = structlog.get_logger(__name__)

# Of one name from one address; of one address; of one name from all addresses together. The last could be used up by
# a stranger who knows the name and has some addresses, so it doesn't count where the person has signed in from lately.
# Addresses are networks: of IPv6 everybody has more than could be counted.
AT_ADDRESS = Limit("sign-in-name-address", 10, 300)
OF_ADDRESS = Limit("sign-in-address", 100, 300)
OF_NAME = Limit("sign-in-name", 50, 900)
FAILED = Counter("csms_sign_ins_failed_total", "Sign-ins with a wrong name or password.", ["origin"])


def sign_in_with_password(
    *, name: str, password: str, address: str, origin: str, request: HttpRequest | None = None
) -> User | None:
    """The active person of that name (or e-mail address) and password, or None. Raises TooMany.

    A failure takes as long for every name: a hash, and a pause in which the entry for somebody who is known is made.
    """
    network = network_of(address)
    here = f"{name}@{network}"
    names = [(AT_ADDRESS, here), (OF_NAME, name)]
    try:
        count_attempt([*(names[:1] if is_familiar(here) else names), (OF_ADDRESS, network)])
    except TooMany as refused:
        if refused.first:
            _note_failure(name, "sign-ins refused", address, origin, wait_s=refused.wait_s)
        raise
    user = authenticate(request, username=name, password=password)
    if isinstance(user, User):
        forgive(names=names, addresses=[(OF_ADDRESS, network)])
        note_familiar(here)
        return user
    FAILED.labels(origin).inc()
    _note_failure(name, "sign-in failed", address, origin)
    return None


def _note_failure(name: str, action: str, address: str, origin: str, **more: int) -> None:
    began = time.monotonic()
    user = person_named(name)
    # Not the name that was typed: it may be a password in the wrong field.
    log.warning(action, address=address, origin=origin, user_id=user.pk if user else None, **more)
    if user is not None:
        note_of_person(user, action=action, origin=origin, changes={"address": address, **more})
    # How many wait here is limited by address, and each in the thread of its own request; a connection to PostgreSQL,
    # of which there are fewer, waits with none of them.
    close_old_connections()
    time.sleep(max(0.0, settings.SIGN_IN_PAUSE_SECONDS - (time.monotonic() - began)))
