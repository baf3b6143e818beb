"""Authorize (OCPP 1.6 §5.1)."""

from typing import Any

import structlog

from chargepoints.context import StationContext
from chargepoints.gateway.runtime import get_gateway
from chargepoints.ocpp16.fields import id_tag_info
from chargepoints.protocol.registry import on_call
from chargepoints.services.authorization_webhook import AUTHORIZE, decide, prepare
from chargepoints.services.authorize import INVALID, Verdict, settle

log = structlog.get_logger(__name__)


@on_call("1.6", "Authorize")
async def authorize(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """The verdict on a tag. A fault of ours in deciding is Invalid: the station must get an answer that it knows.

    The tenant's own system may be asked, in between, while no thread and no transaction is held.
    """
    try:
        threads = (await get_gateway()).threads
        prepared = await threads.run(
            prepare,
            tenant_id=context.tenant_id,
            tenant=context.tenant_slug,
            charge_point=context.identity,
            id_tag=payload["idTag"],
            purpose=AUTHORIZE,
            now=context.received_at,
        )
        own = prepared.own or Verdict(INVALID)
        return {"idTagInfo": id_tag_info(settle(own, await decide(prepared)))}
    except Exception:
        log.exception("no verdict on a tag", charge_point=context.identity)
        return {"idTagInfo": id_tag_info(Verdict(INVALID))}
