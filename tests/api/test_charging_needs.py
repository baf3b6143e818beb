"""What drivers need: of a session, of a tag, of its group."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, IdTag, Site, Transaction
from smartcharging.models import IdTagNeed
from smartcharging.services import waking
from smartcharging.services.needs import Need, need_of, needs_of
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Role, Tenant
from tests.api.circuit_cast import BASE, make_circuit, member_of, refusals
from tests.api.conftest import client_of, make_session, make_station
from tests.conftest import make_user

EVENING = datetime(2026, 10, 24, 18, tzinfo=UTC)


def make_tag(tenant: Tenant, token: str = "TAG", parent: IdTag | None = None) -> IdTag:
    with tenant_transaction(tenant.pk):
        return IdTag.objects.create(tenant=tenant, token=token, token_key=token.lower(), parent=parent)


def need_of_tag(tag: IdTag, **fields: Any) -> None:
    with tenant_transaction(tag.tenant_id):
        IdTagNeed.objects.create(tenant_id=tag.tenant_id, id_tag=tag, **fields)


def effective(tenant: Tenant, session: Transaction) -> Need:
    with tenant_transaction(tenant.pk):
        return need_of(session)


def put(api: APIClient, session: Transaction, **fields: Any) -> Any:
    return api.put(f"{BASE}/transactions/{session.pk}/charging-need", fields, format="json")


def in_hours(hours: float) -> str:
    return (timezone.now() + timedelta(hours=hours)).isoformat()


def test_a_sessions_need_is_kept_replaced_and_cleared(api: APIClient, station: ChargePoint) -> None:
    session = make_session(station)
    path = f"{BASE}/transactions/{session.pk}/charging-need"
    empty = {"departureTime": None, "energyWh": None, "priority": None, "maxCurrentA": None}
    assert api.get(path).json()["data"] == {**empty, "effective": empty}
    answer = put(api, session, departureTime=in_hours(8), energyWh=20000, priority=5, maxCurrentA="16")
    assert answer.status_code == 200
    shown = answer.json()["data"]
    assert (shown["energyWh"], shown["priority"], shown["maxCurrentA"]) == (20000, 5, "16")
    assert shown["effective"]["departureTime"] == shown["departureTime"] is not None
    replaced = put(api, session, energyWh=1).json()["data"]
    assert (replaced["energyWh"], replaced["priority"], replaced["departureTime"]) == (1, None, None)
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 204
    assert api.get(path).json()["data"] == {**empty, "effective": empty}
    with tenant_transaction(station.tenant_id):
        rows = AuditEntry.objects.filter(action="charging need", object_type="transaction").order_by("pk")
        assert [row.changes.get("energy_wh") for row in rows] == [[None, "20000"], ["20000", "1"], ["1", None]]


def test_each_part_comes_from_the_session_else_the_tag_else_its_group(
    api: APIClient, station: ChargePoint, tenant: Tenant
) -> None:
    group = make_tag(tenant, "FLEET")
    tag = make_tag(tenant, "TAG", group)
    need_of_tag(group, departure_time=time(6), energy_wh=30000, priority=1, max_a=Decimal(32))
    need_of_tag(tag, energy_wh=10000)
    session = make_session(station, id_tag_row=tag, started_at=EVENING)
    morning = datetime(2026, 10, 25, 6, tzinfo=UTC)
    assert effective(tenant, session) == Need(morning, 10000, 1, Decimal(32))
    put(api, session, priority=0, energyWh=5000)
    assert effective(tenant, session) == Need(morning, 5000, 0, Decimal(32))


@pytest.mark.parametrize(
    ("site_zone", "tenant_zone", "expected"),
    [
        # Clocks go back that night: seven in the morning is an hour later.
        ("", "Europe/Berlin", datetime(2026, 10, 25, 6, tzinfo=UTC)),
        ("Asia/Tokyo", "Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("Nowhere/Else", "Europe/Berlin", datetime(2026, 10, 25, 7, tzinfo=UTC)),
        (None, "UTC", datetime(2026, 10, 25, 7, tzinfo=UTC)),
    ],
)
def test_a_time_of_day_is_the_next_in_the_zone_of_the_site(
    station: ChargePoint, tenant: Tenant, site_zone: str | None, tenant_zone: str, expected: datetime
) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(timezone=tenant_zone)
    with tenant_transaction(tenant.pk):
        if site_zone is not None:
            site = Site.objects.create(tenant=tenant, name="Depot", timezone=site_zone)
            ChargePoint.objects.filter(pk=station.pk).update(site=site)
    tag = make_tag(tenant)
    need_of_tag(tag, departure_time=time(7))
    session = make_session(station, id_tag_row=tag, started_at=EVENING)
    assert effective(tenant, session).departure_at == expected


def test_five_hundred_sessions_take_one_query(tenant: Tenant) -> None:
    group = make_tag(tenant, "FLEET")
    need_of_tag(group, priority=7)
    station = make_station(tenant)
    sessions = [
        make_session(station, str(number), id_tag_row=group, state="stopped", meter_start_wh=Decimal(number))
        for number in range(500)
    ]
    with tenant_transaction(tenant.pk):
        with CaptureQueriesContext(connections["default"]) as captured:
            found = needs_of(sessions)
        assert len(captured) == 1
        assert {need.priority for need in found.values()} == {7}
        assert needs_of([]) == {}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"departureTime": in_hours(-1)}, ("departureTime", "departure_passed")),
        ({"departureTime": in_hours(24 * 32)}, ("departureTime", "too_far_ahead")),
        ({"departureTime": "07:30"}, ("departureTime", "invalid")),
        ({"departureTime": "0001-01-01T00:00:00+14:00"}, ("departureTime", "overflow")),
        ({"energyWh": 0}, ("energyWh", "min_value")),
        ({"energyWh": 2**31}, ("energyWh", "max_value")),
        ({"energyWh": 1.5}, ("energyWh", "invalid")),
        ({"priority": 101}, ("priority", "max_value")),
        ({"maxCurrentA": "0.5"}, ("maxCurrentA", "min_value")),
        ({"maxCurrentA": "NaN"}, ("maxCurrentA", "invalid")),
        ({"energyWH": 1}, ("energyWH", "invalid")),
    ],
)
def test_needs_that_cannot_be_are_refused_by_field(
    api: APIClient, station: ChargePoint, fields: Any, wrong: tuple[str, str]
) -> None:
    assert refusals(put(api, make_session(station), **fields)) == {wrong}


def test_a_session_that_has_ended_needs_nothing(api: APIClient, station: ChargePoint) -> None:
    session = make_session(station, state="stopped", stopped_at=timezone.now())
    assert refusals(put(api, session, energyWh=1), 409) == {(None, "session_ended")}


def test_a_tags_need_has_a_time_of_day(api: APIClient, tenant: Tenant) -> None:
    make_tag(tenant)
    path = f"{BASE}/id-tags/tag/charging-need"
    empty = {"departureTime": None, "energyWh": None, "priority": None, "maxCurrentA": None}
    assert api.get(path).json()["data"] == empty
    answer = api.put(path, {"departureTime": "07:30", "energyWh": 20000, "priority": -3}, format="json")
    assert answer.json()["data"] == {"departureTime": "07:30", "energyWh": 20000, "priority": -3, "maxCurrentA": None}
    assert api.get(path).json()["data"]["departureTime"] == "07:30"
    for wrong in ("25:00", "7", "07:30:00", "2026-11-21T07:30:00Z", 7):
        assert {field for field, _ in refusals(api.put(path, {"departureTime": wrong}, format="json"))} == {
            "departureTime"
        }
    assert api.delete(path).status_code == 204
    assert api.get(path).json()["data"] == empty
    with tenant_transaction(tenant.pk):
        assert AuditEntry.objects.filter(action="charging need", object_type="idtag").count() == 2


def test_the_tree_of_the_session_is_woken(
    api: APIClient, station: ChargePoint, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = make_tag(tenant, "FLEET")
    tag = make_tag(tenant, "TAG", group)
    site = make_circuit(api)
    feeder = make_circuit(api, "Feeder", parentId=site["id"])
    make_circuit(api, "Other")
    member_of(api, feeder)
    session = make_session(station, id_tag_row=tag)
    make_session(make_station(tenant, "CP2"), "2")
    woken: list[Any] = []
    monkeypatch.setattr(waking, "wake_circuit", lambda **told: woken.append((told["root_id"], told["cause"])))
    put(api, session, priority=1)
    api.put(f"{BASE}/id-tags/TAG/charging-need", {"priority": 1}, format="json")
    # Of its group, too.
    api.put(f"{BASE}/id-tags/FLEET/charging-need", {"priority": 1}, format="json")
    api.delete(f"{BASE}/transactions/{session.pk}/charging-need")
    assert woken == [(site["id"], "charging_need")] * 4


def test_operators_say_what_is_needed_and_viewers_read_it(
    viewer: APIClient, station: ChargePoint, tenant: Tenant, redis_clean: Any
) -> None:
    make_tag(tenant)
    session = make_session(station)
    operator = client_of(make_user("olivia", tenant, Role.OPERATOR))
    for path in (f"{BASE}/transactions/{session.pk}/charging-need", f"{BASE}/id-tags/TAG/charging-need"):
        assert operator.put(path, {"priority": 1}, format="json").status_code == 200
        assert viewer.get(path).json()["data"]["priority"] == 1
        assert viewer.put(path, {"priority": 2}, format="json").status_code == 403
        assert viewer.delete(path).status_code == 403


def test_another_tenants_sessions_and_tags_are_404(stranger: APIClient, station: ChargePoint, tenant: Tenant) -> None:
    make_tag(tenant)
    session = make_session(station)
    for path in (f"{BASE}/transactions/{session.pk}/charging-need", f"{BASE}/id-tags/TAG/charging-need"):
        assert stranger.get(path).status_code == 404
        assert stranger.put(path, {"priority": 1}, format="json").status_code == 404
        assert stranger.delete(path).status_code == 404


@pytest.mark.parametrize("path", ["/transactions/0", "/transactions/abc", "/id-tags/%00", "/id-tags/NONE"])
def test_impossible_sessions_and_tags_are_404(api: APIClient, tenant: Tenant, path: str) -> None:
    assert api.get(f"{BASE}{path}/charging-need").status_code == 404
