"""Grid signals, the load of a circuit, and the log of limits sent."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from smartcharging.circuit_selectors import load_of, rounds_between, running_limits
from smartcharging.models import Allotment, Circuit, CircuitLimit, CircuitMember, CircuitRound, LimitSent
from smartcharging.services import signals, waking
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant
from tests.api.circuit_cast import BASE, make_circuit, member_of, refusals
from tests.api.conftest import client_of, make_session
from tests.conftest import make_user


def at(hours: float) -> str:
    return (timezone.now() + timedelta(hours=hours)).isoformat()


def signal(api: APIClient, circuit: Any, **fields: Any) -> Any:
    body = {"limitA": "20", "endTime": at(1), **fields}
    body = {name: value for name, value in body.items() if value is not None}
    return api.post(f"{BASE}/circuits/{circuit['id']}/limits", body, format="json")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    monkeypatch.setattr(waking, "wake_circuit", lambda *, tenant_id, root_id, cause: found.append((root_id, cause)))
    return found


def test_a_signal_holds_from_now_and_wakes_the_root(
    api: APIClient, tenant: Tenant, woken: list[tuple[int, str]]
) -> None:
    site = make_circuit(api)
    feeder = make_circuit(api, "Feeder", parentId=site["id"])
    woken.clear()
    answer = signal(api, feeder, reason="Grid operator")
    assert answer.status_code == 201
    shown = answer.json()["data"]
    assert (shown["limitA"], shown["limitW"], shown["status"], shown["honoured"]) == ("20", None, "active", False)
    assert (shown["reason"], shown["requestedBy"], shown["appliedTime"]) == ("Grid operator", "alice", None)
    assert woken == [(site["id"], "grid_signal")]
    with tenant_transaction(tenant.pk):
        assert [row.pk for row in running_limits([feeder["id"]], timezone.now())[feeder["id"]]] == [shown["id"]]
        assert AuditEntry.objects.filter(action="limit", object_id=str(feeder["id"])).count() == 1


def test_whether_it_was_honoured_is_told(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api)
    shown = signal(api, site).json()["data"]
    later = signal(api, site, startTime=at(0.5)).json()["data"]
    assert (later["status"], later["honoured"]) == ("upcoming", None)
    now = timezone.now()
    with tenant_transaction(tenant.pk):
        CircuitLimit.objects.filter(pk=shown["id"]).update(applied_at=now, honoured_at=now)
    read = api.get(f"{BASE}/circuits/{site['id']}/limits/{shown['id']}").json()["data"]
    assert read["honoured"] is True
    assert read["honouredTime"] is not None


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"limitA": None}, ("limitW", "one_unit")),
        ({"limitW": "1000"}, ("limitW", "one_unit")),
        ({"limitA": "-1"}, ("limitA", "min_value")),
        ({"limitA": "NaN"}, ("limitA", "invalid")),
        ({"limitA": "1.05"}, ("limitA", "max_decimal_places")),
        ({"endTime": None}, ("endTime", "required")),
        ({"endTime": at(-1)}, ("endTime", "ends_before_start")),
        ({"startTime": at(-2), "endTime": at(-1)}, ("endTime", "over_already")),
        ({"startTime": at(2), "endTime": at(1.5)}, ("endTime", "ends_before_start")),
        ({"endTime": at(24 * 32)}, ("endTime", "too_long")),
        ({"startTime": at(24 * 367), "endTime": at(24 * 368)}, ("startTime", "too_far_ahead")),
        ({"startTime": "0001-01-01T00:00:00+14:00"}, ("startTime", "overflow")),
        ({"endTime": "soon"}, ("endTime", "invalid")),
        ({"reason": "x" * 241}, ("reason", "max_length")),
        ({"why": "x"}, ("why", "invalid")),
    ],
)
def test_signals_that_cannot_be_are_refused_by_field(
    api: APIClient, tenant: Tenant, fields: Any, wrong: tuple[str, str]
) -> None:
    site = make_circuit(api)
    answer = signal(api, site, **fields)
    assert refusals(answer) == {wrong}
    with tenant_transaction(tenant.pk):
        assert not CircuitLimit.objects.exists()


def test_a_signal_may_have_begun_and_may_take_all(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api)
    assert signal(api, site, limitA=None, limitW="0", startTime=at(-24)).json()["data"]["status"] == "active"


def test_no_more_than_so_many_hold_or_are_to_come(
    api: APIClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "MOST_LIMITS", 2)
    site = make_circuit(api)
    first = signal(api, site).json()["data"]
    signal(api, site, startTime=at(0.5))
    assert refusals(signal(api, site), 409) == {(None, "too_many_limits")}
    api.delete(f"{BASE}/circuits/{site['id']}/limits/{first['id']}")
    assert signal(api, site).status_code == 201


def test_cancelling_ends_it_at_once_and_keeps_the_row(
    api: APIClient, tenant: Tenant, woken: list[tuple[int, str]]
) -> None:
    site = make_circuit(api)
    shown = signal(api, site).json()["data"]
    path = f"{BASE}/circuits/{site['id']}/limits/{shown['id']}"
    woken.clear()
    assert api.delete(path).status_code == 204
    assert woken == [(site["id"], "grid_signal")]
    read = api.get(path).json()["data"]
    assert (read["status"], read["cancelledBy"]) == ("cancelled", "alice")
    assert api.delete(path).status_code == 409
    with tenant_transaction(tenant.pk):
        assert running_limits([site["id"]], timezone.now()) == {}


def test_the_same_key_sets_one_signal(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api)
    body = {"limitA": "10", "endTime": at(1)}
    path = f"{BASE}/circuits/{site['id']}/limits"
    first = api.post(path, body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    again = api.post(path, body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert first.json() == again.json()
    with tenant_transaction(tenant.pk):
        assert CircuitLimit.objects.count() == 1


def test_signals_are_listed_by_state_and_time(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api)
    running, coming, gone = (
        signal(api, site, **fields).json()["data"]["id"]
        for fields in ({}, {"startTime": at(5), "endTime": at(6)}, {"endTime": at(2)})
    )
    api.delete(f"{BASE}/circuits/{site['id']}/limits/{gone}")
    with tenant_transaction(tenant.pk):
        past = CircuitLimit.objects.create(
            tenant=tenant,
            circuit_id=site["id"],
            limit_a=Decimal(1),
            start_at=timezone.now() - timedelta(hours=2),
            end_at=timezone.now() - timedelta(hours=1),
            requested_by="x",
            origin="api",
        ).pk

    def listed(query: str) -> list[int]:
        found = api.get(f"{BASE}/circuits/{site['id']}/limits?{query}")
        assert found.status_code == 200, found.json()
        return [row["id"] for row in found.json()["data"]]

    assert listed("") == [coming, gone, running, past]
    assert listed("status=active") == [running]
    assert listed("status=upcoming") == [coming]
    assert listed("status=ended") == [past]
    assert listed("status=cancelled") == [gone]
    assert listed(f"startTime={at(4).replace('+', '%2B')}") == [coming]
    assert listed("limit=1") == [coming]
    assert api.get(f"{BASE}/circuits/{site['id']}/limits?status=x").status_code == 400


def test_operators_set_signals_and_viewers_do_not(api: APIClient, viewer: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api)
    operator = client_of(make_user("olivia", tenant, Role.OPERATOR))
    assert signal(viewer, site).status_code == 403
    made = signal(operator, site)
    assert made.status_code == 201
    path = f"{BASE}/circuits/{site['id']}/limits/{made.json()['data']['id']}"
    assert viewer.delete(path).status_code == 403
    assert operator.delete(path).status_code == 204


def test_a_signal_of_another_circuit_is_404(api: APIClient, stranger: APIClient, tenant: Tenant) -> None:
    first, second = make_circuit(api, "First"), make_circuit(api, "Second")
    shown = signal(api, first).json()["data"]
    assert api.get(f"{BASE}/circuits/{second['id']}/limits/{shown['id']}").status_code == 404
    assert stranger.delete(f"{BASE}/circuits/{first['id']}/limits/{shown['id']}").status_code == 404
    assert signal(stranger, first).status_code == 404


# --- load ---


def held(tenant: Tenant, member: Any, **fields: Any) -> None:
    with tenant_transaction(tenant.pk):
        Allotment.objects.create(tenant=tenant, member_id=member["id"], **fields)


def test_the_load_puts_actual_beside_allotted_beside_capacity(
    api: APIClient, station: ChargePoint, tenant: Tenant
) -> None:
    site = make_circuit(api, "Connection", "100", baseLoadA="20")
    feeder = make_circuit(api, "Feeder", "22080", unit="W", parentId=site["id"])
    member = member_of(api, feeder, wiring="S", maxA="32")
    session = make_session(station)
    held(
        tenant,
        member,
        transaction_id=session.pk,
        state="confirmed",
        reason="equal_share",
        target_a=Decimal(16),
        sent_a=Decimal(16),
        confirmed_a=Decimal(16),
        before_a=Decimal(16),
        worst_a=Decimal(16),
        default_a=Decimal(0),
    )
    signal(api, feeder, limitA=None, limitW="11040")
    shown = api.get(f"{BASE}/circuits/{site['id']}/load").json()["data"]
    assert (shown["rootId"], shown["strategy"], shown["history"]) == (site["id"], None, None)
    top, below = shown["circuits"]
    assert [phase["usableA"] for phase in top["phases"]] == [80.0, 80.0, 80.0]
    assert [phase["allottedA"] for phase in top["phases"]] == [0.0, 16.0, 0.0]
    assert [phase["worstCaseA"] for phase in below["phases"]] == [0.0, 16.0, 0.0]
    assert (below["level"], below["capacityW"], below["usableW"]) == (1, 22080.0, 11040.0)
    assert below["phases"][0]["capacityA"] is None
    assert [one["limitW"] for one in below["gridSignals"]] == ["11040"]
    (connector,) = shown["members"]
    assert connector["sessionId"] == session.pk
    assert (connector["limitA"], connector["confirmed"], connector["worstCaseA"]) == ("16", True, "16")
    # It isn't connected: what it was told last is all that is known.
    assert (connector["state"], connector["online"], connector["currentA"]) == ("offline", False, None)
    assert connector["reasonText"] == "Its equal share of what there is."
    only = api.get(f"{BASE}/circuits/{feeder['id']}/load").json()["data"]
    assert [one["circuitId"] for one in only["circuits"]] == [feeder["id"]]
    assert only["rootId"] == site["id"]


def test_a_connector_of_which_nothing_is_known_counts_with_all_that_it_can_take(
    api: APIClient, station: ChargePoint
) -> None:
    site = make_circuit(api)
    member_of(api, site, maxA="25")
    shown = api.get(f"{BASE}/circuits/{site['id']}/load").json()["data"]
    assert shown["circuits"][0]["phases"][2]["worstCaseA"] == 25.0
    (connector,) = shown["members"]
    assert (connector["limitA"], connector["confirmed"], connector["worstCaseA"]) == (None, False, "25")


def test_a_circuit_that_is_off_says_so(api: APIClient, station: ChargePoint) -> None:
    site = make_circuit(api, enabled=False)
    member_of(api, site)
    shown = api.get(f"{BASE}/circuits/{site['id']}/load").json()["data"]
    assert shown["circuits"][0]["phases"][0]["usableA"] is None
    assert shown["members"][0]["managed"] is False


def test_the_history_of_rounds_comes_in_pages(api: APIClient, tenant: Tenant) -> None:
    site = make_circuit(api)
    feeder = make_circuit(api, "Feeder", parentId=site["id"])
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    with tenant_transaction(tenant.pk):
        for minute in range(5):
            CircuitRound.objects.create(
                tenant=tenant,
                circuit_id=site["id"],
                at=noon + timedelta(minutes=minute),
                cause="beat",
                strategy="equal",
                capacity=[63.0, 63.0, 63.0],
                allotted=[float(minute)] * 3,
            )
        root = Circuit.objects.get(pk=feeder["id"])
        assert rounds_between(root, noon + timedelta(minutes=1), noon + timedelta(minutes=3)).count() == 2
        assert load_of(root).last_round is not None
    path = f"{BASE}/circuits/{feeder['id']}/load?startTime=2026-11-20T12:01:00Z&endTime=2026-11-20T12:04:00Z&limit=2"
    first = api.get(path).json()
    assert [row["allottedA"][0] for row in first["data"]["history"]] == [3.0, 2.0]
    assert first["data"]["strategy"] == "equal"
    second = api.get(first["meta"]["next"]).json()
    assert [row["allottedA"][0] for row in second["data"]["history"]] == [1.0]
    assert second["meta"]["next"] is None


@pytest.mark.parametrize("query", ["startTime=x", "endTime=x", "cursor=x", "limit=0", "colour=1"])
def test_wrong_parameters_of_the_load_are_named(api: APIClient, tenant: Tenant, query: str) -> None:
    site = make_circuit(api)
    answer = api.get(f"{BASE}/circuits/{site['id']}/load?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


# --- the log ---


def logged(tenant: Tenant, circuit: Any, station: ChargePoint, **fields: Any) -> None:
    with tenant_transaction(tenant.pk):
        LimitSent.objects.create(
            **{
                "tenant": tenant,
                "circuit_id": circuit["id"],
                "member": CircuitMember.objects.first(),
                "charge_point": station,
                "evse_number": 1,
                "at": datetime(2026, 11, 20, 12, tzinfo=UTC),
                "limit_a": Decimal("13.5"),
                "reason": "equal_share",
                "cause": "session_started",
                **fields,
            }
        )


def test_every_limit_sent_is_listed_with_its_reason(api: APIClient, station: ChargePoint, tenant: Tenant) -> None:
    site = make_circuit(api)
    feeder = make_circuit(api, "Feeder", parentId=site["id"])
    other = make_circuit(api, "Other")
    member_of(api, feeder)
    logged(tenant, feeder, station)
    logged(tenant, feeder, station, at=datetime(2026, 11, 20, 13, tzinfo=UTC), result="accepted", evse_number=2)
    path = f"{BASE}/circuits/{site['id']}/limits-sent"
    listed = api.get(path).json()["data"]
    assert [row["connectorId"] for row in listed] == [2, 1]
    assert (listed[1]["limitA"], listed[1]["purpose"], listed[1]["result"]) == ("13.5", "TxProfile", "sent")
    assert listed[1]["reasonText"] == "Its equal share of what there is."
    for query, expected in (
        ("connectorId=1", [1]),
        ("result=accepted", [2]),
        ("chargePointId=cp1", [2, 1]),
        ("chargePointId=CP9", []),
        ("startTime=2026-11-20T12:30:00Z", [2]),
        ("endTime=2026-11-20T12:30:00Z", [1]),
        ("limit=1", [2]),
    ):
        assert [row["connectorId"] for row in api.get(f"{path}?{query}").json()["data"]] == expected, query
    assert api.get(f"{BASE}/circuits/{other['id']}/limits-sent").json()["data"] == []
    assert api.get(f"{path}?result=perhaps").status_code == 400


def test_the_log_is_exported_oldest_first_and_guards_against_formulas(
    api: APIClient, station: ChargePoint, tenant: Tenant
) -> None:
    site = make_circuit(api)
    member_of(api, site)
    logged(tenant, site, station, detail="=1+1")
    logged(tenant, site, station, at=datetime(2026, 11, 20, 11, tzinfo=UTC), result="rejected")
    answer: Any = api.get(f"{BASE}/circuits/{site['id']}/limits-sent/export", HTTP_ACCEPT="text/csv")
    assert answer["Content-Type"].startswith("text/csv")
    header, first, second = b"".join(answer.streaming_content).decode().splitlines()
    assert header.startswith("timestamp,circuitId,chargePointId")
    assert first.startswith("2026-11-20T11:00:00Z")
    assert "'=1+1" in second
    rejected: Any = api.get(f"{BASE}/circuits/{site['id']}/limits-sent/export?result=rejected")
    assert len(b"".join(rejected.streaming_content).splitlines()) == 2
