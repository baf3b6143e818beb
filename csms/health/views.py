"""`/health/live`, `/health/ready`, `/metrics` of this process, `/metrics/system` of what all processes share."""

import prometheus_client
import redis
from django.conf import settings
from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from csms.health.access import may_scrape
from csms.health.system import SYSTEM_REGISTRY
from tenants.databases.each import AWAY, is_resting, rest
from tenants.databases.names import APP, MAIN, alias_of, own_databases
from tenants.redis_servers import connect


@require_GET
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_GET
def ready(request: HttpRequest) -> JsonResponse:
    """PostgreSQL and Redis answer: 200, else 503 with which of them doesn't. Never says why: that is in the log.

    Databases of single tenants are told of by name; one that is away does not take this process out of service for all.
    """
    checks = {"database": _database_answers(MAIN), "redis": _redis_answers()}
    checks |= {f"database {name}": _database_answers(name) for name in own_databases()}
    # Redis may be lost for a while (its work waits or spills); without PostgreSQL nothing can be done.
    return JsonResponse(
        {"status": "ok" if all(checks.values()) else "degraded", "checks": checks},
        status=200 if checks["database"] else 503,
    )


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: what this process has counted."""
    return _exposition(request, prometheus_client.REGISTRY)


@require_GET
def system_metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: queues and lags of the whole system. Any one process may be asked; one answer is enough."""
    return _exposition(request, SYSTEM_REGISTRY)


def _exposition(request: HttpRequest, registry: prometheus_client.CollectorRegistry) -> HttpResponse:
    allowed = may_scrape(
        authorization=request.headers.get("Authorization", ""),
        remote_address=request.META.get("REMOTE_ADDR", ""),
        forwarded="X-Forwarded-For" in request.headers,
    )
    if not allowed:
        return HttpResponse("Not found", status=404)
    return HttpResponse(prometheus_client.generate_latest(registry), content_type=prometheus_client.CONTENT_TYPE_LATEST)


def _database_answers(database: str) -> bool:
    if is_resting(database):
        return False
    try:
        with connections[alias_of(APP, database)].cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, *AWAY) as error:
        if database:
            rest(database, error, "readiness")
        return False
    return True


def _redis_answers() -> bool:
    client = connect(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
