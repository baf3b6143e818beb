"""Circuits over REST: the tree, what is refused, and who may change it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Site
from smartcharging.models import Circuit, CircuitMember
from smartcharging.services import waking
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant
from tests.api.circuit_cast import BASE, add_connectors, change, make_circuit, member_of, put_on, refusals
from tests.api.conftest import client_of, make_station
from tests.conftest import make_user


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """(root's id, cause) of each tree that was woken."""
    found: list[tuple[int, str]] = []

    def note(*, tenant_id: int, root_id: int, cause: str) -> None:
        found.append((root_id, cause))

    monkeypatch.setattr(waking, "wake_circuit", note)
    return found


def test_a_tree_is_shown_with_parents_children_and_members(api: APIClient, station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        Site.objects.create(tenant_id=station.tenant_id, name="Depot")
    site = make_circuit(api, "Connection", "100", site="Depot", strategy="deadline")
    feeder = make_circuit(api, "Feeder", "63", kind="feeder", parentId=site["id"])
    member = member_of(api, feeder, wiring="STR", maxA="16", priority=3)
    assert member["chargePointId"] == "CP1"
    shown = api.get(f"{BASE}/circuits/{site['id']}").json()["data"]
    assert shown["children"] == [{"id": feeder["id"], "name": "Feeder"}]
    assert (shown["site"], shown["strategy"], shown["rootId"], shown["capacity"]) == (
        "Depot",
        "deadline",
        site["id"],
        "100",
    )
    below = api.get(f"{BASE}/circuits/{feeder['id']}").json()["data"]
    assert (below["parentId"], below["rootId"], below["strategy"], below["lend"]) == (
        site["id"],
        site["id"],
        None,
        None,
    )
    (first,) = below["members"]
    assert (first["connectorId"], first["wiring"], first["maxA"], first["fallbackA"]) == (1, "STR", "16", None)
    listed = api.get(f"{BASE}/circuits?root=true").json()
    assert [row["name"] for row in listed["data"]] == ["Connection"]
    assert [row["name"] for row in api.get(f"{BASE}/circuits?chargePointId=cp1").json()["data"]] == ["Feeder"]


def test_only_the_root_has_a_strategy_and_settings(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api)
    feeder = make_circuit(api, "Feeder", parentId=site["id"])
    answer = change(api, feeder, strategy="priority", minimumA="8", raiseStepA=None)
    assert refusals(answer) == {
        ("strategy", "of_root_only"),
        ("minimumA", "of_root_only"),
        ("raiseStepA", "of_root_only"),
    }
    assert change(api, feeder, parentId=None, strategy="priority").status_code == 200
    made = api.post(
        f"{BASE}/circuits", {"name": "X", "capacity": 1, "parentId": site["id"], "lend": True}, format="json"
    )
    assert refusals(made) == {("lend", "of_root_only")}


def test_a_circle_is_refused_however_long(api: APIClient, tenant: Tenant) -> None:
    first = make_circuit(api, "1")
    second = make_circuit(api, "2", parentId=first["id"])
    third = make_circuit(api, "3", parentId=second["id"])
    for below in (first, second, third):
        assert refusals(change(api, first, parentId=below["id"])) == {("parentId", "cycle")}
    with tenant_transaction(tenant.pk):
        assert Circuit.objects.get(pk=first["id"]).parent_id is None


def test_a_tree_has_at_most_eight_levels(api: APIClient, tenant: Tenant) -> None:
    above = make_circuit(api, "1")
    for number in range(2, 9):
        above = make_circuit(api, str(number), parentId=above["id"])
    body = {"name": "9", "capacity": "10", "parentId": above["id"]}
    assert refusals(api.post(f"{BASE}/circuits", body, format="json")) == {("parentId", "too_deep")}
    # Neither by moving a tree below another.
    other = make_circuit(api, "A")
    make_circuit(api, "B", parentId=other["id"])
    assert refusals(change(api, other, parentId=above["id"])) == {("parentId", "too_deep")}
    with tenant_transaction(tenant.pk):
        assert Circuit.objects.count() == 10


def test_a_child_above_its_parent_is_taken_with_a_warning(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, "Connection", "50")
    assert site["warnings"] == []
    feeder = make_circuit(api, "Feeder", "63", parentId=site["id"])
    assert [warning["code"] for warning in feeder["warnings"]] == ["above_parent"]
    in_watts = make_circuit(api, "Group", "34500", unit="W", parentId=site["id"])
    assert in_watts["warnings"] == []
    more = make_circuit(api, "More", "34501", unit="W", parentId=site["id"])
    assert [warning["code"] for warning in more["warnings"]] == ["above_parent"]


def test_fallbacks_must_fit_on_every_phase_of_every_circuit_above(api: APIClient, station: ChargePoint) -> None:
    add_connectors(station, 2, 3)
    site = make_circuit(api, "Connection", "20", fallbackA="6", baseLoadA="5")
    feeder = make_circuit(api, "Feeder", "32", parentId=site["id"])
    member_of(api, feeder, connector_id=1)
    member_of(api, feeder, connector_id=2, wiring="R")
    answer = put_on(api, feeder, connector_id=3, wiring="RTS")
    assert refusals(answer) == {("wiring", "fallbacks_exceed_capacity")}
    (error,) = answer.json()["errors"]
    assert "18 A on L1" in error["detail"]
    assert "5 A of base load" in error["detail"]
    assert "20 A of 'Connection'" in error["detail"]
    # On another phase there is room.
    member_of(api, feeder, connector_id=3, wiring="S")
    # And whatever else would break it is named.
    assert refusals(change(api, site, capacity="16")) == {("capacity", "fallbacks_exceed_capacity")}
    assert refusals(change(api, site, fallbackA="8")) == {("fallbackA", "fallbacks_exceed_capacity")}
    assert refusals(change(api, site, baseLoadA="9")) == {("baseLoadA", "fallbacks_exceed_capacity")}


def test_fallbacks_are_summed_in_watts_where_a_circuit_is_rated_in_watts(api: APIClient, station: ChargePoint) -> None:
    add_connectors(station, 2)
    # Two three-phase chargers at 6 A: 8280 W, and 2 A beside on each of three phases: 1380 W.
    site = make_circuit(api, "Connection", "9660", unit="W", fallbackA="6", baseLoadA="2")
    member_of(api, site, connector_id=1)
    member_of(api, site, connector_id=2)
    answer = change(api, site, capacity="9659")
    assert refusals(answer) == {("capacity", "fallbacks_exceed_capacity")}
    assert "8280 W" in answer.json()["errors"][0]["detail"]


def test_moving_a_circuit_is_checked_against_the_new_tree(api: APIClient, station: ChargePoint) -> None:
    small = make_circuit(api, "Small", "10")
    own = make_circuit(api, "Own", "32", fallbackA="16")
    member_of(api, own, fallbackA="16")
    assert refusals(change(api, own, parentId=small["id"])) == {("parentId", "fallbacks_exceed_capacity")}


def test_one_phase_carries_only_what_hangs_on_the_same_phase(api: APIClient, station: ChargePoint) -> None:
    add_connectors(station, 2, 3)
    single = make_circuit(api, "Single", "32", phases=1)
    assert refusals(put_on(api, single, connector_id=1)) == {("wiring", "three_phases_on_one")}
    member_of(api, single, connector_id=1, wiring="S")
    assert refusals(put_on(api, single, connector_id=2, wiring="T")) == {("wiring", "another_phase")}
    member = member_of(api, single, connector_id=2, wiring="S")
    path = f"{BASE}/circuits/{single['id']}/members/{member['id']}"
    assert refusals(api.patch(path, {"wiring": "R"}, format="json")) == {("wiring", "another_phase")}
    body = {"name": "Below", "capacity": "10", "parentId": single["id"]}
    assert refusals(api.post(f"{BASE}/circuits", body, format="json")) == {("parentId", "three_phases_on_one")}
    three = make_circuit(api, "Three")
    member_of(api, three, connector_id=3)
    assert refusals(change(api, three, phases=1)) == {("phases", "three_phases_on_one")}


def test_a_connector_hangs_on_one_circuit_at_most(api: APIClient, station: ChargePoint) -> None:
    first, second = make_circuit(api, "First"), make_circuit(api, "Second")
    member = member_of(api, first)
    answer = put_on(api, second)
    assert refusals(answer, 409) == {(None, "connector_taken")}
    assert "'First'" in answer.json()["message"]
    moved = api.patch(
        f"{BASE}/circuits/{first['id']}/members/{member['id']}", {"circuitId": second["id"]}, format="json"
    )
    assert moved.json()["data"]["circuitId"] == second["id"]
    assert api.get(f"{BASE}/circuits/{first['id']}/members/{member['id']}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"minimumA": "20", "maxA": "16"}, ("minimumA", "minimum_above_maximum")),
        ({"maxA": "5"}, ("maxA", "minimum_above_maximum")),
        ({"fallbackA": "17", "maxA": "16"}, ("fallbackA", "fallback_above_maximum")),
        ({"connectorId": 2}, ("connectorId", "no_such_connector")),
        ({"connectorId": 0}, ("connectorId", "min_value")),
        ({"chargePointId": "NONE"}, ("chargePointId", "invalid")),
        ({"wiring": "RS"}, ("wiring", "invalid_choice")),
        ({"maxA": "-1"}, ("maxA", "min_value")),
        ({"maxA": "16.05"}, ("maxA", "max_decimal_places")),
        ({"priority": 101}, ("priority", "max_value")),
        ({"colour": "red"}, ("colour", "invalid")),
    ],
)
def test_members_that_cannot_be_are_refused_by_field(
    api: APIClient, station: ChargePoint, fields: Any, wrong: tuple[str, str]
) -> None:
    site = make_circuit(api)
    body = {"chargePointId": "CP1", "connectorId": 1, **fields}
    answer = api.post(f"{BASE}/circuits/{site['id']}/members", body, format="json")
    assert refusals(answer) == {wrong}
    with tenant_transaction(station.tenant_id):
        assert not CircuitMember.objects.exists()


def test_a_station_that_was_never_here_may_be_entered_beforehand(api: APIClient, tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.create(tenant=tenant, identity="NEW", identity_key="new")
    member_of(api, make_circuit(api), "NEW", 2)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "Site"}, ("name", "name_taken")),
        ({"capacity": "-1"}, ("capacity", "min_value")),
        ({"capacity": "1e9"}, ("capacity", "max_whole_digits")),
        ({"unit": "kW"}, ("unit", "invalid_choice")),
        ({"phases": 2}, ("phases", "invalid_choice")),
        ({"voltage": 24}, ("voltage", "min_value")),
        ({"parentId": 999}, ("parentId", "invalid")),
        ({"site": "Nowhere"}, ("site", "invalid")),
        ({"strategy": "random"}, ("strategy", "invalid_choice")),
        ({"strategy": "solar"}, ("strategy", "meter_needed")),
        ({"rotationSeconds": 5}, ("rotationSeconds", "min_value")),
        ({"minimumA": "nan"}, ("minimumA", "invalid")),
        ({"enabled": "perhaps"}, ("enabled", "invalid")),
    ],
)
def test_circuits_that_cannot_be_are_refused_by_field(
    api: APIClient, tenant: Tenant, fields: Any, wrong: tuple[str, str]
) -> None:
    make_circuit(api)
    answer = api.post(f"{BASE}/circuits", {"name": "New", "capacity": "63", **fields}, format="json")
    assert refusals(answer) == {wrong}


