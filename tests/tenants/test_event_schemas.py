"""Every event keeps to the schema that is published of it."""

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema_rs
import pytest

from csms.management.commands.event_types import PAGE, render
from tenants.delivery.feed import envelope
from tenants.event_schemas import schema_of
from tenants.events import Event, event_types
from tenants.models import OutboxEvent, User
from tests.api.conftest import client_of

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MADE: dict[Any, Any] = {str: "x", int: 1, float: 1.5, bool: True, Decimal: Decimal("1.50"), datetime: NOW}


def made(event: type[Event], *, empty: bool) -> Event:
    """One with a value in each field; `empty`: None where that is allowed."""
    values: dict[str, Any] = {}
    for field in fields(event):
        hint = get_type_hints(event)[field.name]
        text = str(hint)
        if empty and "None" in text:
            values[field.name] = None
        elif "list" in text:
            values[field.name] = ["x"]
        else:
            kind = next(kind for kind in (*MADE, dict) if kind is hint or kind.__name__ in text)
            values[field.name] = MADE.get(kind, {})
    return event(**values)


@pytest.mark.parametrize("empty", [False, True])
def test_every_event_keeps_to_its_schema(empty: bool) -> None:
    for name, event in event_types().items():
        if name.startswith("test."):
            continue
        one = made(event, empty=empty)
        row = OutboxEvent(event_type=name, at=NOW, charge_point="CP1", data=one.data())
        jsonschema_rs.validate(schema_of(event), envelope(row, "acme"))


def test_the_committed_page_of_events_is_up_to_date() -> None:
    assert (ROOT / PAGE).read_text() == render(), "run: manage.py event_types"


def test_the_types_are_served(alice: User, redis_clean: Any) -> None:
    api = client_of(alice)
    rows = api.get("/api/v1/events/types").json()["data"]
    names = {row["eventType"] for row in rows}
    assert {"session.started", "session.stopped", "connector.status", "alert.opened", "command.finished"} <= names
    assert all(row["schema"]["title"] == row["eventType"] for row in rows)
