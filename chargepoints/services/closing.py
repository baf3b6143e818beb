"""Closing a station's socket from anywhere: its credentials don't count any more, or there is no such station."""

from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from chargepoints.models import ChargePoint, StationConnection
from tenants.context import on_commit

log = structlog.get_logger(__name__)

# As the station is told (the close frame's reason: 123 bytes at most).
SUPERSEDED, NOT_VALID, DELETED = "connected again elsewhere", "credentials no longer valid", "charge point deleted"


def close_station(charge_point_id: int, reason: str = NOT_VALID) -> bool:
    """Have its socket closed once the open transaction has committed; False while it is offline.

    Best effort: who must be sure asks again (`certificates.close_revoked`). The station may come back, and is then
    asked for its credentials anew.
    """
    connection = StationConnection.objects.select_related("gateway").filter(charge_point_id=charge_point_id).first()
    if connection is None:
        return False
    channel, connection_id = connection.gateway.channel, str(connection.connection_id)
    on_commit(lambda: _tell_gateway(channel, connection_id, reason))
    return True


def close_deleted(instance: ChargePoint, **_rest: Any) -> None:
    """Its socket goes with its row; a gateway that doesn't hear of it finds out when it compares (`leases.reclaim`)."""
    close_station(instance.pk, DELETED)


def _tell_gateway(channel: str, connection_id: str, reason: str) -> None:
    layer = get_channel_layer()  # type: ignore[no-untyped-call]
    if layer is None:
        return
    try:
        async_to_sync(layer.send)(channel, {"type": "close", "connection_id": connection_id, "reason": reason})
    except Exception as error:
        log.warning("gateway not told to close", channel=channel, error=str(error)[:200])
