"""Circuits over REST: the tree, and what is refused."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Site
from smartcharging.models import Circuit, CircuitMember
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.circuit_cast import BASE, change, make_circuit, member_of, put_on, refusals
from tests.api.conftest import make_station


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
