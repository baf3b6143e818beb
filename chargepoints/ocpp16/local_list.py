"""SendLocalList and GetLocalListVersion: what the station's answers mean (OCPP 1.6 §5.10, §5.15)."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.models import Registration
from chargepoints.protocol.registry import after_call, on_command_reply
from chargepoints.services.local_list import booted, list_answered, version_answered


@on_command_reply("1.6", "SendLocalList")
def list_taken(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """Taken, or why not; what comes next is sent."""
    list_answered(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        version=asked["listVersion"],
        status=reply["status"],
    )


@on_command_reply("1.6", "GetLocalListVersion")
def version_told(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """Compared with what we know it to have."""
    version_answered(tenant_id=context.tenant_id, charge_point_id=context.charge_point_id, version=reply["listVersion"])


@after_call("1.6", "BootNotification")
def compare_version(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """Only once the answer is out: an unaccepted station may refuse other calls."""
    if reply["status"] == Registration.ACCEPTED:
        booted(tenant_id=context.tenant_id, charge_point_id=context.charge_point_id)
