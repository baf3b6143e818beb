"""Status pills: colour and text, never colour alone."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

COLOURS = {
    **dict.fromkeys(
        (
            "Available",
            "Online",
            "Accepted",
            "stopped",
            "accepted",
            "resolved",
            "finished",
            "fulfilled",
            "installed",
            "received",
            "elsewhere",
        ),
        "ok",
    ),
    **dict.fromkeys(("Preparing", "Finishing", "Reserved", "queued", "sent", "waiting", "requested", "info"), "info"),
    **dict.fromkeys(("Charging", "active", "running", "uploading"), "busy"),
    **dict.fromkeys(
        (
            "SuspendedEVSE",
            "SuspendedEV",
            "Pending",
            "inferred",
            "timed_out",
            "acknowledged",
            "paused",
            "unfulfilled",
            "warning",
        ),
        "warn",
    ),
    **dict.fromkeys(("Faulted", "Rejected", "Blocked", "rejected", "failed", "open", "critical"), "bad"),
    **dict.fromkeys(("Unavailable", "Offline", "cancelled", "skipped"), "off"),
}


def pill(state: str, text: str | None = None) -> SafeString:
    """`<span class="pill pill-ok">Available</span>`."""
    return format_html('<span class="pill pill-{}">{}</span>', COLOURS.get(state, "off"), text or state or "?")


def pills(states: list[tuple[str, str]]) -> SafeString:
    """Several (state, text), in a row."""
    return format_html_join(" ", "{}", ((pill(state, text),) for state, text in states))
