"""Periodic tasks of sessions: limits, sessions that went silent, analytics."""

from typing import Any

from django.utils import timezone

from metering.sessions import closing, enforcement, kept
from tenants.periodic import periodic_task


@periodic_task(expires=9)
def enforce_session_limits() -> int:
    """Ask stations to stop sessions that have come to a limit."""
    return enforcement.enforce_limits(timezone.now())


@periodic_task(expires=500)
def close_silent_sessions() -> int:
    """Close sessions that nothing has been heard of for too long."""
    return closing.close_silent_sessions(timezone.now())


@periodic_task(expires=280)
def keep_analytics() -> int:
    """Work out the analytics of sessions that ended, before their readings go."""
    return kept.keep_due_analytics(timezone.now())


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "enforce-session-limits": {
        "task": "metering.sessions.tasks.enforce_session_limits",
        "schedule": float(enforcement.RUN_SECONDS),
    },
    "keep-session-analytics": {"task": "metering.sessions.tasks.keep_analytics", "schedule": 300.0},
    "close-silent-sessions": {"task": "metering.sessions.tasks.close_silent_sessions", "schedule": 600.0},
}
