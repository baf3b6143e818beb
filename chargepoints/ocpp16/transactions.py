"""StartTransaction and StopTransaction (OCPP 1.6 §5.11, §5.16)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.ocpp16.fields import connector_id, id_tag_info, register_wh, timestamp
from chargepoints.protocol.registry import on_call
from chargepoints.services.transactions import Start, Stop, start_transaction, stop_transaction


@on_call("1.6", "StartTransaction")
def start(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Always stored, always a real id; the verdict on the tag goes into idTagInfo."""
    started = start_transaction(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        start=Start(
            evse_number=connector_id(payload),
            id_tag=payload["idTag"],
            at=timestamp(payload, context),
            meter_wh=register_wh(payload, "meterStart"),
            received_at=context.received_at,
            reservation_id=payload.get("reservationId"),
        ),
    )
    session = started.transaction
    context.remember_transaction(session.protocol_id, session.pk, session.evse.number)
    return {"transactionId": int(session.protocol_id), "idTagInfo": id_tag_info(started.verdict)}


@on_call("1.6", "StopTransaction")
def stop(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Accepted whatever is odd about it. No idTagInfo without an idTag."""
    stopped = stop_transaction(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        stop=Stop(
            protocol_id=str(payload["transactionId"])[:36],
            at=timestamp(payload, context),
            meter_wh=register_wh(payload, "meterStop"),
            received_at=context.received_at,
            id_tag=payload.get("idTag") or "",
            reason=payload.get("reason") or "Local",
        ),
    )
    if stopped.transaction is not None:
        session = stopped.transaction
        context.remember_transaction(session.protocol_id, session.pk, session.evse.number)
    return {} if stopped.verdict is None else {"idTagInfo": id_tag_info(stopped.verdict)}
