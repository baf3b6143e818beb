"""Status pills: colour and text, never colour alone."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

COLOURS = {
    "Available": "ok",
    "Preparing": "info",
    "Charging": "busy",
    "SuspendedEVSE": "warn",
    "SuspendedEV": "warn",
    "Finishing": "info",
    "Reserved": "info",
    "Unavailable": "off",
    "Faulted": "bad",
    "Offline": "off",
    "Online": "ok",
    "Accepted": "ok",
    "Pending": "warn",
    "Rejected": "bad",
    "Blocked": "bad",
    "active": "busy",
    "stopped": "ok",
    "inferred": "warn",
    "queued": "info",
    "sent": "info",
    "accepted": "ok",
    "rejected": "bad",
    "failed": "bad",
    "timed_out": "warn",
    "cancelled": "off",
    "open": "bad",
    "acknowledged": "warn",
    "resolved": "ok",
    "waiting": "info",
    "running": "busy",
    "paused": "warn",
    "finished": "ok",
    "skipped": "off",
    "fulfilled": "ok",
    "unfulfilled": "warn",
    "installed": "ok",
    "requested": "info",
    "uploading": "busy",
    "received": "ok",
    "elsewhere": "ok",
    "info": "info",
    "warning": "warn",
    "critical": "bad",
}


def pill(state: str, text: str | None = None) -> SafeString:
    """`<span class="pill pill-ok">Available</span>`."""
    return format_html('<span class="pill pill-{}">{}</span>', COLOURS.get(state, "off"), text or state or "?")


def pills(states: list[tuple[str, str]]) -> SafeString:
    """Several (state, text), in a row."""
    return format_html_join(" ", "{}", ((pill(state, text),) for state, text in states))