def test_base_load_below_flows_through_the_circuit_above(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, baseLoadA="10")
    feeder = make_circuit(api, "Feeder", parentId=site["id"], baseLoadA="10")
    assert refusals(change(api, feeder, baseLoadA="11")) == {("baseLoadA", "base_load_above_parent")}
    assert refusals(change(api, site, baseLoadA="9")) == {("baseLoadA", "base_load_above_parent")}


def test_a_solar_site_keeps_its_meter(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, strategy="solar", hasMeter=True)
    assert refusals(change(api, site, hasMeter=False)) == {("hasMeter", "meter_needed")}


def test_a_circuit_with_others_below_is_not_deleted(api: APIClient, station: ChargePoint) -> None:
    site = make_circuit(api)
    feeder = make_circuit(api, "Feeder", parentId=site["id"])
    member_of(api, feeder)
    assert refusals(api.delete(f"{BASE}/circuits/{site['id']}"), 409) == {(None, "has_children")}
    assert api.delete(f"{BASE}/circuits/{feeder['id']}").status_code == 204
    assert api.delete(f"{BASE}/circuits/{site['id']}").status_code == 204
    assert api.get(f"{BASE}/circuits/{site['id']}").status_code == 404


def test_each_change_is_audited_with_before_and_after_and_wakes_the_root(
    api: APIClient, station: ChargePoint, woken: list[tuple[int, str]]
) -> None:
    site = make_circuit(api)
    feeder = make_circuit(api, "Feeder", parentId=site["id"])
    member = member_of(api, feeder, maxA="16")
    path = f"{BASE}/circuits/{feeder['id']}"
    api.patch(f"{path}/members/{member['id']}", {"maxA": "20"}, format="json")
    change(api, feeder, capacity="40", name="Feeder")
    change(api, feeder, capacity="40")
    api.delete(f"{path}/members/{member['id']}")
    api.delete(path)
    assert woken == [
        (site["id"], "circuit_changed"),
        (site["id"], "circuit_changed"),
        (site["id"], "member_added"),
        (site["id"], "member_changed"),
        (site["id"], "circuit_changed"),
        (site["id"], "member_removed"),
        (site["id"], "circuit_changed"),
    ]
    with tenant_transaction(station.tenant_id):
        rows = AuditEntry.objects.filter(object_type__in=["circuit", "circuitmember"]).order_by("pk")
        told = [(row.action, row.object_type, row.actor) for row in rows]
        changes = [row.changes for row in rows]
    assert told == [
        ("create", "circuit", "alice"),
        ("create", "circuit", "alice"),
        ("create", "circuitmember", "alice"),
        ("change", "circuitmember", "alice"),
        ("change", "circuit", "alice"),
        ("delete", "circuitmember", "alice"),
        ("delete", "circuit", "alice"),
    ]
    assert changes[3] == {"max_a": ["16", "20"]}
    assert changes[4] == {"capacity": ["63", "40"]}


