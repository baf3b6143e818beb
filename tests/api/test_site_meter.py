"""The site's own meter over REST."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from smartcharging.models import Circuit, CircuitMeter
from smartcharging.services import waking
from smartcharging.services.meter import base_load_of, record_meter, surplus_of
from tenants.context import tenant_transaction
from tenants.models import Role, Tenant
from tenants.services.api_keys import issue_api_key
from tests.api.circuit_cast import BASE, change, make_circuit, refusals

NONE = (0.0, 0.0, 0.0)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(waking, "wake_circuit", lambda *, tenant_id, root_id, cause: found.append(cause))
    return found


def push(api: APIClient, circuit: Any, **body: Any) -> Any:
    return api.post(f"{BASE}/circuits/{circuit['id']}/meter", body, format="json")


def read(tenant: Tenant, circuit: Any) -> Circuit:
    row: Circuit = Circuit.objects.get(pk=circuit["id"])
    return row


def test_the_last_reading_is_shown(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, hasMeter=True)
    assert api.get(f"{BASE}/circuits/{site['id']}/meter").status_code == 404
    assert push(api, site, currentA=[10, 20.5, -3]).status_code == 201
    shown = api.get(f"{BASE}/circuits/{site['id']}/meter").json()["data"]
    assert (shown["currentA"], shown["source"], shown["silent"]) == ([10.0, 20.5, -3.0], "alice", False)


@pytest.mark.parametrize(
    ("power", "amps"),
    [(6900, [10.0] * 3), ([2300, 0, -460], [10.0, 0.0, -2.0]), ([690], [1.0] * 3), (1000, [1.45] * 3)],
)
def test_power_counts_as_current(api: APIClient, tenant: Tenant, power: Any, amps: list[float]) -> None:
    site = make_circuit(api, hasMeter=True)
    assert push(api, site, powerW=power).json()["data"]["currentA"] == amps


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ("currentA", "one_unit")),
        ({"currentA": [1, 2, 3], "powerW": 1}, ("currentA", "one_unit")),
        ({"currentA": [1]}, ("currentA", "number_of_phases")),
        ({"currentA": [1, 2]}, ("currentA", "number_of_phases")),
        ({"currentA": []}, ("currentA", "min_length")),
        ({"currentA": [1, 2, 3, 4]}, ("currentA", "max_length")),
        ({"powerW": [1, 2]}, ("powerW", "number_of_phases")),
        ({"currentA": [1, 2, 1e6]}, ("currentA", "out_of_range")),
        ({"currentA": ["nan", 1, 1]}, ("currentA.0", "invalid")),
        ({"currentA": [1, 2, "x"]}, ("currentA.2", "invalid")),
        ({"currentA": 5}, ("currentA", "not_a_list")),
        ({"powerW": {"a": 1}}, ("powerW.0", "invalid")),
        ({"powerW": 1, "timestamp": "soon"}, ("timestamp", "invalid")),
        ({"powerW": 1, "timestamp": "2126-01-01T00:00:00Z"}, ("timestamp", "in_the_future")),
        ({"powerW": 1, "timestamp": "0001-01-01T00:00:00+14:00"}, ("timestamp", "overflow")),
        ({"powerW": 1, "colour": 1}, ("colour", "invalid")),
    ],
)
def test_readings_that_cannot_be_are_refused_by_field(
    api: APIClient, tenant: Tenant, body: Any, wrong: tuple[str, str]
) -> None:
    site = make_circuit(api, hasMeter=True)
    answer = push(api, site, **body)
    assert answer.status_code == 400, answer.json()
    assert wrong in refusals(answer)
    with tenant_transaction(tenant.pk):
        assert not CircuitMeter.objects.exists()


def test_a_reading_older_than_the_last_is_refused_and_the_same_again_is_taken(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, hasMeter=True)
    now = timezone.now()
    body = {"currentA": [1, 1, 1], "timestamp": now.isoformat()}
    assert push(api, site, **body).status_code == 201
    assert push(api, site, **body).status_code == 201
    older = push(api, site, currentA=[2, 2, 2], timestamp=(now - timedelta(seconds=1)).isoformat())
    assert refusals(older) == {("timestamp", "older_than_last")}


def test_a_clock_that_is_a_little_ahead_counts_as_now(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, hasMeter=True)
    ahead = (timezone.now() + timedelta(seconds=5)).isoformat()
    shown = push(api, site, powerW=1, timestamp=ahead).json()["data"]
    assert datetime.fromisoformat(shown["timestamp"]) <= timezone.now()


def test_a_circuit_without_a_meter_takes_no_reading(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api)
    assert refusals(push(api, site, powerW=1), 409) == {(None, "no_meter")}


def test_one_phase_has_one_value(api: APIClient, tenant: Tenant) -> None:
    single = make_circuit(api, hasMeter=True, phases=1)
    assert push(api, single, currentA=[7]).json()["data"]["currentA"] == [7.0] * 3
    assert push(api, single, powerW=2300).json()["data"]["currentA"] == [10.0] * 3
    assert refusals(push(api, single, currentA=[1, 1, 1])) == {("currentA", "number_of_phases")}


def test_only_a_reading_beyond_the_band_wakes_and_small_steps_add_up(
    api: APIClient, tenant: Tenant, woken: list[str]
) -> None:
    site = make_circuit(api, hasMeter=True)
    woken.clear()
    for amps, wakes in ((10, True), (10.6, False), (11.2, True), (10.4, False), (10.1, True), (10.1, False)):
        push(api, site, currentA=[amps, 0, 0])
        assert bool(woken) is wakes, amps
        woken.clear()


def test_the_first_reading_after_silence_wakes(api: APIClient, tenant: Tenant, woken: list[str]) -> None:
    site = make_circuit(api, hasMeter=True, meterSilentSeconds=60)
    push(api, site, currentA=[10, 0, 0], timestamp=(timezone.now() - timedelta(seconds=90)).isoformat())
    woken.clear()
    push(api, site, currentA=[10, 0, 0])
    assert woken == ["site_meter"]


def test_base_load_is_the_meters_until_it_is_silent(tenant: Tenant, api: APIClient) -> None:
    site = make_circuit(api, hasMeter=True, baseLoadA="25", meterSilentSeconds=120)
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    charging = (16.0, 0.0, 0.0)
    with tenant_transaction(tenant.pk):
        assert base_load_of(read(tenant, site), now, charging) == (25.0, 25.0, 25.0)
        record_meter(circuit=read(tenant, site), source="meter", current_a=[20, -5, 8], now=now)
        assert base_load_of(read(tenant, site), now, charging) == (4.0, 0.0, 8.0)
        assert surplus_of(read(tenant, site), now, charging) == (0.0, 5.0, 0.0)
        later = now + timedelta(seconds=120)
        assert base_load_of(read(tenant, site), later, charging) == (25.0, 25.0, 25.0)
        assert surplus_of(read(tenant, site), later, charging) == NONE
    change(api, site, hasMeter=False)
    with tenant_transaction(tenant.pk):
        assert base_load_of(read(tenant, site), now, charging) == (25.0, 25.0, 25.0)


def test_a_reading_is_rounded_up_never_down(tenant: Tenant, api: APIClient) -> None:
    site = make_circuit(api, hasMeter=True)
    with tenant_transaction(tenant.pk):
        row = record_meter(circuit=read(tenant, site), source="meter", current_a=[1.001, 1.0, -0.999])
        assert [float(value) for value in (row.l1_a, row.l2_a, row.l3_a)] == [1.01, 1.0, -0.99]


def test_a_meter_has_a_key_that_may_do_nothing_else(api: APIClient, viewer: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, hasMeter=True)
    with tenant_transaction(tenant.pk):
        _, key = issue_api_key(name="meter", role=Role.OPERATOR, scopes=["circuit-meter:write"])
    meter = APIClient()
    meter.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    shown = push(meter, site, powerW=1)
    assert shown.status_code == 201
    assert shown.json()["data"]["source"] == "key meter"
    assert meter.get(f"{BASE}/circuits/{site['id']}").status_code == 403
    assert push(viewer, site, powerW=1).status_code == 403


def test_another_tenants_meter_is_404(api: APIClient, stranger: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api, hasMeter=True)
    assert push(stranger, site, powerW=1).status_code == 404
    assert stranger.get(f"{BASE}/circuits/{site['id']}/meter").status_code == 404
