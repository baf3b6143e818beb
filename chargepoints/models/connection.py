"""Who is connected where: the truth behind presence.

A row per live socket, keyed by charge point, so that there is at most one across all processes; it names
the connection, so that an old socket's late close never touches the new one. A gateway holds a lease that
it renews every few seconds: the sockets of a gateway whose lease has run out are offline, whatever their
rows say.
"""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from chargepoints.models.charge_point import ChargePoint
from tenants.models import TenantOwned
from tenants.rls import TenantOneToOneField


class Gateway(models.Model):
    """A process that holds charge points' sockets. `channel` is where the channel layer reaches it."""

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    channel = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class LiveConnections(models.QuerySet["StationConnection"]):
    """Queries on sockets."""

    def live(self) -> "LiveConnections":
        """Only sockets of gateways whose lease holds (by the database's clock)."""
        lease = timedelta(seconds=settings.GATEWAY_LEASE_SECONDS)
        return self.filter(gateway__seen_at__gt=Now() - lease)


class StationConnection(TenantOwned):
    """The one live socket of a charge point."""

    charge_point = TenantOneToOneField(ChargePoint, on_delete=models.CASCADE, related_name="connection")
    connection_id = models.UUIDField(unique=True)
    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="connections")
    remote_address = models.CharField(max_length=64)
    ocpp_version = models.CharField(max_length=8)
    connected_at = models.DateTimeField()
    last_message_at = models.DateTimeField()

    objects = LiveConnections.as_manager()

    class Meta:
        ordering = ["connected_at"]

    def __str__(self) -> str:
        return f"{self.charge_point} on {self.gateway}"