def test_moving_between_trees_wakes_both(api: APIClient, tenant: Tenant, woken: list[tuple[int, str]]) -> None:
    first, second = make_circuit(api, "First"), make_circuit(api, "Second")
    feeder = make_circuit(api, "Feeder", parentId=first["id"])
    woken.clear()
    change(api, feeder, parentId=second["id"])
    assert sorted(root for root, _ in woken) == sorted([first["id"], second["id"]])


def test_a_refused_change_changes_nothing(api: APIClient, station: ChargePoint, woken: list[tuple[int, str]]) -> None:
    site = make_circuit(api, "Site", "10", fallbackA="6")
    member_of(api, site)
    woken.clear()
    assert change(api, site, capacity="5", name="Renamed").status_code == 400
    shown = api.get(f"{BASE}/circuits/{site['id']}").json()["data"]
    assert (shown["name"], shown["capacity"]) == ("Site", "10")
    assert woken == []


def test_what_someone_else_removed_meanwhile_is_a_conflict(
    api: APIClient, station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_circuit(api)
    with tenant_transaction(station.tenant_id):
        row = Circuit.objects.get(pk=site["id"])
        Circuit.objects.all().delete()
    monkeypatch.setattr("smartcharging.api.circuits.find_circuit", lambda circuit_id: row)
    assert refusals(change(api, site, capacity="5"), 409) == {(None, "gone")}
    assert refusals(put_on(api, site), 409) == {(None, "gone")}
    assert refusals(api.delete(f"{BASE}/circuits/{site['id']}"), 409) == {(None, "gone")}
    body = {"limitA": "1", "endTime": (timezone.now() + timedelta(hours=1)).isoformat()}
    assert refusals(api.post(f"{BASE}/circuits/{site['id']}/limits", body, format="json"), 409) == {(None, "gone")}
    meter = api.post(f"{BASE}/circuits/{site['id']}/meter", {"powerW": 1}, format="json")
    assert refusals(meter, 409) == {(None, "gone")}


def test_administrators_change_circuits_and_others_look(
    api: APIClient, viewer: APIClient, station: ChargePoint, tenant: Tenant
) -> None:
    site = make_circuit(api)
    member = member_of(api, site)
    path = f"{BASE}/circuits/{site['id']}"
    operator = client_of(make_user("olivia", tenant, Role.OPERATOR))
    for client in (viewer, operator):
        for readable in ("", "/members", f"/members/{member['id']}", "/load", "/limits", "/limits-sent"):
            assert client.get(path + readable).status_code == 200, readable
        assert client.post(f"{BASE}/circuits", {"name": "X", "capacity": 1}, format="json").status_code == 403
        assert client.patch(path, {"capacity": "1"}, format="json").status_code == 403
        assert client.delete(path).status_code == 403
        assert put_on(client, site).status_code == 403
        assert client.patch(f"{path}/members/{member['id']}", {}, format="json").status_code == 403
        assert client.delete(f"{path}/members/{member['id']}").status_code == 403


def test_another_tenants_circuits_are_404(api: APIClient, stranger: APIClient, station: ChargePoint) -> None:
    site = make_circuit(api)
    member = member_of(api, site)
    path = f"{BASE}/circuits/{site['id']}"
    for tail in ("", "/members", f"/members/{member['id']}", "/load", "/limits", "/limits-sent", "/meter"):
        assert stranger.get(path + tail).status_code == 404, tail
        assert stranger.post(path + tail, {"endTime": "2030-01-01T00:00:00Z"}, format="json").status_code in {404, 405}
        assert stranger.patch(path + tail, {"name": "Mine"}, format="json").status_code in {404, 405}
        assert stranger.delete(path + tail).status_code in {404, 405}
    assert stranger.get(f"{BASE}/circuits").json()["data"] == []
    own = make_circuit(stranger, "Own")
    assert refusals(change(stranger, own, parentId=site["id"])) == {("parentId", "invalid")}
    assert refusals(put_on(stranger, own, "CP1")) == {("chargePointId", "invalid")}


@pytest.mark.parametrize(
    "path",
    [
        "/circuits/0",
        "/circuits/999999999999999",
        "/circuits/9999999999999999",
        "/circuits/abc",
        "/circuits/1/members/0",
    ],
)
def test_impossible_ids_are_404(api: APIClient, tenant: Tenant, path: str) -> None:
    assert api.get(BASE + path).status_code == 404


@pytest.mark.parametrize("query", ["root=perhaps", "kind=x", "colour=1", "limit=0", "search=%00"])
def test_wrong_query_parameters_are_named(api: APIClient, tenant: Tenant, query: str) -> None:
    answer = api.get(f"{BASE}/circuits?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


@pytest.mark.parametrize(
    "body", ["[]", "null", '"x"', "3", '{"name": {"a": 1}}', '{"capacity": NaN}', "{", '{"name": "\\u0000"}']
)
def test_bodies_of_nonsense_are_400(api: APIClient, tenant: Tenant, body: str) -> None:
    site = make_circuit(api)
    for method, path in (("POST", ""), ("PATCH", f"/{site['id']}"), ("POST", f"/{site['id']}/members")):
        answer = api.generic(method, f"{BASE}/circuits{path}", body, "application/json")
        assert answer.status_code == 400, (method, path, answer.content)


def test_lists_take_a_fixed_number_of_queries(api: APIClient, tenant: Tenant) -> None:
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    def queries(path: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert api.get(BASE + path).status_code == 200
        return len(captured)

    site = make_circuit(api, "Site", "400")
    make_station(tenant, "CP1")
    member_of(api, site, "CP1")
    paths = ["/circuits", f"/circuits/{site['id']}", f"/circuits/{site['id']}/members", f"/circuits/{site['id']}/load"]
    make_circuit(api, "Feeder", parentId=site["id"])
    few = [queries(path) for path in paths]
    for number in range(2, 8):
        make_station(tenant, f"CP{number}")
        member_of(api, make_circuit(api, f"Feeder {number}", parentId=site["id"]), f"CP{number}")
    assert [queries(path) for path in paths] == few
