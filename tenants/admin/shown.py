"""How lists show times and long texts."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tenants.admin.trail_values import value_words
from tenants.stored_words import shown

LONGEST = 60


class ShownDetail:
    """For an admin whose rows have a `detail` that is stored in English: `detail_shown` is it in the reader's language."""

    @admin.display(description=_("Detail"), ordering="detail")
    def detail_shown(self, row: Any) -> str:
        return shown(row.detail)


def shown_time(at: datetime | None) -> SafeString | str:
    """With its seconds, in the page's zone, on one line."""
    if at is None:
        return "–"
    return format_html(
        '<span style="white-space:nowrap">{}</span>', timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")
    )


def shown_pill(kind: str, text: Any) -> SafeString:
    """A word on a coloured ground: ok, busy, info, warn, bad or off (csms/office.css)."""
    return format_html('<span class="pill pill-{}">{}</span>', kind, text)


def short(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def shown_host(url: str) -> SafeString:
    """The host of an address; all of it where the pointer rests."""
    return format_html('<span title="{}">{}</span>', url, short(urlsplit(url).netloc or url))


def shown_changes(changes: dict[str, Any], object_type: str = "") -> SafeString:
    """A row for each: the field, before → after; or what else stands there. Fields by their names in forms."""
    from tenants.admin.trail_words import field_named, field_word

    if not changes:
        return SafeString()
    rows = (
        (field_word(object_type, name) if object_type else name, _change(value, field_named(object_type, name)))
        for name, value in changes.items()
    )
    lines = format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", rows)
    return format_html('<dl class="office-changes">{}</dl>', lines)


def _change(value: Any, field: Any) -> SafeString | str:
    if not is_before_and_after(value):
        return short(value_words(value, field), 2 * LONGEST)
    before, after = (short(value_words(part, field)) for part in value)
    return format_html('<del>{}</del><span aria-hidden="true"> → </span><ins>{}</ins>', before, after)


def is_before_and_after(value: Any) -> bool:
    """`[before, after]`, and not two rows of an inline table."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and not any(isinstance(part, str) and part[:2] in _ROWS for part in value)
    )


# Rows of inline tables: what was added, changed, deleted (tenants.admin.changes).
_ROWS = frozenset({"+ ", "~ ", "- "})
