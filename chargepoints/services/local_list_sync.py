"""Which local lists are to be looked at: after tags have changed, and by beat."""

import structlog
from django.db.models import Q, QuerySet
from django.utils import timezone

from chargepoints.models import LocalAuthList, Registration, StationConnection
from chargepoints.protocol.errors import OcppError
from chargepoints.services.local_list import State, advance_by_id
from chargepoints.services.local_list_entries import Entries, wanted_entries
from tenants.context import system_transaction, tenant_transaction

log = structlog.get_logger(__name__)

LISTS_AT_ONCE = 200


def sync_lists(tenant_id: int, after: int = 0) -> int | None:
    """Bring the tenant's next lists past the id `after` in step; the last id looked at, None: there are no more."""
    with tenant_transaction(tenant_id):
        found = list(_reachable().filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:LISTS_AT_ONCE])
        # Read once: the same for all of them.
        tags = wanted_entries(timezone.now()) if found else {}
    _advance([(tenant_id, pk) for pk in found], tags)
    return found[-1] if len(found) == LISTS_AT_ONCE else None


def go_on() -> int:
    """Lists that wait for their next step: lost answers, retries, the first list of all. How many were looked at."""
    with system_transaction():
        waiting = _reachable().filter(state__in=[State.UNKNOWN, State.SENDING, State.FAILED])
        found = list(waiting.order_by("changed_at", "pk").values_list("tenant_id", "pk")[:LISTS_AT_ONCE])
    _advance(found)
    return len(found)


def tenants_with_lists() -> list[int]:
    """Whose lists may have drifted: tags expire by themselves, stations come back."""
    with system_transaction():
        return list(_reachable().values_list("tenant_id", flat=True).distinct().order_by("tenant_id"))


def _reachable() -> QuerySet[LocalAuthList]:
    """Of the open scope: kept in step (or being completed), the station online and accepted."""
    return LocalAuthList.objects.filter(
        Q(managed=True) | Q(completing=True),
        charge_point__registration=Registration.ACCEPTED,
        charge_point__in=StationConnection.objects.live().values("charge_point"),
    )


def _advance(found: list[tuple[int, int]], tags: Entries | None = None) -> None:
    for tenant_id, pk in found:
        try:
            advance_by_id(tenant_id, pk, tags)
        except OcppError as error:
            # One station whose protocol has no such list must not stop the others.
            log.warning("local list not sent", local_list=pk, error=error.description)
