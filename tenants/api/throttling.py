"""Requests per minute: per tenant, shared by all processes through Redis; sign-ins per address and name."""

import functools
import time
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings
from prometheus_client import Counter
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tenants.api.authentication import Caller
from tenants.models import UsageDay
from tenants.redis_servers import connect
from tenants.services import usage
from tenants.services.attempts import hashed
from tenants.visitors import network_of

WINDOW_S = 60
SIGN_INS_PER_MINUTE = 10
UNCOUNTED = Counter("csms_api_uncounted_total", "Requests let through uncounted because Redis was away.")


@functools.cache
def _client(url: str) -> redis.Redis:
    return connect(url, socket_timeout=1, socket_connect_timeout=1)


class WindowThrottle(BaseThrottle):
    """A fixed window of a minute. Without Redis requests go through: a limit is not worth an outage."""

    def key_and_limit(self, request: Request) -> tuple[str, int] | None:
        """What to count under, and how many may pass; None: not limited."""
        raise TypeError("a throttle says what it counts")

    def allow_request(self, request: Request, view: Any) -> bool:
        counted = self.key_and_limit(request)
        if counted is None:
            return True
        key, limit = counted
        now = time.time()
        window = int(now // WINDOW_S)
        self._reset = (window + 1) * WINDOW_S - now
        try:
            with _client(settings.REDIS_URL).pipeline() as pipe:
                pipe.incr(f"csms:throttle:{key}:{window}")
                pipe.expire(f"csms:throttle:{key}:{window}", 2 * WINDOW_S)
                self.note(pipe, request)
                used = int(pipe.execute()[0])
        except redis.RedisError:
            UNCOUNTED.inc()
            return True
        told = {"Limit": limit, "Remaining": max(0, limit - used), "Reset": int(self._reset) + 1}
        # By both names that are in use: the IETF's draft, and the older one.
        view.rate_headers = {f"{x}RateLimit-{name}": str(value) for name, value in told.items() for x in ("", "X-")}
        return used <= limit

    def note(self, pipe: Any, request: Request) -> None:
        """What else to count, on the same way to Redis."""

    def wait(self) -> float:
        return self._reset


class TenantThrottle(WindowThrottle):
    """`Tenant.api_rate_limit`."""

    def key_and_limit(self, request: Request) -> tuple[str, int] | None:
        if not isinstance(request.auth, Caller):
            return None
        tenant = request.auth.access.tenant
        return f"tenant:{tenant.pk}", tenant.api_rate_limit

    def note(self, pipe: Any, request: Request) -> None:
        if isinstance(request.auth, Caller):
            tenant_id = request.auth.access.tenant.pk
            pipe.hincrby(usage.KEY, usage.field_of(tenant_id, UsageDay.Kind.API_CALLS, datetime.now(UTC)), 1)


class SignInThrottle(WindowThrottle):
    """Guessing passwords is slow work."""

    def key_and_limit(self, request: Request) -> tuple[str, int] | None:
        name = request.data.get("username") if isinstance(request.data, dict) else None
        return f"signin:{network_of(self.get_ident(request) or '')}:{hashed(str(name))}", SIGN_INS_PER_MINUTE
