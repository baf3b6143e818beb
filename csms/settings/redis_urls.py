"""What each user of Redis is given: one address for all of them, or one each (docs/scaling.md)."""

from typing import Any

from csms.settings.runtime import runtime
from tenants import redis_servers

DEVELOPMENT = "redis://127.0.0.1:6379/0"


def address(name: str, default: str) -> str:
    """The URL in `name`, else `default`. A wrong one stops the start with the variable's name."""
    url = runtime(name) or default
    try:
        redis_servers.read_url(url)
    except redis_servers.WrongUrl as error:
        raise SystemExit(f"{name.upper()}: {error}") from None
    return url


# Live values, limits of requests, answers kept: may be lost.
REDIS_URL = address("redis_url", DEVELOPMENT)
# Readings while PostgreSQL is away: the one that must write to disk and never evict.
SPILL_URL = address("redis_spill_url", REDIS_URL)
CHANNELS_URL = address("redis_channels_url", REDIS_URL)
BROKER_URL = address("redis_broker_url", REDIS_URL)
CACHE_URL = address("redis_cache_url", REDIS_URL)

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [redis_servers.channel_host(CHANNELS_URL)], "prefix": "csms"},
    }
}
CACHES = {"default": redis_servers.cache_options(CACHE_URL)}
CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = redis_servers.broker_settings(BROKER_URL)
CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": "required"} if BROKER_URL.startswith(("rediss", "valkeys")) else None
