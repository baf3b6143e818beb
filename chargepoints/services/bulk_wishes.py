"""Configuration keys of many charge points: kept as each one's own wish, and sent to those that are there.

One order (`bulk`) for each key, so that each has its result. A station that is offline is set when it comes back, by
its wish. Of two that cross the one that was written later holds: a station whose turn comes when its key has been set
anew is left out (`overtaken`), and a wish is told again where an order without one has changed the key
(`configuration_push`).
"""

from collections.abc import Collection
from uuid import UUID, uuid5

from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Lower

from chargepoints.models import BulkCommand, BulkTarget, ChargePoint, Command, CommandState, ConfigurationKey
from chargepoints.services.bulk import NoTargets, Order, create_bulk
from chargepoints.services.configuration_keys import OWN_KEYS
from chargepoints.services.configuration_wishes import Changes, merged_wishes
from tenants.context import current_tenant_id, tenant_transaction
from tenants.many_rows import update_rows
from tenants.services.audit import record_many
from tenants.stored_words import stored

READ_ONLY = stored("The station reports it as read-only.")
SET_ANEW = stored("It has been set anew since this was ordered.")
ACTION = "ChangeConfiguration"
# What was refused or never left has set nothing.
SETS = (CommandState.QUEUED, CommandState.SENT, CommandState.ACCEPTED)


def readonly_at(stations: QuerySet[ChargePoint], keys: list[str]) -> dict[str, set[int]]:
    """Key in lower case -> the stations that report it as read-only. One query for each key."""
    chosen = stations.order_by().values("pk")
    rows = ConfigurationKey.objects.filter(charge_point__in=chosen, readonly=True)
    return {key.lower(): set(rows.filter(key__iexact=key).values_list("charge_point_id", flat=True)) for key in keys}


def configure_many(
    *,
    stations: QuerySet[ChargePoint],
    values: dict[str, str],
    keep: bool,
    concurrency: int,
    order_id: UUID,
    requested_by: str,
    origin: str,
) -> list[BulkCommand]:
    """`values`: checked (`check_wishes`). `keep`: as wishes too. Raises InvalidWishes, NoTargets, OcppError."""
    with tenant_transaction(current_tenant_id()):
        readonly = readonly_at(stations, list(values))
        if kept := values if keep else own_among(values):
            _wish(stations, kept, readonly, requested_by, origin)
        orders = []
        for key, value in values.items():
            if key.lower() in OWN_KEYS:
                continue
            order = Order(ACTION, {"key": key, "value": value}, concurrency=concurrency)
            bulk = create_bulk(
                stations=stations,
                order=order,
                requested_by=requested_by,
                origin=origin,
                # Sent twice, the page is one order for each key.
                order_id=uuid5(order_id, key.lower()),
            )
            _skip(bulk, readonly[key.lower()])
            orders.append(bulk)
    if not orders and not stations.exists():
        raise NoTargets
    return orders


def own_among(values: Changes) -> dict[str, str]:
    """Our own keys, which no station is sent: they are nothing but wishes."""
    return {key: value for key, value in values.items() if key.lower() in OWN_KEYS and value is not None}


def _wish(
    stations: QuerySet[ChargePoint], values: Changes, readonly: dict[str, set[int]], actor: str, origin: str
) -> None:
    chosen = stations.order_by().values("pk")
    rows = ChargePoint.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=chosen).order_by("pk")
    changed = []
    for row in rows.only("identity", "desired_configuration"):
        wanted = {key: value for key, value in values.items() if row.pk not in readonly[key.lower()]}
        row.desired_configuration, difference = merged_wishes(row.desired_configuration, wanted)
        if difference:
            changed.append((row, difference))
    update_rows([row for row, _difference in changed], ["desired_configuration"])
    record_many(actor=actor, origin=origin, action="configure", changed=changed)


def overtaken(bulk: BulkCommand, charge_point_ids: Collection[int]) -> set[int]:
    """Of these stations those whose key somebody has set to another value after this order was written. One query.

    A command of another order was written with that order, whenever its turn came. What the system tells by itself is
    left out: that is of a wish, which it tells again.
    """
    key, value = str(bulk.payload.get("key", "")), bulk.payload.get("value")
    later = (
        Command.objects.filter(charge_point__in=charge_point_ids, action=ACTION, state__in=SETS)
        .filter(created_at__gt=bulk.created_at)
        .exclude(origin="system")
        .annotate(name=Lower(KT("payload__key")), text=KT("payload__value"))
        .annotate(written_at=Coalesce("bulk_target__bulk__created_at", "created_at"))
        .filter(name=key.lower(), written_at__gt=bulk.created_at)
        .exclude(text=value)
    )
    return set(later.values_list("charge_point_id", flat=True))


def _skip(bulk: BulkCommand, readonly: set[int]) -> None:
    waiting = BulkTarget.objects.filter(bulk=bulk, state=BulkTarget.State.WAITING, charge_point__in=readonly)
    waiting.update(state=BulkTarget.State.SKIPPED, detail=READ_ONLY, skipped_at=bulk.created_at)
