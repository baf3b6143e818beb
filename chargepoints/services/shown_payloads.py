"""Payloads for people: addresses that stations fetch from and send to, without the passwords and tokens in them.

The row keeps the whole address, for the station has to get it.
"""

import re
from typing import Any

from chargepoints.files.addresses import HIDDEN, PREFIX, shown_location

_LOCATIONS = {"location", "remoteLocation"}
_OWN_TOKEN = re.compile(rf"(/{PREFIX}/)[^/?#]+")
# Not the places of meter values, which nearly every frame names.
_IN_FRAME = re.compile(
    r'("(?:location|remoteLocation)"\s*:\s*")(?!(?:Outlet|Inlet|Body|Cable|EV)")((?:[^"\\]|\\.)*)(")'
)


def shown_payload(value: Any) -> Any:
    """A copy in which no address gives anything away."""
    if isinstance(value, dict):
        return {
            name: _shown(inner) if name in _LOCATIONS and isinstance(inner, str) else shown_payload(inner)
            for name, inner in value.items()
        }
    return [shown_payload(inner) for inner in value] if isinstance(value, list) else value


def shown_frame(text: str) -> str:
    """The same for a frame as it is sent."""
    if "ocation" not in text:
        return text
    return _IN_FRAME.sub(lambda found: found[1] + _shown(found[2]) + found[3], text)


def _shown(location: str) -> str:
    try:
        return _OWN_TOKEN.sub(rf"\1{HIDDEN}", shown_location(location))
    except ValueError:
        # Not an address at all; what it is instead is nobody's business either.
        return HIDDEN
