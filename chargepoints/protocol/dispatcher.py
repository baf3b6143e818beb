"""One inbound CALL, from decoded frame to answer. Knows no socket: the gateway sends what comes out.

Errors never leave here: the answer is a result or a CALLERROR, and nothing of our own faults but
`InternalError` is told to the station.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from chargepoints.protocol.actions import all_actions
from chargepoints.protocol.errors import Code, OcppError, spell
from chargepoints.protocol.framing import Call, encode_error, encode_result
from chargepoints.protocol.registry import Handler, Registry, StationContext, registry
from chargepoints.protocol.validation import Validated, validate_call, validate_reply

log = structlog.get_logger(__name__)

# Runs a plain function in a worker thread.
RunInThread = Callable[..., Awaitable[Any]]
# What a station may say before it is accepted (OCPP 1.6 §4.2).
ALLOWED_UNACCEPTED = {"BootNotification"}
# OCPP-J 1.6 §4.1.4. A longer id is answered as it came.
LONGEST_ID = 36


@dataclass(slots=True)
class Outcome:
    """The answer as text, and what is to happen once it has left."""

    text: str
    error_code: str = ""
    violations: list[str] = field(default_factory=list)
    payload: dict[str, Any] = field(default_factory=dict)
    reply: dict[str, Any] | None = None
    after: list[Handler] = field(default_factory=list)


async def answer(
    call: Call, context: StationContext, run_in_thread: RunInThread, handlers: Registry = registry
) -> Outcome:
    """Validate, handle, encode. Never raises, but for cancellation."""
    key = (context.version, call.action)
    try:
        validated = _admit(call, context, handlers)
        reply = await _run(handlers.answerers[key], run_in_thread, context, validated.payload)
        if handlers.check_replies:
            _check_reply(call, context, reply)
        for step in handlers.before.get(key, ()):
            await _run(step, run_in_thread, context, validated.payload, reply)
        text = encode_result(call.message_id, reply)
    except OcppError as error:
        code = spell(error.code, context.version)
        return Outcome(encode_error(call.message_id, code, error.description, error.details), code)
    except Exception:
        log.exception("handler failed", action=call.action, message_id=call.message_id)
        code = spell(Code.INTERNAL, context.version)
        return Outcome(encode_error(call.message_id, code, "The message could not be processed.", {}), code)
    violations = validated.violations
    if len(call.message_id) > LONGEST_ID:
        violations.append(f"the message id has {len(call.message_id)} characters")
    return Outcome(text, "", violations, validated.payload, reply, handlers.after.get(key, []))


async def run_after(outcome: Outcome, context: StationContext, run_in_thread: RunInThread) -> None:
    """The after-reply steps; one that fails is logged and doesn't stop the next."""
    for step in outcome.after:
        try:
            await _run(step, run_in_thread, context, outcome.payload, outcome.reply)
        except Exception:
            log.exception("after-reply step failed", step=step.__qualname__)


def _admit(call: Call, context: StationContext, handlers: Registry) -> Validated:
    if (context.version, call.action) not in handlers.answerers:
        if call.action in all_actions(context.version):
            raise OcppError(Code.NOT_SUPPORTED, f"{call.action[:50]} is not answered by this system")
        raise OcppError(Code.NOT_IMPLEMENTED, f"{call.action[:50]} is not an action of OCPP {context.version}")
    if not context.accepted and call.action not in ALLOWED_UNACCEPTED:
        raise OcppError(Code.SECURITY, "BootNotification has not been accepted")
    return validate_call(context.version, call.action, call.payload, lenient=context.lenient)


def _check_reply(call: Call, context: StationContext, reply: dict[str, Any]) -> None:
    """Our own fault must not look like the station's: ValueError, not OcppError."""
    try:
        validate_reply(context.version, call.action, reply, lenient=False)
    except OcppError as error:
        raise ValueError(f"our reply to {call.action} breaks its schema: {error.description}") from error


async def _run(handler: Handler, run_in_thread: RunInThread, *args: Any) -> Any:
    if inspect.iscoroutinefunction(handler):
        return await handler(*args)
    return await run_in_thread(handler, *args)
