"""`manage.py event_types`: write docs/event_types.md, the list of all events with their fields, from the code."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from tenants.event_schemas import data_schema, first_sentence
from tenants.events import event_types

PAGE = Path("docs", "event_types.md")
HEAD = """# Types of events

Written by `manage.py event_types` from the code; a test fails where it is out of date. The JSON schema of each stands in
`GET /api/v1/events/types`. What carries them: `events.md`. Decimals are text, so that nobody rounds them.
"""


class Command(BaseCommand):
    """Run after an event has changed."""

    help = f"Write {PAGE}."

    def handle(self, *args: Any, **options: Any) -> None:
        (Path(settings.BASE_DIR) / PAGE).write_text(render())


def render() -> str:
    """The page."""
    parts = [HEAD]
    for name, event in sorted(event_types().items()):
        if name.startswith("test."):
            # Of the tests, where they are loaded.
            continue
        parts.append(f"## `{name}`\n")
        if description := first_sentence(event):
            parts.append(f"{description}\n")
        rows = [f"| `{field}` | {_words(schema)} |" for field, schema in data_schema(event)["properties"].items()]
        parts.append("\n".join(["| field | type |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _words(schema: dict[str, Any]) -> str:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    named = {"string": "time" if schema.get("format") == "date-time" else "decimal" if "pattern" in schema else "text"}
    words = " or ".join(named.get(kind) or str(kind) for kind in kinds)
    return f"{words} of {_words(schema['items'])}" if "items" in schema else words
