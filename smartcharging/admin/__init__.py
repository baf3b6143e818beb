"""Back office pages of this app."""

from smartcharging.admin import (
    charging_profiles,
    circuits,
    clear_profiles,
    limit_lines,
    limit_log,
    prices,
    profile_editor,
    profile_templates,
    session_limits,
    tag_needs,
)

__all__ = [
    "charging_profiles",
    "circuits",
    "clear_profiles",
    "limit_lines",
    "limit_log",
    "prices",
    "profile_editor",
    "profile_templates",
    "session_limits",
    "tag_needs",
]
