"""Circuits over REST: who may change them, what a change leaves behind, and what someone else does meanwhile."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from smartcharging.models import Circuit
from smartcharging.services import waking
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant
from tests.api.circuit_cast import BASE, change, make_circuit, member_of, put_on, refusals
from tests.api.conftest import client_of
from tests.conftest import make_user


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """(root's id, cause) of each tree that was woken."""
    found: list[tuple[int, str]] = []

    def note(*, tenant_id: int, root_id: int, cause: str) -> None:
        found.append((root_id, cause))

    monkeypatch.setattr(waking, "wake_circuit", note)
    return found


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
