"""The answering of a call, as a span where spans are kept."""

from chargepoints.context import StationContext
from chargepoints.protocol import dispatcher
from chargepoints.protocol.actions import all_actions
from chargepoints.protocol.dispatcher import Outcome, RunInThread
from chargepoints.protocol.errors import Code
from chargepoints.protocol.framing import Call
from tenants.tracing import is_tracing, span


async def answer(call: Call, context: StationContext, run_in_thread: RunInThread) -> Outcome:
    """As the dispatcher's. The span has the action, the charge point and the tenant; never the payload."""
    if not is_tracing():
        return await dispatcher.answer(call, context, run_in_thread)
    # A station may call anything an action: names of spans are few.
    action = call.action if call.action in all_actions(context.version) else "unknown"
    attributes: dict[str, str | int] = {
        "ocpp.action": action,
        "ocpp.version": context.version,
        "ocpp.message_id": call.message_id[:64],
        "csms.charge_point": context.identity,
        "csms.tenant": context.tenant_slug,
        "csms.tenant_id": context.tenant_id,
    }
    with span(f"ocpp {action}", attributes) as note:
        outcome = await dispatcher.answer(call, context, run_in_thread)
        note({"ocpp.outcome": outcome.error_code or "ok"}, outcome.error_code == Code.INTERNAL)
    return outcome
