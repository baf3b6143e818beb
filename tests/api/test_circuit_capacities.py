"""Circuits over REST: what hangs on one must fit, on every phase of every circuit above."""

from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from tenants.models import Tenant
from tests.api.circuit_cast import BASE, add_connectors, change, make_circuit, member_of, put_on, refusals


def test_a_child_above_its_parent_is_taken_with_a_warning(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, "Connection", "50")
    assert site["warnings"] == []
    feeder = make_circuit(api, "Feeder", "63", parentId=site["id"])
    assert [warning["code"] for warning in feeder["warnings"]] == ["above_parent"]
    in_watts = make_circuit(api, "Group", "34500", unit="W", parentId=site["id"])
    assert in_watts["warnings"] == []
    more = make_circuit(api, "More", "34501", unit="W", parentId=site["id"])
    assert [warning["code"] for warning in more["warnings"]] == ["above_parent"]


def test_a_fallback_that_starts_no_car_is_taken_with_a_warning(api: APIClient, station: ChargePoint) -> None:
    add_connectors(station, 2)
    site = make_circuit(api, "Connection", "50", fallbackA="4")
    (warning,) = site["warnings"]
    assert warning["code"] == "fallback_below_minimum"
    assert "Take 0 A, or 6 A." in warning["detail"]
    feeder = make_circuit(api, "Feeder", "32", parentId=site["id"])
    # The root has said it for this one; the other one has a fallback of its own.
    member_of(api, feeder, connector_id=1)
    member_of(api, feeder, connector_id=2, fallbackA="5.5")
    shown = {row["name"]: row["warnings"] for row in api.get(f"{BASE}/circuits").json()["data"]}
    assert [[one["code"] for one in found] for found in shown.values()] == [["fallback_below_minimum"]] * 2
    assert shown["Feeder"][0]["detail"].startswith("CP1 / 2: the fallback of 5.5 A")
    assert change(api, site, fallbackA="0").json()["data"]["warnings"] == []


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


def test_base_load_below_flows_through_the_circuit_above(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, baseLoadA="10")
    feeder = make_circuit(api, "Feeder", parentId=site["id"], baseLoadA="10")
    assert refusals(change(api, feeder, baseLoadA="11")) == {("baseLoadA", "base_load_above_parent")}
    assert refusals(change(api, site, baseLoadA="9")) == {("baseLoadA", "base_load_above_parent")}
