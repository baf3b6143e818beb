"""Stations of tenants that were suspended or deleted: their sockets are to be closed, wherever they are held."""

from collections.abc import Collection
from datetime import timedelta

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db.models.functions import Now

from chargepoints.models import Gateway
from tenants.context import directory_transaction
from tenants.models import Tenant

log = structlog.get_logger(__name__)


def inactive_tenants(tenant_ids: Collection[int]) -> dict[int, bool]:
    """Those of them whose stations may not be connected; True: but soon again, they are being moved."""
    with directory_transaction():
        states = dict(Tenant.objects.filter(pk__in=tenant_ids).values_list("pk", "status"))
    return {
        one: states.get(one) == Tenant.Status.MOVING for one in tenant_ids if states.get(one) != Tenant.Status.ACTIVE
    }


def have_gateways_look() -> None:
    """Each gateway looks at its sockets' tenants at once. Best effort: each does so by itself every few beats."""
    layer = get_channel_layer()  # type: ignore[no-untyped-call]
    if layer is None:
        return
    lease = timedelta(seconds=settings.GATEWAY_LEASE_SECONDS)
    with directory_transaction():
        channels = list(Gateway.objects.filter(seen_at__gt=Now() - lease).values_list("channel", flat=True))

    async def tell() -> None:
        for channel in channels:
            await layer.send(channel, {"type": "tenants"})

    try:
        async_to_sync(tell)()
    except Exception as error:
        log.warning("gateways not told of a tenant's state", error=str(error)[:200])
