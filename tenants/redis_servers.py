"""Redis by URL: one server, or a primary that Sentinels watch over. Valkey speaks the same.

    redis://[[user]:password@]host[:port][/number]                                also rediss:// (TLS), unix://, valkey://
    redis+sentinel://[[user]:password@]host[:port],host[:port]/service[/number]   also rediss+sentinel:// (TLS)

User and password are those of the data server; `?sentinel_password=` (and `sentinel_username=`) those of the Sentinels.
Knows neither Django's settings nor what is kept there.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

SENTINEL_PORT = 26379
# Valkey by its own name.
_SAME = {"valkey": "redis", "valkeys": "rediss"}
_SENTINELS = {"redis+sentinel": False, "rediss+sentinel": True, "valkey+sentinel": False, "valkeys+sentinel": True}
_SINGLE = ("redis", "rediss", "unix")
# A Sentinel that doesn't answer must not hold up the question to the next.
ASKED_FOR_S = 1.0


class WrongUrl(ValueError):
    """Not the address of a Redis."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says. `sentinels` is empty for a single server, and `url` is what redis-py takes for it."""

    url: str
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""
    # For the data server: db, username, password, ssl.
    login: tuple[tuple[str, Any], ...] = ()
    sentinel_login: tuple[tuple[str, Any], ...] = ()

    @property
    def login_options(self) -> dict[str, Any]:
        return dict(self.login)

    @property
    def sentinel_options(self) -> dict[str, Any]:
        return {
            "socket_timeout": ASKED_FOR_S,
            "socket_connect_timeout": ASKED_FOR_S,
            **dict(self.sentinel_login),
        }


def read_url(url: str) -> Address:
    """Raises WrongUrl, with what is wrong. Passwords are not repeated in it."""
    scheme, separator, rest = url.partition("://")
    scheme = _SAME.get(scheme, scheme)
    if not separator or scheme not in (*_SINGLE, *_SENTINELS):
        if scheme.endswith("+cluster"):
            raise WrongUrl("Redis Cluster can't hold what is kept here (docs/scaling.md): name a server or Sentinels.")
        raise WrongUrl("An address of Redis begins with redis://, rediss://, unix:// or redis+sentinel://.")
    if scheme in _SINGLE:
        return Address(f"{scheme}://{rest}")
    return _read_sentinels(f"{scheme}://{rest}", tls=_SENTINELS[scheme])


def _read_sentinels(url: str, *, tls: bool) -> Address:
    parts = urlsplit(url)
    who, _, hosts = parts.netloc.rpartition("@")
    service, _, number = parts.path.strip("/").partition("/")
    if not hosts or not service or not (number or "0").isdigit():
        raise WrongUrl("Sentinels are named as redis+sentinel://host:port,host:port/service/number.")
    username, _, password = who.partition(":")
    login: dict[str, Any] = {"db": int(number or 0)}
    if username:
        login["username"] = unquote(username)
    if password:
        login["password"] = unquote(password)
    given = dict(parse_qsl(parts.query))
    unknown = given.keys() - {"sentinel_username", "sentinel_password"}
    if unknown:
        raise WrongUrl(f"Not known after the address of Sentinels: {', '.join(sorted(unknown))}.")
    asking: dict[str, Any] = {name.removeprefix("sentinel_"): value for name, value in given.items()}
    if tls:
        login["ssl"] = asking["ssl"] = True
    return Address(
        url, tuple(_host(one) for one in hosts.split(",")), service, tuple(login.items()), tuple(asking.items())
    )


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text.strip()}")
    try:
        return parts.hostname or "", parts.port or SENTINEL_PORT
    except ValueError:
        raise WrongUrl(f"Not a port: {text.strip()}") from None


def connect(url: str, **options: Any) -> redis.Redis:
    """A client; nothing is sent before its first command. `options`: as of redis.Redis."""
    address = read_url(url)
    if not address.sentinels:
        return redis.Redis.from_url(address.url, **options)
    client: redis.Redis = _sentinel(address).master_for(address.service, **{**address.login_options, **options})
    return client


def connect_async(url: str, **options: Any) -> redis.asyncio.Redis:
    """As `connect`, for an event loop."""
    address = read_url(url)
    if not address.sentinels:
        return redis.asyncio.Redis.from_url(address.url, **options)
    # Without types in redis-py.
    make: Any = redis.asyncio.sentinel.Sentinel
    sentinel = make(list(address.sentinels), sentinel_kwargs=address.sentinel_options)
    client: redis.asyncio.Redis = sentinel.master_for(address.service, **{**address.login_options, **options})
    return client


def _sentinel(address: Address) -> Any:
    make: Any = redis.sentinel.Sentinel
    return make(address.sentinels, sentinel_kwargs=address.sentinel_options)


class SentinelPool(redis.sentinel.SentinelConnectionPool):
    """For Django's cache, which makes its pools from a URL."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> "SentinelPool":
        address = read_url(url)
        return cls(address.service, _sentinel(address), **{**address.login_options, **options})


# --- for those who have settings of their own ---


def cache_options(url: str) -> dict[str, Any]:
    """Django's CACHES entry."""
    address = read_url(url)
    cache: dict[str, Any] = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": address.url}
    if address.sentinels:
        # Its commas are no list of servers.
        cache |= {"LOCATION": [address.url], "OPTIONS": {"pool_class": f"{__name__}.SentinelPool"}}
    return cache


def channel_host(url: str) -> Any:
    """An entry of `hosts` of channels_redis."""
    address = read_url(url)
    if not address.sentinels:
        return address.url
    return {
        "sentinels": list(address.sentinels),
        "master_name": address.service,
        "sentinel_kwargs": address.sentinel_options,
        **address.login_options,
    }


def broker_settings(url: str) -> tuple[str, dict[str, Any]]:
    """Celery's broker URL and transport options."""
    address = read_url(url)
    if not address.sentinels:
        return address.url, {}
    login = address.login_options
    who = ":".join(quote(login.get(name, ""), safe="") for name in ("username", "password"))
    who = f"{who}@" if "password" in login else ""
    urls = [f"sentinel://{who}{host}:{port}/{login['db']}" for host, port in address.sentinels]
    return ";".join(urls), {"master_name": address.service, "sentinel_kwargs": address.sentinel_options}
