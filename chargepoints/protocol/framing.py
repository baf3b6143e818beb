"""Frames of OCPP-J: `[2, id, action, payload]`, `[3, id, payload]`, `[4, id, code, description, details]`. Pure."""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from chargepoints.protocol.errors import MAX_DESCRIPTION, Code

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
# The id is kept as it came, so that the answer matches; only an absurd one is no id at all.
LONGEST_ID = 512
# An escaped NUL; `\\u0000` is an escaped backslash and plain text.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(slots=True)
class Call:
    message_id: str
    action: str
    payload: dict[str, Any]


@dataclass(slots=True)
class CallResult:
    message_id: str
    payload: dict[str, Any]


@dataclass(slots=True)
class CallError:
    message_id: str
    code: str
    description: str
    details: dict[str, Any]


Frame = Call | CallResult | CallError


class BadFrame(Exception):
    """Not a frame. `message_id` is None where none can be read: then it is logged and dropped, not answered.

    `answerable` is False for broken answers: OCPP-J answers calls only.
    """

    def __init__(
        self, message_id: str | None, description: str, code: Code = Code.RPC_FRAMEWORK, *, answerable: bool = True
    ) -> None:
        super().__init__(description)
        self.message_id, self.description, self.code, self.answerable = message_id, description, code, answerable


def decode(text: str) -> Frame:
    """The frame in `text`; BadFrame otherwise. A null payload is an empty one; NUL characters are dropped."""
    # PostgreSQL can't store U+0000, and no field of OCPP has a use for it.
    if "\\u0000" in text:
        text = _NUL.sub(r"\1", text)
    try:
        parts = orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise BadFrame(None, f"not JSON: {error}"[:MAX_DESCRIPTION]) from None
    if not isinstance(parts, list):
        raise BadFrame(None, "a frame is a JSON array")
    kind = parts[0] if parts else None
    message_id = _message_id(parts)
    if isinstance(kind, bool) or kind not in (CALL, CALL_RESULT, CALL_ERROR):
        raise BadFrame(message_id, "the message type is 2, 3 or 4", Code.MESSAGE_TYPE)
    if message_id is None:
        raise BadFrame(None, "the message id is a string")
    if kind == CALL:
        return _call(parts, message_id)
    if kind == CALL_RESULT:
        return _result(parts, message_id)
    return _error(parts, message_id)


def _message_id(parts: list[Any]) -> str | None:
    given = parts[1] if len(parts) > 1 else None
    if isinstance(given, str) and 0 < len(given) <= LONGEST_ID:
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    return None


def _call(parts: list[Any], message_id: str) -> Call:
    # A station that leaves the payload out means an empty one.
    if len(parts) not in (3, 4):
        raise BadFrame(message_id, "a call has four elements")
    action = parts[2]
    if not isinstance(action, str) or not action:
        raise BadFrame(message_id, "the action is a string")
    payload = parts[3] if len(parts) == 4 else None
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise BadFrame(message_id, "the payload is an object", Code.FORMAT)
    return Call(message_id, action, payload)


def _result(parts: list[Any], message_id: str) -> CallResult:
    payload = parts[2] if len(parts) > 2 else None
    if payload is None:
        payload = {}
    if not isinstance(payload, dict) or len(parts) > 3:
        raise BadFrame(message_id, "a call result has an id and an object", answerable=False)
    return CallResult(message_id, payload)


def _error(parts: list[Any], message_id: str) -> CallError:
    code = parts[2] if len(parts) > 2 and isinstance(parts[2], str) else Code.GENERIC.value
    description = parts[3] if len(parts) > 3 and isinstance(parts[3], str) else ""
    details = parts[4] if len(parts) > 4 and isinstance(parts[4], dict) else {}
    return CallError(message_id, code[:50], description[:MAX_DESCRIPTION], details)


def encode_call(message_id: str, action: str, payload: dict[str, Any]) -> str:
    """`[2, ...]` as text."""
    return orjson.dumps([CALL, message_id, action, payload]).decode()


def encode_result(message_id: str, payload: dict[str, Any]) -> str:
    """`[3, ...]` as text."""
    return orjson.dumps([CALL_RESULT, message_id, payload]).decode()


def encode_error(message_id: str, code: str, description: str, details: dict[str, Any]) -> str:
    """`[4, ...]` as text; the description cut to what OCPP-J allows. Details that aren't JSON are left out."""
    head = [CALL_ERROR, message_id, code, description[:MAX_DESCRIPTION]]
    try:
        return orjson.dumps([*head, details]).decode()
    except orjson.JSONEncodeError:
        return orjson.dumps([*head, {}]).decode()
