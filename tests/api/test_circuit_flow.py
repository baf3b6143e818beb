"""A site from its first entry to the honoured signal, over REST; the stations are those of the rebalancing's tests."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import Command
from smartcharging.models import Circuit
from smartcharging.services.roots import forget_roots
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.circuit_cast import BASE, make_circuit
from tests.smartcharging.rebalance.yard import Yard


@pytest.fixture
def site(api: APIClient, tenant: Tenant, no_worker: None) -> Any:
    """40 A with a meter and two charging cars at A and B, their limits confirmed."""
    forget_roots()
    return make_circuit(api, "Car park", "40", hasMeter=True)


@pytest.fixture
def yard(site: Any, tenant: Tenant) -> Yard:
    with tenant_transaction(tenant.pk):
        made = Yard(tenant, Circuit.objects.get(pk=site["id"]))
    for identity in ("A", "B"):
        made.add(identity)
    made.round()
    made.answer_all(checked=False)
    for identity in ("A", "B"):
        made.start(identity)
    made.settle()
    return made


def load(api: APIClient, site: Any) -> Any:
    answer = api.get(f"{BASE}/circuits/{site['id']}/load")
    assert answer.status_code == 200, answer.json()
    return answer.json()["data"]


def test_the_load_shows_what_the_rounds_have_done(api: APIClient, site: Any, yard: Yard) -> None:
    yard.measure("A", 19.5, 19.4, 19.6, at=timezone.now())
    shown = load(api, site)
    first, second = shown["members"]
    assert (first["chargePointId"], first["limitA"], first["confirmed"], first["state"]) == (
        "A",
        "20",
        True,
        "confirmed",
    )
    assert first["currentA"] == [19.5, 19.4, 19.6]
    assert first["powerW"] == pytest.approx(58.5 * 230)
    assert (second["currentA"], second["online"], second["managed"]) == (None, True, True)
    phase = shown["circuits"][0]["phases"][1]
    assert (phase["allottedA"], phase["worstCaseA"], phase["actualA"]) == (40.0, 40.0, 19.4)
    assert (shown["strategy"], shown["wantedStrategy"]) == ("equal", "equal")
    assert shown["lastRound"]["allottedA"] == [40.0, 40.0, 40.0]
    log = api.get(f"{BASE}/circuits/{site['id']}/limits-sent?result=accepted").json()["data"]
    assert {(row["chargePointId"], row["purpose"]) for row in log} >= {("A", "TxProfile"), ("B", "TxDefaultProfile")}


def test_a_grid_signal_is_told_as_honoured_once_all_have_confirmed(api: APIClient, site: Any, yard: Yard) -> None:
    body = {"limitA": "20", "endTime": (timezone.now() + timedelta(hours=1)).isoformat()}
    path = f"{BASE}/circuits/{site['id']}/limits"
    signal = api.post(path, body, format="json").json()["data"]
    yard.offset = timedelta()
    yard.round("grid_signal")
    told = api.get(f"{path}/{signal['id']}").json()["data"]
    assert told["appliedTime"] is not None
    assert told["honoured"] is False
    yard.answer_all()
    yard.round()
    assert api.get(f"{path}/{signal['id']}").json()["data"]["honoured"] is True
    assert [member["limitA"] for member in load(api, site)["members"]] == ["10", "10"]
    assert load(api, site)["circuits"][0]["phases"][0]["usableA"] == 20.0


def test_what_the_building_takes_is_taken_off_the_chargers(api: APIClient, site: Any, yard: Yard) -> None:
    yard.offset = timedelta()
    for identity in ("A", "B"):
        yard.measure(identity, 20, 20, 20)
    pushed = api.post(f"{BASE}/circuits/{site['id']}/meter", {"currentA": [56, 40, 40]}, format="json")
    assert pushed.status_code == 201
    yard.round("site_meter")
    yard.answer_all()
    shown = load(api, site)
    assert [phase["baseLoadA"] for phase in shown["circuits"][0]["phases"]] == [16.0, 0.0, 0.0]
    assert [member["limitA"] for member in shown["members"]] == ["12", "12"]


def test_a_need_changes_who_gets_what(api: APIClient, site: Any, yard: Yard) -> None:
    changed = api.patch(f"{BASE}/circuits/{site['id']}", {"strategy": "priority"}, format="json")
    assert changed.status_code == 200, changed.json()
    session = yard.plugs["B"].session
    assert session is not None
    api.put(f"{BASE}/transactions/{session.pk}/charging-need", {"priority": 5}, format="json")
    yard.settle()
    limits = {member["chargePointId"]: float(member["limitA"]) for member in load(api, site)["members"]}
    assert limits["B"] == 32.0
    assert limits["A"] == 8.0


def test_a_connector_that_is_taken_off_leaves_its_share_to_the_others(
    api: APIClient, site: Any, yard: Yard, tenant: Tenant
) -> None:
    members = api.get(f"{BASE}/circuits/{site['id']}/members").json()["data"]
    assert api.delete(f"{BASE}/circuits/{site['id']}/members/{members[0]['id']}").status_code == 204
    with tenant_transaction(tenant.pk):
        cleared = Command.objects.filter(action="ClearChargingProfile", charge_point__identity="A")
        assert cleared.count() == 2
    gone = yard.plugs.pop("A")
    assert gone.session is not None
    yard.settle()
    (left,) = load(api, site)["members"]
    assert (left["chargePointId"], left["limitA"]) == ("B", "32")
