"""Back office pages of this app."""

from metering.admin import (
    alerts,
    export_columns,
    limits,
    readings,
    readings_lists,
    records,
    session_analytics,
    session_cost,
    session_moments,
    session_sections,
    station_alerts,
    tariffs,
    thresholds,
)

__all__ = [
    "alerts",
    "export_columns",
    "limits",
    "readings",
    "readings_lists",
    "records",
    "session_analytics",
    "session_cost",
    "session_moments",
    "session_sections",
    "station_alerts",
    "tariffs",
    "thresholds",
]
