"""Figures that are heavier than a page may be are kept in the cache for some seconds, for all pages of the tenant."""

from collections.abc import Callable
from typing import TypeVar

import structlog
from django.core.cache import cache
from redis import RedisError

log = structlog.get_logger(__name__)

T = TypeVar("T")
# Counts up whenever what is kept changes its shape: a process of the version before must not be given it.
SHAPE = 1
ALL_TENANTS = "all"


def kept(owner: int | str, what: str, seconds: int, compute: Callable[[], T]) -> T:
    """What was computed within the last `seconds` for the tenant (or ALL_TENANTS), or is now. None isn't kept."""
    key = f"overview:{SHAPE}:{owner}:{what}"
    try:
        found: T | None = cache.get(key)
    except (RedisError, OSError) as error:
        log.info("figures worked out without the cache", error=str(error)[:100])
        return compute()
    if found is not None:
        return found
    value = compute()
    if value is None:
        return value
    try:
        cache.set(key, value, timeout=seconds)
    except (RedisError, OSError):
        log.info("figures not kept", what=what)
    return value
