"""The beat's part of outcomes: what never came, and changes of availability that waited for a session's end."""

from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from chargepoints.models import ChargePoint, Command, Connector, Outcome
from chargepoints.services.outcomes import NEVER_CAME, fulfil, give_up
from tenants.context import system_transaction, tenant_transaction
from tenants.databases.fence import TenantMoving
from tenants.stored_words import stored

# Per round; the next one takes the rest.
MOST_AT_ONCE = 1000
UNAVAILABLE = "Unavailable"
CHANGED = stored("The status has changed.")


def sweep_outcomes(now: datetime) -> int:
    """Settle what waits: the number of commands whose outcome is known now."""
    return _settle_availability() + _give_up_overdue(now)


def _give_up_overdue(now: datetime) -> int:
    with system_transaction():
        overdue = Command.objects.filter(outcome=Outcome.WAITING, outcome_until__lt=now, action__in=NEVER_CAME)
        rows = list(overdue.order_by("outcome_until").values_list("tenant_id", "pk")[:MOST_AT_ONCE])
    settled = 0
    for tenant_id, ids in _by_tenant(rows).items():
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            settled += give_up(Command.objects.filter(pk__in=ids), now)
    return settled


def _settle_availability() -> int:
    """By the status as it is now: a StatusNotification has better things to do than look for commands."""
    with system_transaction():
        waiting = list(
            Command.objects.filter(outcome=Outcome.WAITING, action="ChangeAvailability")
            .order_by("outcome_until")
            .values("tenant_id", "pk", "charge_point_id", "payload")[:MOST_AT_ONCE]
        )
        stations = {row["charge_point_id"] for row in waiting}
        of_station = dict(ChargePoint.objects.filter(pk__in=stations).values_list("pk", "status"))
        connectors: dict[int, dict[int, str]] = defaultdict(dict)
        for pk, number, status in Connector.objects.filter(charge_point__in=stations, evse__number__gt=0).values_list(
            "charge_point", "evse__number", "status"
        ):
            connectors[pk][number] = status
    done = [
        (row["tenant_id"], row["pk"])
        for row in waiting
        if _has_changed(row["payload"], of_station.get(row["charge_point_id"], ""), connectors[row["charge_point_id"]])
    ]
    settled = 0
    for tenant_id, ids in _by_tenant(done).items():
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            settled += fulfil(Command.objects.filter(pk__in=ids), CHANGED)
    return settled


def _has_changed(payload: dict[str, Any], station: str, connectors: dict[int, str]) -> bool:
    """Whether the status is what was asked for. Connector 0: the station says so of itself, or all connectors do."""
    number, wanted = payload.get("connectorId", 0), payload.get("type") == "Inoperative"
    if number:
        status = connectors.get(number)
        return status is not None and (status == UNAVAILABLE) == wanted
    states = connectors.values() or [station]
    if wanted:
        return station == UNAVAILABLE or all(status == UNAVAILABLE for status in states)
    return station != UNAVAILABLE and all(status != UNAVAILABLE for status in states)


def _by_tenant(rows: list[tuple[int, UUID]]) -> dict[int, list[UUID]]:
    grouped: dict[int, list[UUID]] = defaultdict(list)
    for tenant_id, pk in rows:
        grouped[tenant_id].append(pk)
    return grouped
