"""Every key that the system has in Redis: whose it is, or why it is nobody's.

Written by code that no database guards: so each names its tenant (or one of its charge points), is of no tenant for a
reason, or is refused. Names that Redis tells of while the isolation suite runs (`Listener`) are looked up here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from urllib.parse import urlsplit

import redis
from django.conf import settings

from tests.isolation.marks import A, B
from tests.stations import PATIENCE_S

HERE = "tests/isolation/keys.py"
# What is heard when nothing more comes.
LAST = "csms:test:last:"
# Django's cache puts its version before its keys.
_VERSION = re.compile(r"^:\d+:")
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
DIGEST = r"[0-9a-f]{16,64}"

# The group is the tenant's id, or that of a row of its (which has the tenant's number here).
OWNED = [
    re.compile(pattern)
    for pattern in (
        r"csms:throttle:tenant:(\d+):\d+",
        rf"csms:authorization:(\d+):{DIGEST}",
        r"csms:circuit:(\d+):\d+:(?:calm|now|later)",
        r"csms:(?:clear-cache|local-lists|usage-storage):(\d+)",
        r"csms:import:[a-z_-]+:(\d+):\d+:.+",
        rf"csms:rollout:(\d+):{UUID}",
        r"csms:alert-mail:(\d+):\d+",
        r"csms:answer:(\d+):.+",
        r"\{csms:live\}:(\d+):\d+",
        r"crl:(\d+)",
        r"overview:\d+:(\d+):.+",
    )
]
# Of no tenant, each with the reason.
NOBODYS = {
    r"csms:usage": "counts of all tenants in one hash, whose fields name the tenant; only the sweep reads it",
    rf"csms:throttle:signin:.+:{DIGEST}:\d+": "who has not signed in is of no tenant: counted by address and name",
    rf"csms:attempts:[a-z-]+:{DIGEST}(?::\d+)?": "attempts, by address, name or tenant, hashed: people are of no tenant",
    rf"csms:bulk:{UUID}": "that a round of this order is on its way; its number is random and says nothing",
    r"\{csms:spill\}(?::values)?|csms:spill:refused": "readings of all tenants, each with its own, drained in their order",
    r"\{csms:live\}:(?:epoch|built)": "since when the statistics of all count",
    r"metering:running-hour-rests(?::.+)?": "how long the aggregation of a database rests",
    r"overview:\d+:all:.+": "figures of the whole platform, for its staff alone",
    r"celery|unacked.*|_kombu\..+": "Celery's queue: tasks name their tenant",
}


def trouble_of(key: str) -> str:
    """Why a key may not be; empty: it may."""
    name = _VERSION.sub("", key)
    if any(re.fullmatch(pattern, name) for pattern in NOBODYS):
        return ""
    owners = {int(found[1]) for pattern in OWNED if (found := pattern.fullmatch(name))}
    if not owners:
        return f"{key!r} names no tenant: say whose it is, or why it is nobody's, in {HERE}"
    return "" if owners <= {A.number, B.number} else f"{key!r} is of neither tenant"


@contextmanager
def only_known_keys() -> Iterator[None]:
    """At the end nothing has been written that isn't a tenant's, or nobody's for a reason."""
    with listening() as heard:
        yield
    troubles = sorted(filter(None, map(trouble_of, heard)))
    assert not troubles, "\n".join(troubles)


@contextmanager
def listening() -> Iterator[set[str]]:
    """The names of all keys that are written meanwhile, by whatever process or script. Complete after the end."""
    heard: set[str] = set()
    client = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)
    client.config_set("notify-keyspace-events", "KA")
    places = {_place(url) for url in (settings.REDIS_URL, settings.REDIS_CACHE_URL)}
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.psubscribe(*(f"{place}*" for place in places))
    for _ in places:
        # Until it is confirmed: another connection's writes may be served first.
        listener.get_message(timeout=PATIENCE_S)
    last = f"{LAST}{id(heard)}"

    def listen() -> None:
        for message in listener.listen():
            key = message["channel"].partition("__:")[2]
            if key == last:
                return
            # Of another that listens at the same time.
            if not key.startswith(LAST):
                heard.add(key)

    thread = Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        client.set(last, 1, ex=60)
        thread.join(timeout=PATIENCE_S)
        client.delete(last)
        listener.close()
        client.close()


def _place(url: str) -> str:
    number = urlsplit(url).path.strip("/") or "0"
    return f"__keyspace@{number}__:"
