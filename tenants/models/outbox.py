"""The outbox: events written in the transaction of the change that they tell of."""

import uuid

from django.db import models

from tenants.models.base import TenantOwned


class OutboxEvent(TenantOwned):
    """One event for the outside world. `id` orders the feed; `event_id` is what receivers deduplicate by."""

    event_id = models.UUIDField(default=uuid.uuid4, unique=True)
    event_type = models.CharField(max_length=60)
    at = models.DateTimeField()
    charge_point = models.CharField(max_length=48, blank=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["id"]
        verbose_name = "event"
        indexes = [
            models.Index(fields=["tenant", "id"], name="outbox_feed"),
            # For people who look for one charge point's among millions.
            models.Index(fields=["tenant", "charge_point", "id"], name="outbox_of_station"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.charge_point}"
