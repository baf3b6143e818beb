"""EVSEs and connectors come into being when a station first names them."""

from chargepoints.models import ChargePoint, Connector, Evse


def get_connector(charge_point: ChargePoint, evse_number: int, number: int = 1) -> Connector:
    """The connector, created if new. Safe while many of a station's first messages arrive at once.

    OCPP 1.6's connector n is EVSE n, connector 1.
    """
    found = (
        Connector.objects.select_related("evse")
        .filter(charge_point=charge_point, evse__number=evse_number, number=number)
        .first()
    )
    if found is not None:
        return found
    tenant_id = charge_point.tenant_id
    # Two at once: the second insert waits for the first one's commit, then does nothing.
    Evse.objects.bulk_create(
        [Evse(tenant_id=tenant_id, charge_point=charge_point, number=evse_number)], ignore_conflicts=True
    )
    evse = Evse.objects.get(charge_point=charge_point, number=evse_number)
    Connector.objects.bulk_create(
        [Connector(tenant_id=tenant_id, charge_point=charge_point, evse=evse, number=number)], ignore_conflicts=True
    )
    return Connector.objects.select_related("evse").get(evse=evse, number=number)
