"""Reads of this app. Callers hold the scope."""

from django.db.models import Exists, OuterRef, QuerySet

from chargepoints.models import ChargePoint, Connector, StationConnection, Transaction
from tenants.context import tenant_transaction


def find_transaction_id(tenant_id: int, charge_point_id: int, protocol_id: str) -> tuple[int, int] | None:
    """(our id, EVSE number) of a station's transaction, or None. Opens its own scope (called from the gateway)."""
    with tenant_transaction(tenant_id):
        return (
            Transaction.objects.filter(charge_point_id=charge_point_id, protocol_id=protocol_id)
            .values_list("pk", "evse__number")
            .first()
        )


def charge_points() -> QuerySet[ChargePoint]:
    """The tenant's charge points, each with `online`."""
    live = StationConnection.objects.live().filter(charge_point=OuterRef("pk"))
    return ChargePoint.objects.annotate(online=Exists(live))


def connectors_of(charge_point: ChargePoint) -> QuerySet[Connector]:
    """The connectors that people see (EVSE 0 only holds sessions of stations that name no connector)."""
    return Connector.objects.filter(charge_point=charge_point, evse__number__gt=0).select_related("evse")
