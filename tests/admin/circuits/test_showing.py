"""What the pages of circuits show: load in words, the rounds that were drawn, the log of limits."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargepoints.models import ChargePoint
from smartcharging.models import Allotment
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.circuits.pages import page, session_of, text
from tests.admin.conftest import office
from tests.admin.smart_charging_data import (
    make_circuit,
    make_limit_sent,
    make_member,
    make_rounds,
)
from tests.api.conftest import make_station


def of_session(station: ChargePoint) -> dict[str, Any]:
    """The ledger's row is of the session that runs there."""
    return {"transaction_id": session_of(station).pk}


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connections["default"]) as caught:
        text(client.get(url))
    return len(caught)


def test_trees_stand_with_their_load_in_words(station: ChargePoint, tenant: Tenant, bob: User) -> None:
    root = make_circuit(tenant, base_load_a=Decimal(10))
    feeder = make_circuit(tenant, "Feeder", parent=root, kind="feeder", capacity=Decimal(32))
    make_member(feeder, station, 1, allotment={"worst_a": 20, "sent_a": 16, "default_a": 0, **of_session(station)})
    make_circuit(tenant, "Lamps", parent=root, unit="W", capacity=Decimal(7360), phases=1, enabled=False)
    shown = text(office(bob).get(page("smartcharging_circuit_changelist")))
    assert "0 A of 16 A allotted, 20 A at worst; others 10 A; carries 63 A" in shown
    assert "0 A of 16 A allotted, 20 A at worst; carries 32 A" in shown
    assert "0 kW of 0 kW allotted, 0 kW at worst; carries 7.36 kW" in shown
    assert "room left" in shown
    assert "switched off" in shown
    assert "New circuit" not in shown


def test_without_circuits_it_says_what_one_is(admin: Client) -> None:
    assert "A circuit is what a fuse carries" in text(admin.get(page("smartcharging_circuit_changelist")))
    assert "Nothing found" in text(admin.get(page("smartcharging_circuit_changelist") + "?q=none&p=x"))


def test_a_search_finds_the_tree_of_a_circuit_below(tenant: Tenant, admin: Client) -> None:
    make_circuit(tenant, "Feeder", parent=make_circuit(tenant), capacity=Decimal(32))
    make_circuit(tenant, "Other")
    shown = text(admin.get(page("circuits_live") + "?q=feed"))
    assert "Depot" in shown
    assert "Other" not in shown


def test_more_trees_and_connectors_take_no_more_queries(
    station: ChargePoint, tenant: Tenant, admin: Client, redis_clean: Any
) -> None:
    root = make_circuit(tenant)
    make_member(root, station, 1, allotment={"worst_a": 20})
    listed, one = page("smartcharging_circuit_changelist"), page("smartcharging_circuit_change", root.pk)
    queries(admin, listed)
    few = queries(admin, listed), queries(admin, one)
    for number in range(3):
        other = make_station(tenant, f"MORE-{number}")
        make_member(make_circuit(tenant, f"Tree {number}"), other, 1, allotment={"worst_a": 20})
        below = make_circuit(tenant, f"Below {number}", parent=root, capacity=Decimal(32))
        make_member(below, make_station(tenant, f"LESS-{number}"), 1, allotment={"worst_a": 20})
    assert (queries(admin, listed), queries(admin, one)) == few


def test_the_page_says_each_connectors_limit_and_why(station: ChargePoint, tenant: Tenant, bob: User) -> None:
    root = make_circuit(tenant)
    session = session_of(station)
    ledger = {"sent_a": 16, "confirmed_a": 16, "state": "confirmed", "transaction_id": session.pk}
    member = make_member(root, station, 1, allotment={"worst_a": 16, "reason": "equal_share", **ledger})
    make_limit_sent(member, timezone.now(), result="timed_out")
    make_rounds(root, timezone.now(), 3)
    client = office(bob)
    for url in (page("smartcharging_circuit_change", root.pk), page("circuit_live", root.pk)):
        shown = text(client.get(url))
        assert "CP1 / 1" in shown
        assert "<b>16 A</b>" in shown
        assert "Its equal share of what there is." in shown
        assert "Confirmed" in shown
        assert "No answer" in shown
        assert "Take off" not in shown


def test_who_is_charged_is_not_said_to_be_waiting(station: ChargePoint, tenant: Tenant, bob: User) -> None:
    """Since when it had waited is kept through its turn."""
    root, now = make_circuit(tenant), timezone.now()
    member = make_member(root, station, 1, allotment={"worst_a": 16, "waiting_since": now, **of_session(station)})
    url, client = page("smartcharging_circuit_change", root.pk), office(bob)
    assert "Waiting since" in text(client.get(url))
    with tenant_transaction(tenant.pk):
        Allotment.objects.filter(member=member).update(served_since=now)
    assert "Waiting since" not in text(client.get(url))


def test_rounds_are_drawn_for_each_phase(tenant: Tenant, bob: User) -> None:
    root = make_circuit(tenant)
    make_rounds(root, timezone.now(), 30)
    data = office(bob).get(page("circuit_chart", root.pk) + "?hours=1").json()
    assert set(data["charts"]) == {"load-L1", "load-L2", "load-L3"}
    labels = [line["label"] for line in data["charts"]["load-L1"]["lines"]]
    assert labels == ["Measured", "Allotted", "At worst", "For charging"]
    # Thinned out over a month, and still the highest.
    month = office(bob).get(page("circuit_chart", root.pk) + "?hours=720").json()
    highest = max(point[1] for point in month["charts"]["load-L1"]["lines"][1]["points"])
    assert highest == pytest.approx(30.3)
    assert len(month["charts"]["load-L1"]["lines"][1]["points"]) <= 3
    assert office(bob).get(page("circuit_chart", root.pk) + "?hours=-1").status_code == 400


def test_the_log_is_filtered_and_exported(station: ChargePoint, tenant: Tenant, bob: User) -> None:
    root, other = make_circuit(tenant), make_circuit(tenant, "Other")
    feeder = make_circuit(tenant, "Feeder", parent=root, capacity=Decimal(32))
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    make_limit_sent(make_member(feeder, station), at, limit_a=Decimal("12.5"))
    make_limit_sent(make_member(other, station, 2), at, result="rejected", limit_a=Decimal(7))
    client = office(bob)
    listed = page("smartcharging_limitsent_changelist")
    shown = text(client.get(f"{listed}?circuit={root.pk}"))
    assert "12.5 A" in shown
    assert "Session started" in shown
    assert "7 A" not in shown
    answer = client.post(page("smartcharging_limitsent_export_csv") + "?result=rejected")
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert "2026-11-20T12:00:00" in lines[1] or "2026-11-20 12:00:00" in lines[1]
    assert "equal_share" in lines[1]


def test_a_fallback_that_starts_no_car_is_told_on_the_page(station: ChargePoint, tenant: Tenant, admin: Client) -> None:
    root = make_circuit(tenant, fallback_a=Decimal(4))
    feeder = make_circuit(tenant, "Feeder", capacity=root.capacity + 1, parent=root)
    make_member(feeder, station, fallback_a=Decimal(5))
    shown = text(admin.get(page("smartcharging_circuit_change", root.pk)))
    assert "The fallback of 4 A is below the lowest charging current of 6 A" in shown
    # On the feeder's page only what is below it.
    shown = text(admin.get(page("smartcharging_circuit_change", feeder.pk)))
    assert "CP1 / 1: the fallback of 5 A" in shown
    assert "Carries more than" in shown
    assert "The fallback of 4 A" not in shown
