"""`/health/live`, `/health/ready`, `/metrics`."""

import hmac
import ipaddress

import prometheus_client
import redis
from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from tenants.context import APP_ALIAS


@require_GET
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_GET
def ready(request: HttpRequest) -> JsonResponse:
    """PostgreSQL and Redis answer: 200, else 503 with which of them doesn't. Never says why: that is in the log."""
    checks = {"database": _database_answers(), "redis": _redis_answers()}
    # Redis may be lost for a while (its work waits or spills); without PostgreSQL nothing can be done.
    return JsonResponse(
        {"status": "ok" if all(checks.values()) else "degraded", "checks": checks},
        status=200 if checks["database"] else 503,
    )


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text. For scrapers with the token, or direct callers on this machine."""
    if not _may_scrape(request):
        return HttpResponse("Not found", status=404)
    return HttpResponse(prometheus_client.generate_latest(), content_type=prometheus_client.CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN:
        return scheme == "Bearer" and hmac.compare_digest(token.encode(), settings.METRICS_TOKEN.encode())
    forwarded = "X-Forwarded-For" in request.headers
    try:
        return not forwarded and ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _database_answers() -> bool:
    try:
        with connections[APP_ALIAS].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis_answers() -> bool:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
