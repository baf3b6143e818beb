"""How long stations were online: sockets that are no more, and what they add up to by day.

Days are those of the tenant's calendar. A live socket stands in `StationConnection`; `services.uptime` makes the days of both.
"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from chargepoints.models.charge_point import ChargePoint
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class PastConnection(TenantOwned):
    """A socket that was. Written with the row of `StationConnection` going, in its transaction.

    `ended_at`: until when it counted as online. `noted_at`: when that was written down, which may be later.
    """

    charge_point = TenantForeignKey(
        ChargePoint, on_delete=models.CASCADE, db_index=False, related_name="past_connections"
    )
    connection_id = models.UUIDField()
    connected_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    remote_address = models.CharField(max_length=64)
    reason = models.CharField(max_length=120)
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-ended_at"]
        indexes = [
            models.Index(fields=["charge_point", "-ended_at"], name="past_connections_of_station"),
            # Rows come in the order of their time: a few pages of index find those of the last minutes.
            BrinIndex(fields=["noted_at"], pages_per_range=16, autosummarize=True, name="past_connections_noted"),
        ]

    def __str__(self) -> str:
        return f"{self.connected_at:%Y-%m-%d %H:%M:%S} – {self.ended_at:%Y-%m-%d %H:%M:%S}"


class OnlineDay(TenantOwned):
    """Seconds that a station was online on a day, of those in which it should have been: from its first connection on.

    There is a row for each day since, up to the running one, which is counted as far as it has come.
    """

    pk = models.CompositePrimaryKey("charge_point_id", "day")
    charge_point = models.ForeignKey(
        ChargePoint, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    day = models.DateField()
    online_s = models.PositiveIntegerField()
    expected_s = models.PositiveIntegerField()

    class Meta:
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day}: {self.online_s} / {self.expected_s} s"


class FleetOnlineDay(TenantOwned):
    """What the stations' days of a tenant add up to; `computed_at` is how far the running one has come."""

    day = models.DateField()
    stations = models.PositiveIntegerField()
    online_s = models.BigIntegerField()
    expected_s = models.BigIntegerField()
    computed_at = models.DateTimeField()

    class Meta:
        ordering = ["day"]
        constraints = [models.UniqueConstraint(fields=["tenant", "day"], name="fleet_online_once_per_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.online_s} / {self.expected_s} s"
