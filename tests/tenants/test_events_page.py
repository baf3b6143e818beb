"""The browser of events in the back office."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant, User
from tests.admin.conftest import office

LIST = "admin:tenants_outboxevent_changelist"


@pytest.fixture
def events(tenant: Tenant) -> list[OutboxEvent]:
    now = timezone.now()
    with tenant_transaction(tenant.pk):
        rows = [
            OutboxEvent.objects.create(
                tenant=tenant, event_type=kind, charge_point=station, at=now, data={"sessionId": 7, "mark": mark}
            )
            for kind, station, mark in (
                ("session.started", "CP1", "alpha"),
                ("session.stopped", "CP1", "beta"),
                ("connector.status", "CP2", "gamma"),
            )
        ]
    return rows


@pytest.fixture
def client(alice: User) -> Client:
    return office(alice)


def marks(client: Client, query: str) -> set[str]:
    page = client.get(reverse(LIST) + query)
    assert page.status_code == 200
    return {mark for mark in ("alpha", "beta", "gamma") if mark in page.content.decode()}


def test_events_are_found_by_type_charge_point_time_and_id(client: Client, events: list[OutboxEvent]) -> None:
    assert marks(client, "") == {"alpha", "beta", "gamma"}
    assert marks(client, "?type=session.started") == {"alpha"}
    assert marks(client, "?type=session.") == {"alpha", "beta"}
    assert marks(client, "?station=CP2") == {"gamma"}
    assert marks(client, "?type=session.&station=CP2") == set()
    assert marks(client, f"?q={events[1].event_id}") == {"beta"}
    assert marks(client, "?q=nothing") == set()
    tomorrow = (timezone.now() + timedelta(days=1)).date().isoformat()
    assert marks(client, f"?created_at_from_0={tomorrow}&created_at_from_1=00:00") == set()
    assert marks(client, f"?created_at_to_0={tomorrow}") == {"alpha", "beta", "gamma"}
    for wrong in (
        "?type=of.no.kind",
        "?created_at_from_0=soon",
        "?created_at_from_0=2026-11-01&created_at_from_1=25:99",
    ):
        assert marks(client, wrong) == set()


def test_an_event_shows_what_receivers_get(client: Client, events: list[OutboxEvent]) -> None:
    page = client.get(reverse("admin:tenants_outboxevent_change", args=[events[0].pk])).content.decode()
    assert str(events[0].event_id) in page
    assert "&quot;tenant_id&quot;: &quot;acme&quot;" in page
    assert "&quot;session_id&quot;: 7" in page


def test_a_list_of_events_looks_at_no_more_rows_than_it_shows(client: Client, events: list[OutboxEvent]) -> None:
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connections["default"]) as captured:
        client.get(reverse(LIST))
    assert not [one["sql"] for one in captured if "DISTINCT" in one["sql"] and "outbox" in one["sql"]]
