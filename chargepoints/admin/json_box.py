"""JSON for people: indented, folded away when it is long, with a button that copies it (csms/station.js)."""

import json
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

# Longer ones are folded.
LINES = 30


def pretty(value: Any) -> SafeString:
    """Safe HTML."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    box = format_html(
        '<div class="json-box"><button type="button" class="json-copy" data-copy data-copied="{}">{}</button>'
        '<pre class="json" tabindex="0">{}</pre></div>',
        _("Copied"),
        _("Copy"),
        text,
    )
    count = text.count("\n") + 1
    if count <= LINES:
        return box
    return format_html("<details><summary>{}</summary>{}</details>", _("%(count)d lines") % {"count": count}, box)
