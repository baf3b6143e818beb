"""Authorize (OCPP 1.6 §5.1)."""

from typing import Any

import structlog

from chargepoints.context import StationContext
from chargepoints.ocpp16.fields import id_tag_info
from chargepoints.protocol.registry import on_call
from chargepoints.services.authorize import INVALID, Verdict, authorize_tag
from tenants.context import tenant_transaction

log = structlog.get_logger(__name__)


@on_call("1.6", "Authorize")
def authorize(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """The verdict on a tag. A fault of ours in deciding is Invalid: the station must get an answer that it knows."""
    try:
        with tenant_transaction(context.tenant_id):
            verdict = authorize_tag(payload["idTag"], now=context.received_at)
            return {"idTagInfo": id_tag_info(verdict)}
    except Exception:
        log.exception("no verdict on a tag", charge_point=context.identity)
        return {"idTagInfo": id_tag_info(Verdict(INVALID))}
