"""How lists show times and long texts."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

LONGEST = 60


def shown_time(at: datetime | None) -> SafeString | str:
    """With its seconds, in the page's zone, on one line."""
    if at is None:
        return "–"
    return format_html(
        '<span style="white-space:nowrap">{}</span>', timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")
    )


def short(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def shown_host(url: str) -> SafeString:
    """The host of an address; all of it where the pointer rests."""
    return format_html('<span title="{}">{}</span>', url, short(urlsplit(url).netloc or url))


def shown_changes(changes: dict[str, Any]) -> SafeString:
    """A line for each: `name: before → after`, or what else stands there."""
    rows = ((f"{name}: {_change(value)}",) for name, value in changes.items())
    lines = format_html_join("", "<div>{}</div>", rows)
    return (
        format_html('<div style="overflow-wrap:anywhere;min-width:180px">{}</div>', lines) if changes else SafeString()
    )


def _change(value: Any) -> str:
    if (
        isinstance(value, list)
        and len(value) == 2
        and not any(isinstance(part, str) and part[:2] in _ROWS for part in value)
    ):
        return f"{short(_text(value[0]))} → {short(_text(value[1]))}"
    return short(_text(value), 2 * LONGEST)


# Rows of inline tables: what was added, changed, deleted (tenants.admin.changes).
_ROWS = frozenset({"+ ", "~ ", "- "})


def _text(value: Any) -> str:
    if value in (None, ""):
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
