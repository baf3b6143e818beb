"""Stopping a session from its page, and finding sessions in the list."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    Command,
    Site,
    Transaction,
)
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.admin.session.cast import NOON, page_of, shown, stopped
from tests.api.conftest import bring_online, make_session, make_station


def test_an_operator_stops_it_and_reads_the_answer_on_the_same_page(running: Transaction, alice: User) -> None:
    bring_online(running.charge_point)
    client = office(alice)
    page = client.get(page_of(running)).content.decode()
    assert f'action="{page_of(running, "transaction_stop")}"' in page
    answer = client.post(page_of(running, "transaction_stop"))
    assert (answer.status_code, answer["Location"]) == (302, page_of(running))
    figures = client.get(page_of(running, "transaction_figures")).content.decode()
    assert "Stop asked for by alice" in figures
    assert "Waiting for the station" in figures
    with tenant_transaction(running.tenant_id):
        Command.objects.update(state="rejected", finished_at=timezone.now())
    assert "The station refused" in client.get(page_of(running, "transaction_figures")).content.decode()


def test_a_session_of_an_offline_station_says_so_and_nothing_is_sent(running: Transaction, alice: User) -> None:
    client = office(alice)
    assert "The station is offline" in client.get(page_of(running)).content.decode()
    answer = client.post(page_of(running, "transaction_stop"), follow=True)
    assert "nothing was sent" in answer.content.decode()


def test_a_session_that_has_ended_cannot_be_stopped(station: ChargePoint, alice: User) -> None:
    session = stopped(station)
    bring_online(station)
    client = office(alice)
    assert "Stop charging" not in client.get(page_of(session)).content.decode()
    assert "has ended already" in client.post(page_of(session, "transaction_stop"), follow=True).content.decode()
    with tenant_transaction(session.tenant_id):
        assert not Command.objects.exists()


def test_viewers_are_offered_no_stop(running: Transaction, bob: User) -> None:
    assert "Stop charging" not in shown(bob, running)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=active", {"2"}),
        ("state=stopped", {"1", "3"}),
        ("station=cp1", {"1", "2"}),
        ("tag=other", {"3"}),
        ("site=epo", {"3"}),
        ("reason=PowerLoss", {"3"}),
        ("verdict=refused", {"2"}),
        ("started_at_from_0=2026-11-01&started_at_to_0=2026-11-01", {"1"}),
        ("station=nowhere", set()),
    ],
)
def test_sessions_are_found_by_state_station_site_tag_time_and_reason(
    tenant: Tenant, bob: User, query: str, found: set[str]
) -> None:
    first, second = make_station(tenant), make_station(tenant, "CP2")
    with tenant_transaction(tenant.pk):
        site = Site.objects.create(tenant=tenant, name="Depot")
        ChargePoint.objects.filter(pk=second.pk).update(site=site)
    later = NOON + timedelta(days=3)
    stopped(first)
    make_session(first, "2", started_at=later, start_received_at=later, verdict="Invalid")
    stopped(second, "3", started_at=later, start_received_at=later, id_tag="OTHER", stop_reason="PowerLoss")
    answer = office(bob).get(reverse("admin:chargepoints_transaction_changelist") + f"?{query}")
    assert {row.protocol_id for row in answer.context["cl"].result_list} == found
