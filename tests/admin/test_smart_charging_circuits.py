"""Circuits, signals, prices, needs, and the log of limits in the back office."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import current_app
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import ChargePoint, IdTag, Transaction
from smartcharging.models import Circuit, CircuitLimit, CircuitMember, EnergyPrice, IdTagNeed, SessionNeed
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Role, Tenant, User
from tests.admin.conftest import office
from tests.admin.smart_charging_data import (
    make_circuit,
    make_connectors,
    make_limit_sent,
    make_member,
    make_rounds,
)
from tests.api.conftest import make_session, make_station
from tests.api.test_commands import bring_online
from tests.conftest import make_user

CIRCUIT = {
    "name": "Depot",
    "kind": "connection",
    "site": "",
    "parent": "",
    "enabled": "on",
    "unit": "A",
    "capacity": "63",
    "phases": "3",
    "voltage": "230",
    "base_load_a": "0",
    "meter_counts_chargers": "on",
    "meter_silent_s": "120",
    "strategy": "equal",
    "price_zone": "",
    "solar_import_a": "0",
    "lend": "on",
    "rotation_s": "900",
    "minimum_a": "6",
    "fallback_a": "0",
    "raise_step_a": "",
    "hysteresis_a": "1",
    "hold_s": "30",
    "tolerance_percent": "10",
    "tolerance_s": "60",
}
MEMBER = {"wiring": "RST", "max_a": "32", "minimum_a": "", "fallback_a": "", "priority": "0"}


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *args, **options: None)


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    made = make_station(tenant)
    make_session(made)
    make_connectors(made, 2)
    bring_online(made)
    return made


@pytest.fixture
def operator(tenant: Tenant) -> Client:
    return office(make_user("oscar", tenant, Role.OPERATOR))


@pytest.fixture
def admin(alice: User) -> Client:
    return office(alice)


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:{name}", args=arguments)


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def session_of(station: ChargePoint) -> Transaction:
    with tenant_transaction(station.tenant_id):
        return Transaction.objects.get(charge_point=station)


def of_session(station: ChargePoint) -> dict[str, Any]:
    """The ledger's row is of the session that runs there."""
    return {"transaction_id": session_of(station).pk}


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connections["default"]) as caught:
        text(client.get(url))
    return len(caught)


# --- the list ---


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


# --- the page ---


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


# --- changing ---


def test_a_circuit_is_made_changed_and_deleted(tenant: Tenant, admin: Client) -> None:
    assert admin.post(page("smartcharging_circuit_add"), CIRCUIT).status_code == 302
    with tenant_transaction(tenant.pk):
        made = Circuit.objects.get()
    change = page("circuit_edit", made.pk)
    assert admin.post(change, {**CIRCUIT, "capacity": "40", "strategy": "priority"}).status_code == 302
    with tenant_transaction(tenant.pk):
        made.refresh_from_db()
        entry = AuditEntry.objects.get(action="change", object_type="circuit")
    assert (made.capacity, made.strategy) == (Decimal(40), "priority")
    assert entry.changes["strategy"] == ["equal", "priority"]
    gone = page("smartcharging_circuit_delete", made.pk)
    assert "No connector hangs on it" in text(admin.get(gone))
    admin.post(gone)
    with tenant_transaction(tenant.pk):
        assert not Circuit.objects.exists()


def test_a_circuit_below_has_no_settings_of_its_own(tenant: Tenant, admin: Client) -> None:
    root = make_circuit(tenant, strategy="first_come")
    form = text(admin.get(page("smartcharging_circuit_add") + f"?parent={root.pk}"))
    assert "Strategy" not in form
    given = {**CIRCUIT, "name": "Feeder", "parent": root.pk, "capacity": "32"}
    assert admin.post(page("smartcharging_circuit_add"), given).status_code == 302
    with tenant_transaction(tenant.pk):
        assert Circuit.objects.get(name="Feeder").parent_id == root.pk


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"capacity": "-1"}, "greater than or equal to 0"),
        ({"name": "Taken"}, "exists already"),
        ({"strategy": "solar"}, "meter_needed"),
        ({"capacity": ""}, "This field is required"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    tenant: Tenant, admin: Client, change: dict[str, str], said: str
) -> None:
    make_circuit(tenant, "Taken")
    assert said in text(admin.post(page("smartcharging_circuit_add"), {**CIRCUIT, **change}))
    with tenant_transaction(tenant.pk):
        assert Circuit.objects.count() == 1


