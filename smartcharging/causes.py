"""What may set off a round. Callers are held to it by mypy; `reason_words` says each to people."""

from typing import Literal

Cause = Literal[
    "minute",
    "session_start",
    "session_end",
    "connector_status",
    "online",
    "offline",
    "boot",
    "power",
    "limit_settled",
    "retry",
    "grid_signal",
    "site_meter",
    "charging_need",
    "prices",
    "circuit_changed",
    "member_added",
    "member_changed",
    "member_removed",
]
