"""The first part of a move: until nothing is written for the tenant any more, by anybody, in its old place."""

import time
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Max
from django.utils import timezone

from tenants.context import in_database, system_connection, system_transaction
from tenants.databases.fence import HOLD_ALONE
from tenants.delivery.mqtt import SINK
from tenants.models import ClosedTenant, FeedCursor, OutboxEvent, TenantMove

LOOK_EVERY_S = 0.5


class NotQuiet(Exception):
    """Something is still at work for the tenant, and did not end in time."""


def wait_until_quiet(still_at_work: Callable[[], str], deadline: float, settle_s: float) -> None:
    """Its sockets are gone; then a moment for what processes write off the path of answers. NotQuiet past the deadline."""
    _wait(still_at_work, deadline)
    time.sleep(settle_s)


def shut_fence(move: TenantMove) -> None:
    """Whoever comes to the old place from now on is refused."""
    with in_database(move.source), system_transaction():
        ClosedTenant.objects.get_or_create(tenant_number=move.tenant_number)


def wait_until_empty(move: TenantMove, deadline: float) -> None:
    """Who was inside when the fence was shut has ended, and the broker has all events. NotQuiet past the deadline."""
    _wait(lambda: _still_inside(move, deadline), deadline)
    _wait(lambda: _unpublished(move), deadline)


def newest_event(move: TenantMove) -> int:
    """In an open system transaction."""
    newest = OutboxEvent.objects.filter(tenant_id=move.tenant_number).aggregate(newest=Max("pk"))["newest"]
    return int(newest or 0)


def _wait(reason: Callable[[], str], deadline: float) -> None:
    while found := reason():
        if time.monotonic() > deadline:
            raise NotQuiet(found)
        time.sleep(LOOK_EVERY_S)


def _still_inside(move: TenantMove, deadline: float) -> str:
    """Transactions that had entered before the fence was shut hold a lock until they end."""
    patience_ms = max(1, int((deadline - time.monotonic()) * 1000))
    try:
        with in_database(move.source), system_transaction(), system_connection().cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {patience_ms}")
            cursor.execute(HOLD_ALONE, [move.tenant_number])
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") != "55P03":
            raise
        return "A transaction of the tenant is still under way."
    return ""


def _unpublished(move: TenantMove) -> str:
    """In the target, the feed of all begins beyond them: what was not published here would be nowhere."""
    with in_database(move.source), system_transaction():
        sink = FeedCursor.objects.filter(sink=SINK).first()
        if sink is None or newest_event(move) <= sink.cursor:
            return ""
        is_live = sink.leased_until is not None and sink.leased_until > timezone.now()
    return "Events wait to be published by MQTT." if is_live or settings.MQTT_URL else ""
