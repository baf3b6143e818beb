"""OCPP frames for people: indented without being read into numbers and back, and in a line.

Pure. What went over the wire is shown to the letter: no number is rounded, and what is no JSON is shown all the same.
"""

import re
from typing import Any

import orjson

_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(rf'{_STRING}|[{{}}\[\],:]|[^\s{{}}\[\],:"]+|"')
# What comes before the payload of a call and of a result; an error is shown whole.
_HEAD = re.compile(rf"\s*\[\s*(?:2\s*,\s*{_STRING}\s*,\s*{_STRING}|3\s*,\s*{_STRING})\s*,\s*(.*)\]\s*", re.DOTALL)
# Beyond that a frame is shown as it came: indenting it would hold up the page.
LONGEST = 20_000
DEEPEST = 40
GIST = 110
CLOSING = {"{": "}", "[": "]"}


def payload_text(frame: str) -> str:
    """The payload of a frame, still as text; all of what is no call and no result."""
    found = _HEAD.fullmatch(frame) if len(frame) <= LONGEST else None
    return found[1] if found else frame


def indented(text: str) -> str:
    """JSON text (or what is left of it) with a line for each member, two blanks deeper for each level."""
    if len(text) > LONGEST:
        return text
    signs = _TOKEN.findall(text)
    lines, depth, after_opening = [""], 0, ""
    for sign in signs:
        if sign in "}]":
            depth = max(0, depth - 1)
            if CLOSING.get(after_opening) != sign:
                lines.append("  " * min(depth, DEEPEST))
        elif after_opening:
            lines.append("  " * min(depth, DEEPEST))
        after_opening = ""
        if sign in "{[":
            depth, after_opening = depth + 1, sign
        lines[-1] += ": " if sign == ":" else sign
        if sign == ",":
            lines.append("  " * min(depth, DEEPEST))
    return "\n".join(lines)


def gist(frame: str) -> str:
    """`connectorId 1 · status Available`: the plain members of the payload, and readings; empty where there are none."""
    if len(frame) > LONGEST:
        return ""
    try:
        payload: Any = orjson.loads(payload_text(frame))
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(payload, dict):
        return ""
    plain = [f"{name} {_plain(value)}" for name, value in payload.items() if _is_plain(name, value)]
    text = " · ".join([*plain, *_readings(payload.get("meterValue"))])
    return text if len(text) <= GIST else text[: GIST - 1] + "…"


def _is_plain(name: str, value: Any) -> bool:
    """The station's time stands beside ours when the row is unfolded."""
    return not isinstance(value, dict | list) and name != "timestamp"


def _plain(value: Any) -> str:
    return {True: "true", False: "false", None: "null"}[value] if isinstance(value, bool | None) else str(value)


def _readings(meter_values: Any) -> list[str]:
    """`10846 W` of each reading of the last time (OCPP 1.6 §7.33)."""
    try:
        readings = meter_values[-1]["sampledValue"]
        return [f"{one['value']} {one.get('unit', '')}".strip() for one in readings]
    except (TypeError, LookupError, AttributeError):
        return []
