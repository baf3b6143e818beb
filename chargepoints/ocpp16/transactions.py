"""StartTransaction and StopTransaction (OCPP 1.6 §5.11, §5.16)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.gateway.runtime import get_gateway
from chargepoints.ocpp16.fields import connector_id, id_tag_info, register_wh, timestamp
from chargepoints.protocol.registry import on_call
from chargepoints.services.authorization_webhook import START, decide, may_ask, prepare
from chargepoints.services.authorize import Delegated
from chargepoints.services.transactions import Start, Stop, start_transaction, stop_transaction


@on_call("1.6", "StartTransaction")
async def start(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Always stored, always a real id; the verdict on the tag goes into idTagInfo.

    The tenant's own system is asked before: nothing is locked while it thinks.
    """
    threads = (await get_gateway()).threads
    if not may_ask(context.tenant_id):
        return await threads.run(_start, context, payload, None)
    prepared = await threads.run(
        prepare,
        tenant_id=context.tenant_id,
        tenant=context.tenant_slug,
        charge_point=context.identity,
        connector_id=connector_id(payload),
        id_tag=payload["idTag"],
        purpose=START,
        now=context.received_at,
    )
    return await threads.run(_start, context, payload, await decide(prepared))


def _start(context: StationContext, payload: dict[str, Any], delegated: Delegated | None) -> dict[str, Any]:
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
        delegated=delegated,
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
