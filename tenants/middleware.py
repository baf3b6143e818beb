"""Which tenant a signed-in person works in: chosen once, kept in the session."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from tenants.models import User
from tenants.selectors import Access, accesses_of

SESSION_KEY = "tenant"


class TenantRequest(HttpRequest):
    """A request with the person's access resolved (`access` is None for strangers)."""

    access: Access | None
    accesses: list[Access]


def choose_tenant(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Set `request.access`. Views open the scope themselves: a view that waits must not hold a transaction."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.access, request.accesses = None, []  # type: ignore[attr-defined]
        # The session cookie signs people in to the back office only; the API has its own credentials.
        if not request.path.startswith("/api/") and isinstance(request.user, User):
            accesses = accesses_of(request.user)
            chosen = request.session.get(SESSION_KEY)
            request.accesses = accesses  # type: ignore[attr-defined]
            request.access = next(  # type: ignore[attr-defined]
                (access for access in accesses if access.tenant.slug == chosen), accesses[0] if accesses else None
            )
        return get_response(request)

    return middleware
