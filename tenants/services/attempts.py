"""Guessing is slow work: how often something may be tried by an address or a name, over all processes (Redis)."""

import functools
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

import redis
import structlog
from django.conf import settings

from tenants.redis_servers import connect

log = structlog.get_logger(__name__)


# How long it is remembered that somebody has signed in from a place.
FAMILIAR_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` attempts in `window_s` seconds, each counted under what `kind` and a key name."""

    kind: str
    most: int
    window_s: int


class TooMany(Exception):
    """Come back in `wait_s` seconds. `first`: the attempt that went over the limit; those after it are not news."""

    def __init__(self, wait_s: int, *, first: bool) -> None:
        super().__init__(f"too many attempts: wait {wait_s} s")
        self.wait_s, self.first = wait_s, first

    @property
    def minutes(self) -> int:
        """For people: full minutes."""
        return max(1, -(-self.wait_s // 60))


@functools.cache
def _client(url: str) -> redis.Redis:
    return connect(url, socket_timeout=1, socket_connect_timeout=1)


def count_attempt(counted: Iterable[tuple[Limit, str]]) -> None:
    """Count it under each (limit, key). Raises TooMany beyond one of them.

    Counted before it is tried, so that many at once gain nothing. Without Redis all may try: a limit is not worth
    an outage.
    """
    counted, now = list(counted), time.time()
    try:
        with _client(settings.REDIS_URL).pipeline() as pipe:
            for limit, key in counted:
                name = _name(limit, key, now)
                pipe.incr(name)
                pipe.expire(name, limit.window_s)
            used = [int(number) for number in pipe.execute()[::2]]
        over = [(limit, number) for (limit, _), number in zip(counted, used, strict=True) if number > limit.most]
        if over:
            # It isn't tried: elsewhere it uses nothing up, or one address could keep a name from all others.
            _take_back([one for one, number in zip(counted, used, strict=True) if number <= one[0].most], now)
    except redis.RedisError:
        log.warning("attempts not counted: Redis is away")
        return
    if over:
        wait_s = max(int(limit.window_s - now % limit.window_s) + 1 for limit, _ in over)
        raise TooMany(wait_s, first=all(number == limit.most + 1 for limit, number in over))


def forgive(*, names: Iterable[tuple[Limit, str]], addresses: Iterable[tuple[Limit, str]] = ()) -> None:
    """It was right: what was mistyped before under these names is forgotten; of an address this one attempt is taken
    back, or whoever has an account of their own could go on guessing others'."""
    now = time.time()
    try:
        with _client(settings.REDIS_URL).pipeline() as pipe:
            for limit, key in names:
                pipe.delete(_name(limit, key, now))
            pipe.execute()
        _take_back(addresses, now)
    except redis.RedisError:
        log.warning("attempts not forgiven: Redis is away")


def _take_back(counted: Iterable[tuple[Limit, str]], now: float) -> None:
    """One attempt under each. The window may have ended meanwhile: then what is left behind ends too."""
    with _client(settings.REDIS_URL).pipeline() as pipe:
        for limit, key in counted:
            pipe.decr(_name(limit, key, now))
            pipe.expire(_name(limit, key, now), limit.window_s)
        pipe.execute()


def note_familiar(key: str) -> None:
    """They have got in from there (a name at an address)."""
    try:
        _client(settings.REDIS_URL).set(f"csms:attempts:familiar:{hashed(key)}", 1, ex=FAMILIAR_S)
    except redis.RedisError:
        log.warning("place not remembered: Redis is away")


def is_familiar(key: str) -> bool:
    """Whether they have, lately. Without Redis nobody has, and nothing is counted either."""
    try:
        return bool(_client(settings.REDIS_URL).exists(f"csms:attempts:familiar:{hashed(key)}"))
    except redis.RedisError:
        return False


def hashed(key: str) -> str:
    """Names that people typed are hashed: a password may have got into the wrong field.

    Spellings that the database finds the same person by are one key: it compares in capitals, where a dotless i is an I.
    """
    return hashlib.sha256(key.strip().upper().lower().encode()).hexdigest()[:24]


def _name(limit: Limit, key: str, now: float) -> str:
    return f"csms:attempts:{limit.kind}:{hashed(key)}:{int(now // limit.window_s)}"
