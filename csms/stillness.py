"""Whether something is still at work for a tenant: before its rows are moved or deleted, it has to be over."""

import redis
from django.conf import settings

from chargepoints.models import StationConnection
from metering.ingest.spill import VALUES
from tenants.context import system_transaction, where_lives
from tenants.models import Tenant
from tenants.redis_servers import connect


def still_at_work(tenant: Tenant) -> str:
    """What it is, for people; empty: nothing. No socket, and no readings that wait in Redis."""
    with where_lives(tenant.pk), system_transaction():
        connected = StationConnection.objects.filter(tenant=tenant).live().count()
    if connected:
        return f"{connected} of its charge points are still connected."
    client = connect(settings.REDIS_SPILL_URL, socket_timeout=5, socket_connect_timeout=5)
    try:
        waiting = int(client.get(VALUES) or 0)
    except redis.RedisError as error:
        return f"Redis is away ({error}), and may hold readings."
    finally:
        client.close()
    return f"{waiting} readings wait in Redis to be stored." if waiting else ""