def test_connectors_are_found_and_added_all_or_none(station: ChargePoint, tenant: Tenant, admin: Client) -> None:
    root = make_circuit(tenant)
    url = page("circuit_members_add", root.pk)
    assert "CP1 / 2" in text(admin.get(f"{url}?q=cp1"))
    assert "No connector found" in text(admin.get(f"{url}?q=nowhere"))
    assert "Tick at least one" in text(admin.post(url, MEMBER))
    taken = make_member(make_circuit(tenant, "Other"), station, 2)
    both = [f"{station.pk}-1", f"{station.pk}-2"]
    assert "connector_taken" in text(admin.post(url, {**MEMBER, "connector": both}))
    with tenant_transaction(tenant.pk):
        assert CircuitMember.objects.count() == 1
        taken.delete()
    assert admin.post(url, {**MEMBER, "connector": both}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert CircuitMember.objects.filter(circuit=root).count() == 2
    assert admin.post(url, {**MEMBER, "connector": "x-1"}).status_code == 404


def test_a_member_is_changed_refused_and_taken_off(station: ChargePoint, tenant: Tenant, admin: Client) -> None:
    root = make_circuit(tenant)
    member = make_member(root, station)
    url = page("circuit_member", root.pk, member.pk)
    refused = text(admin.post(url, {**MEMBER, "circuit": root.pk, "minimum_a": "40"}))
    assert "minimum_above_maximum" in refused
    assert admin.post(url, {**MEMBER, "circuit": root.pk, "wiring": "STR", "priority": "5"}).status_code == 302
    with tenant_transaction(tenant.pk):
        member.refresh_from_db()
    assert (member.wiring, member.priority) == ("STR", 5)
    gone = page("circuit_member_remove", root.pk, member.pk)
    assert "hangs on another fuse" in text(admin.get(gone))
    admin.post(gone)
    with tenant_transaction(tenant.pk):
        assert not CircuitMember.objects.exists()


# --- signals ---


def test_a_grid_signal_is_set_in_local_time_and_cancelled(tenant: Tenant, operator: Client) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(timezone="Europe/Berlin")
    root = make_circuit(tenant)
    url = page("circuit_limit", root.pk)
    end = (timezone.now() + timedelta(hours=5)).replace(second=0, microsecond=0)
    local = timezone.localtime(end, ZoneInfo("Europe/Berlin"))
    given = {"limit": "20", "unit": "A", "start_at": "", "end_at": f"{local:%Y-%m-%dT%H:%M}", "reason": "Grid"}
    assert operator.post(url, given).status_code == 302
    with tenant_transaction(tenant.pk):
        row = CircuitLimit.objects.get()
    assert (row.limit_a, row.end_at, row.requested_by) == (Decimal(20), end, "oscar")
    assert "at most 20 A on each phase" in text(operator.get(page("smartcharging_circuit_change", root.pk)))
    gone = page("circuit_limit_cancel", root.pk, row.pk)
    assert "holds no longer" in text(operator.get(gone))
    operator.post(gone)
    with tenant_transaction(tenant.pk):
        assert CircuitLimit.objects.get().cancelled_by == "oscar"
    assert "It is over already." in text(operator.post(gone, follow=True))


def test_a_signal_that_cannot_be_is_refused_at_its_field(tenant: Tenant, operator: Client) -> None:
    url = page("circuit_limit", make_circuit(tenant).pk)
    given = {"limit": "20", "unit": "W", "start_at": "", "end_at": "2020-01-01T00:00"}
    assert "ends_before_start" in text(operator.post(url, given))
    assert "This field is required" in text(operator.post(url, {**given, "end_at": ""}))
    with tenant_transaction(tenant.pk):
        assert not CircuitLimit.objects.exists()


# --- the log ---


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


# --- sessions and tags ---


def test_a_sessions_limit_and_need_stand_on_its_page(station: ChargePoint, tenant: Tenant, operator: Client) -> None:
    session = session_of(station)
    shown_at, url = page("chargepoints_transaction_change", session.pk), page("transaction_need", session.pk)
    assert "Nobody has said when the car leaves" in text(operator.get(shown_at))
    ledger = {"sent_a": 16, "state": "confirmed", "reason": "deadline", "transaction_id": session.pk}
    make_member(make_circuit(tenant), station, allotment={"worst_a": 16, **ledger})
    at = timezone.now() + timedelta(hours=6)
    given = {"departure_at": f"{at:%Y-%m-%dT%H:%M}", "energy_kwh": "22.5", "priority": "", "max_a": "16"}
    assert operator.post(url, given).status_code == 302
    with tenant_transaction(tenant.pk):
        need = SessionNeed.objects.get()
    assert (need.energy_wh, need.max_a, need.requested_by) == (22_500, Decimal(16), "oscar")
    shown = text(operator.get(shown_at))
    assert "of 22.5 kWh" in shown
    assert "To have its energy by its departure." in shown
    assert "departure_passed" in text(operator.post(url, {**given, "departure_at": "2020-01-01T00:00"}))
    assert operator.post(url, {"clear": "1"}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert not SessionNeed.objects.exists()


def test_a_tags_need_is_kept_by_the_service(tenant: Tenant, operator: Client) -> None:
    with tenant_transaction(tenant.pk):
        tag = IdTag.objects.create(tenant=tenant, token="Card", token_key="card")
    given = {"id_tag": tag.pk, "departure_time": "07:30", "energy_wh": "20000", "priority": "10", "max_a": ""}
    assert operator.post(page("smartcharging_idtagneed_add"), given).status_code == 302
    with tenant_transaction(tenant.pk):
        need = IdTagNeed.objects.get()
        assert AuditEntry.objects.get().action == "charging need"
    assert (need.priority, need.energy_wh) == (10, 20_000)
    change = page("smartcharging_idtagneed_change", need.pk)
    assert operator.post(change, {**given, "priority": "101"}).status_code == 200
    assert operator.post(change, {**given, "priority": "-3"}).status_code == 302
    assert "20 kWh" in text(operator.get(page("smartcharging_idtagneed_changelist")))


# --- prices ---


def price_file(*lines: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("prices.csv", "\n".join(["startTime,endTime,price", *lines]).encode())


def test_prices_are_uploaded_and_drawn(tenant: Tenant, operator: Client) -> None:
    assert "No prices for today" in text(operator.get(page("smartcharging_energyprice_changelist")))
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    spans = [(hour + timedelta(hours=n), hour + timedelta(hours=n + 1)) for n in range(2)]
    lines = [f"{start.isoformat()},{end.isoformat()},{91.4 - n}" for n, (start, end) in enumerate(spans)]
    given = {"file": price_file(*lines), "zone": "DE-LU", "currency": "EUR", "per": "MWh"}
    assert operator.post(page("energy_prices_upload"), given).status_code == 302
    with tenant_transaction(tenant.pk):
        assert [row.price for row in EnergyPrice.objects.order_by("start_at")] == [Decimal("0.0914"), Decimal("0.0904")]
    shown = text(operator.get(page("smartcharging_energyprice_changelist")))
    assert "0.0914 EUR" in shown
    assert "DE-LU" in shown


def test_a_faulty_file_is_refused_by_line(tenant: Tenant, operator: Client) -> None:
    at = "2026-11-21T00:00:00Z,2026-11-21T01:00:00Z"
    given = {"file": price_file(f"{at},0.1", f"{at},x"), "zone": "", "currency": "EUR", "per": "kWh"}
    shown = text(operator.post(page("energy_prices_upload"), given))
    assert "1 fault: nothing was stored" in shown
    assert '<td class="num">3</td>' in shown
    overlapping = price_file(f"{at},0.1", "2026-11-21T00:30:00Z,2026-11-21T01:30:00Z,0.2")
    shown = text(operator.post(page("energy_prices_upload"), {**given, "file": overlapping}))
    assert "nothing was stored" in shown
    with tenant_transaction(tenant.pk):
        assert not EnergyPrice.objects.exists()


# --- who may ---


def test_roles_as_in_the_api(station: ChargePoint, tenant: Tenant, operator: Client, bob: User) -> None:
    root = make_circuit(tenant)
    member = make_member(root, station)
    viewer = office(bob)
    for name, *arguments in (
        ("circuit_edit", root.pk),
        ("circuit_members_add", root.pk),
        ("circuit_member", root.pk, member.pk),
        ("circuit_member_remove", root.pk, member.pk),
    ):
        for client in (viewer, operator):
            assert client.post(page(name, *arguments), {}).status_code == 404, name
    assert viewer.post(page("circuit_limit", root.pk), {}).status_code == 404
    assert viewer.post(page("transaction_need", session_of(station).pk), {}).status_code == 404
    assert viewer.get(page("energy_prices_upload")).status_code == 403
    assert operator.get(page("circuit_limit", root.pk)).status_code == 200


def test_another_tenants_circuits_do_not_exist(station: ChargePoint, tenant: Tenant, charlie: User) -> None:
    root = make_circuit(tenant, "Transformer")
    member = make_member(root, station)
    client = office(charlie)
    for name, *arguments in (
        ("circuit_live", root.pk),
        ("circuit_chart", root.pk),
        ("circuit_edit", root.pk),
        ("circuit_limit", root.pk),
        ("circuit_member", root.pk, member.pk),
    ):
        assert client.get(page(name, *arguments)).status_code == 404, name
    own = make_circuit(charlie_tenant(charlie), "Own")
    assert client.get(page("circuit_member", own.pk, member.pk)).status_code == 404
    chosen = {**MEMBER, "connector": f"{station.pk}-1"}
    assert client.post(page("circuit_members_add", own.pk), chosen).status_code == 404
    assert "Transformer" not in text(client.get(page("smartcharging_circuit_changelist")))


def charlie_tenant(charlie: User) -> Tenant:
    with system_transaction():
        return Tenant.objects.get(slug="umbrella")
