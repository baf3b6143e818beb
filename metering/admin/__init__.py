"""Back office pages of this app."""

from metering.admin import (
    alerts,
    limits,
    readings,
    readings_lists,
    records,
    session_analytics,
    session_sections,
    tariffs,
    thresholds,
)

__all__ = [
    "alerts",
    "limits",
    "readings",
    "readings_lists",
    "records",
    "session_analytics",
    "session_sections",
    "tariffs",
    "thresholds",
]
