"""Pills of this app's words: colour and text."""

from django.utils.safestring import SafeString

from chargepoints.admin.pills import pill as plain_pill

# Our word -> one that has a colour.
COLOURS = {
    "sending": "queued",
    "installed": "accepted",
    "replaced": "cancelled",
    "cleared": "cancelled",
    "dropped": "timed_out",
    "equal": "accepted",
    "differs": "failed",
    "unsupported": "cancelled",
    "unknown": "cancelled",
    "confirmed": "accepted",
    "offline": "Offline",
}


def pill(word: str, text: str) -> SafeString:
    return plain_pill(COLOURS.get(word, word), text)
