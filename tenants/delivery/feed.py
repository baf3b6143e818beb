"""The feed of events, as readers with a cursor need it."""

from typing import Any

from django.db.models import QuerySet

from tenants.models import OutboxEvent


def settled_events() -> QuerySet[OutboxEvent]:
    """Events below every transaction still under way: an id handed out earlier can't commit behind a reader's cursor."""
    # By age, which is right also where the 32 bits of a transaction's id have wrapped around.
    return OutboxEvent.objects.extra(
        where=["age(tenants_outboxevent.xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid)"]
    )


def envelope(event: OutboxEvent, tenant: str) -> dict[str, Any]:
    """What receivers get (API.md "Events"); `event_id` is what they deduplicate by."""
    body = {
        "event_id": str(event.event_id),
        "event_type": event.event_type,
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "tenant_id": tenant,
        "charge_point_id": event.charge_point or None,
        "data": event.data,
    }
    if "sessionId" in event.data:
        body["session_id"] = event.data["sessionId"]
    return body
