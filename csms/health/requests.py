"""Middleware that counts HTTP requests. By part of the site: an address each would be numbers without end."""

import time
from collections.abc import Callable

from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from csms.metrics import HTTP_REQUESTS, HTTP_SECONDS, PEOPLE_REFUSED

PARTS = {"/api/": "api", "/admin/": "admin", "/station-files/": "files", "/static/": "static", "/health/": "health"}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def count_requests(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """The outermost but for the request id: it sees what the others answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = get_response(request)
        part = next((name for prefix, name in PARTS.items() if request.path.startswith(prefix)), "other")
        method = request.method if request.method in METHODS else "other"
        HTTP_REQUESTS.labels(part, method, response.status_code).inc()
        HTTP_SECONDS.labels(part).observe(time.perf_counter() - started)
        return response

    return middleware


@receiver(user_login_failed)
def count_refused(sender: object, **kwargs: object) -> None:
    """Somebody tried a name or a password."""
    PEOPLE_REFUSED.inc()
