"""What follows when tags change: stations forget what they have cached, local lists are brought in step.

Many changes at once are one task, a few seconds later. Callers hold the tenant's transaction.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.core.cache import cache

from chargepoints.models import ChargePoint, Command, CommandState, ConfigurationKey, IdTag, StationConnection
from chargepoints.models.charge_point import Registration
from chargepoints.protocol.errors import OcppError
from chargepoints.services import local_list_sync
from chargepoints.services.commands import StationOffline, send_command
from tenants.context import current_tenant_id, on_commit, tenant_transaction

log = structlog.get_logger(__name__)

# Changes within so many seconds are one.
GATHERED_S = 3
# Where the task is lost, the next change after so many seconds asks again.
ASKED_AGAIN_S = 60
STATIONS_AT_ONCE = 200
ASKED_BY = "system"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a tag may, as stations cache it."""

    usable: bool
    expires_at: datetime | None


NONE = Rights(usable=False, expires_at=None)


def rights_of(tag: IdTag) -> Rights:
    return Rights(tag.status == IdTag.Status.ACCEPTED and tag.max_active_transactions != 0, tag.expires_at)


def takes_away(before: Rights, after: Rights) -> bool:
    """Whether a station that has cached `before` would let in what we no longer do."""
    if not before.usable or not after.usable:
        return before.usable and not after.usable
    return after.expires_at is not None and (before.expires_at is None or after.expires_at < before.expires_at)


def tags_changed(*, revoked: bool) -> None:
    """Tags are new, other or gone. `revoked`: some may less than before."""
    tenant_id = current_tenant_id()
    on_commit(lambda: _follow_up(tenant_id, revoked=revoked))


def _follow_up(tenant_id: int, *, revoked: bool) -> None:
    # Here: the tasks import the services.
    from chargepoints.tasks import clear_caches, sync_local_lists

    if revoked and cache.add(_mark("clear-cache", tenant_id), 1, ASKED_AGAIN_S):
        clear_caches.apply_async((tenant_id,), countdown=GATHERED_S)
    if cache.add(_mark("local-lists", tenant_id), 1, ASKED_AGAIN_S):
        sync_local_lists.apply_async((tenant_id,), countdown=GATHERED_S)


def _mark(what: str, tenant_id: int) -> str:
    return f"csms:{what}:{tenant_id}"


def sync_lists(tenant_id: int, after: int = 0) -> int | None:
    """As `local_list_sync.sync_lists`; what changes from here on asks again."""
    if not after:
        cache.delete(_mark("local-lists", tenant_id))
    return local_list_sync.sync_lists(tenant_id, after)


def clear_caches(tenant_id: int, after: int = 0) -> int | None:
    """ClearCache to the next stations past the id `after` that are online and may have a cache.

    The last id that was looked at; None: there are no more. One that waits for an earlier one is not asked twice.
    """
    if not after:
        # Before looking: what changes from here on asks again.
        cache.delete(_mark("clear-cache", tenant_id))
    with tenant_transaction(tenant_id):
        without = ConfigurationKey.objects.filter(key__iexact="AuthorizationCacheEnabled", value__iexact="false")
        waiting = Command.objects.filter(action="ClearCache", state=CommandState.QUEUED)
        stations = list(
            ChargePoint.objects.filter(pk__gt=after, registration=Registration.ACCEPTED, send_unasked=True)
            .filter(pk__in=StationConnection.objects.live().values("charge_point"))
            .exclude(pk__in=without.values("charge_point"))
            .exclude(pk__in=waiting.values("charge_point"))
            .order_by("pk")[:STATIONS_AT_ONCE]
        )
        for station in stations:
            _clear(station)
    return stations[-1].pk if len(stations) == STATIONS_AT_ONCE else None


def _clear(station: ChargePoint) -> None:
    try:
        send_command(charge_point=station, action="ClearCache", payload={}, requested_by=ASKED_BY, origin="system")
    except StationOffline:
        return
    except OcppError as error:
        log.warning("cache not cleared", charge_point_id=station.pk, error=error.description)
