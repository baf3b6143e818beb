"""What a tenant leaves behind beside the database: files, and keys in Redis that would otherwise live on for a while."""

import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import redis
from django.conf import settings

from chargepoints.files.storage import path_of
from tenants.redis_servers import connect

AT_ONCE = 1000
# Keys that name the tenant, and those that name one of its charge points.
_OF_TENANT = re.compile(
    r"(?:csms:(?:throttle:tenant|import:[a-z_-]+|authorization|circuit|clear-cache|local-lists|rollout|usage-storage)"
    r"|crl|overview:\d+):(\d+)(?::|$)"
)
# How names begin, behind what Django's cache puts before them.
_BEGINNINGS = ("*csms*", "*crl:*", "*overview:*")
_OF_STATION = re.compile(r"(?:\{csms:live\}|csms:answer):(\d+):")


def folder_of(tenant_id: int) -> Path:
    """Where its uploads and firmware lie."""
    return path_of(str(tenant_id))


def export_files(tenant_id: int, target: Path) -> int:
    """Copy them; how many."""
    source = folder_of(tenant_id)
    if not source.is_dir():
        return 0
    shutil.copytree(source, target)
    return sum(1 for path in target.rglob("*") if path.is_file())


def delete_files(tenant_id: int) -> None:
    """Those that are gone already are fine."""
    shutil.rmtree(folder_of(tenant_id), ignore_errors=True)


def delete_keys(tenant_id: int, charge_point_ids: Iterable[int]) -> int:
    """Look through all keys of each Redis once; how many were the tenant's. Raises redis.RedisError."""
    stations = set(charge_point_ids)
    # One address may serve several uses.
    return sum(_delete_at(url, tenant_id, stations) for url in {settings.REDIS_URL, settings.REDIS_CACHE_URL})


def _delete_at(url: str, tenant_id: int, stations: set[int]) -> int:
    deleted = 0
    client = connect(url, socket_timeout=10, socket_connect_timeout=5)
    try:
        for chunk in _chunks(_keys_of(client, tenant_id, stations)):
            deleted += int(client.unlink(*chunk))
    finally:
        client.close()
    return deleted


def _keys_of(client: "redis.Redis", tenant_id: int, stations: set[int]) -> Iterator[bytes]:
    found = chain.from_iterable(client.scan_iter(match=begin, count=AT_ONCE) for begin in _BEGINNINGS)
    for raw in found:
        name = raw.decode("utf-8", "replace").removeprefix(":1:")
        of_tenant, of_station = _OF_TENANT.match(name), _OF_STATION.match(name)
        if (of_tenant and int(of_tenant[1]) == tenant_id) or (of_station and int(of_station[1]) in stations):
            yield raw


def _chunks(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for key in keys:
        chunk.append(key)
        if len(chunk) == AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
