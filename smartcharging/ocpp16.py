"""Messages of OCPP 1.6 that smart charging acts on. What stations answer to our commands is handled where commands
end (`chargepoints.services.command_hooks`): a time-out counts there too."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.registry import after_call
from smartcharging.services.dropped import station_booted


@after_call("1.6", "BootNotification")
def drop_profiles_of_sessions_that_are_over(
    context: StationContext, payload: dict[str, Any], reply: dict[str, Any]
) -> None:
    """The others it may have lost as well: they are compared with its own schedule soon (`drift`)."""
    station_booted(tenant_id=context.tenant_id, charge_point_id=context.charge_point_id)
