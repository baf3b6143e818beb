"""Which tenant a signed-in person works in: chosen once, kept in the session."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from tenants.models import User
from tenants.selectors import Access, accesses_of
from tenants.services.second_factor import needs_second_factor
from tenants.sessions import SINCE
from tenants.visitors import client_address

SESSION_KEY = "tenant"
# In the session of somebody who has shown a second factor.
SECOND_FACTOR_KEY = "second_factor"


class TenantRequest(HttpRequest):
    """A request with the person's access resolved (`access` is None for strangers).

    `barred`: the access that they would have, had they a second factor, which the tenant wants.
    """

    access: Access | None
    barred: Access | None
    accesses: list[Access]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a session opens: `access`, or nothing until a second factor is set up (`barred`)."""

    access: Access | None
    barred: Access | None
    accesses: list[Access]


def chosen_access(user: User, session: Any) -> Chosen:
    """The person's accesses, and the one to the tenant that they work in. For pages and for sockets."""
    since = float(session.get(SINCE, 0))
    accesses = [one for one in accesses_of(user) if one.is_open_to(since)]
    slug = session.get(SESSION_KEY)
    access = next((one for one in accesses if one.tenant.slug == slug), accesses[0] if accesses else None)
    if access is not None and needs_second_factor(access) and session.get(SECOND_FACTOR_KEY) is not True:
        return Chosen(None, access, accesses)
    return Chosen(access, None, accesses)


def choose_tenant(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Set `request.access`. Views open the scope themselves: a view that waits must not hold a transaction."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.access, request.barred, request.accesses = None, None, []  # type: ignore[attr-defined]
        # The session cookie signs people in to the back office only; the API has its own credentials.
        if not request.path.startswith("/api/"):
            session: Any = request.session
            session.visited_from(client_address(request), request.META.get("HTTP_USER_AGENT", ""))
            if isinstance(request.user, User):
                session.note_visit()
                chosen = chosen_access(request.user, session)
                request.access, request.barred = chosen.access, chosen.barred  # type: ignore[attr-defined]
                request.accesses = chosen.accesses  # type: ignore[attr-defined]
        return get_response(request)

    return middleware
