"""Back office pages of this app."""

from smartcharging.admin import (
    charging_profiles,
    circuits,
    clear_profiles,
    connector_limits,
    export_columns,
    limit_lines,
    limit_log,
    many_stations,
    prices,
    profile_editor,
    profile_templates,
    session_limits,
    session_moments,
    tag_needs,
)

__all__ = [
    "charging_profiles",
    "circuits",
    "clear_profiles",
    "connector_limits",
    "export_columns",
    "limit_lines",
    "limit_log",
    "many_stations",
    "prices",
    "profile_editor",
    "profile_templates",
    "session_limits",
    "session_moments",
    "tag_needs",
]
