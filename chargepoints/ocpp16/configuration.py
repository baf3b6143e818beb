"""GetConfiguration and ChangeConfiguration: what the station's answers mean (OCPP 1.6 §5.3, §5.8)."""

from datetime import UTC, datetime
from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.registry import on_command_reply
from chargepoints.services.configuration import store_configuration
from chargepoints.services.configuration_push import push_configuration


@on_command_reply("1.6", "GetConfiguration")
def configuration_reported(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """Keep it; a full report is followed by what is to be changed."""
    complete = not asked.get("key")
    store_configuration(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        keys=reply.get("configurationKey") or [],
        complete=complete,
        at=datetime.now(UTC),
        unknown=reply.get("unknownKey") or (),
    )
    if complete:
        push_configuration(tenant_id=context.tenant_id, charge_point_id=context.charge_point_id)


@on_command_reply("1.6", "ChangeConfiguration")
def configuration_changed(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """An accepted value is the station's value from now on."""
    if reply.get("status") in {"Accepted", "RebootRequired"}:
        store_configuration(
            tenant_id=context.tenant_id,
            charge_point_id=context.charge_point_id,
            keys=[{"key": asked["key"], "value": asked["value"], "readonly": False}],
            complete=False,
            at=datetime.now(UTC),
        )
