"""Tariffs, costs, charge detail records and receipts over REST."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, IdTag, Site, Transaction
from metering.models import SessionTariff, Tariff
from metering.pricing.records import queue_record, settle_record
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import make_session, make_station

BASE = "/api/v1"
ELEMENTS: list[Any] = [
    {
        "price_components": [{"type": "ENERGY", "price": 0.5, "vat": 20, "step_size": 1}],
        "restrictions": {"start_time": "08:00", "end_time": "20:00"},
    },
    {"price_components": [{"type": "ENERGY", "price": 0.25, "vat": 20, "step_size": 1}]},
]
NEW = {"name": "Standard", "currency": "EUR", "elements": ELEMENTS, "maxPrice": "40"}
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def create(api: APIClient, **changes: Any) -> Any:
    answer = api.post(f"{BASE}/tariffs", {**NEW, **changes}, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()["data"]


def fields_of(answer: Any) -> set[str]:
    assert answer.status_code == 400, answer.json()
    return {error["field"] for error in answer.json()["errors"]}


def finished(station: ChargePoint, kwh: int = 10, protocol_id: str = "1", **fields: Any) -> Transaction:
    """A session of an hour from noon, its record queued."""
    session = make_session(
        station,
        protocol_id,
        state="stopped",
        stopped_at=NOON + timedelta(hours=1),
        stop_received_at=NOON + timedelta(hours=1),
        meter_stop_wh=Decimal(1000 + kwh * 1000),
        **fields,
    )
    with tenant_transaction(station.tenant_id):
        queue_record(session)
    return session


def settle(session: Transaction) -> str:
    made = settle_record(tenant_id=session.tenant_id, session_id=session.pk, now=timezone.now() + timedelta(minutes=2))
    assert made is not None
    return made.number


@pytest.fixture
def assigned(api: APIClient) -> int:
    """A tariff for everything."""
    tariff_id: int = create(api)["id"]
    assert api.post(f"{BASE}/tariffs/{tariff_id}/assignments", {}, format="json").status_code == 201
    return tariff_id


def test_a_tariff_is_created_read_and_said_in_words(api: APIClient, tenant: Tenant) -> None:
    made = create(api)
    read = api.get(f"{BASE}/tariffs/{made['id']}").json()["data"]
    assert read == made
    assert (read["elements"], read["maxPrice"], read["archived"]) == (ELEMENTS, "40", False)
    assert read["inWords"][0] == "0.50 € per kWh + 20% tax (08:00 to 20:00)"
    assert [row["name"] for row in api.get(f"{BASE}/tariffs?search=stand&archived=false").json()["data"]] == [
        "Standard"
    ]
    with tenant_transaction(tenant.pk):
        assert AuditEntry.objects.get().action == "create"


def test_every_fault_of_a_tariff_is_named_by_its_path(api: APIClient) -> None:
    broken = [
        {"price_components": [{"type": "ENERGY", "price": 1, "step_size": 0}]},
        {"price_components": [{"type": "TIME", "price": -1, "step_size": 1}], "restrictions": {"start_time": "8"}},
    ]
    answer = api.post(f"{BASE}/tariffs", {**NEW, "elements": broken, "minPrice": 50}, format="json")
    assert fields_of(answer) == {
        "elements.0.price_components.0.step_size",
        "elements.1.price_components.0.price",
        "elements.1.restrictions.start_time",
        "maxPrice",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "EURO"}, "currency"),
        ({"elements": []}, "elements"),
        ({"elements": "cheap"}, "elements"),
        ({"elements": None}, "elements"),
        ({"validFrom": "2026-02-01T00:00:00Z", "validTo": "2026-01-01T00:00:00Z"}, "validTo"),
        ({"minPrice": -1}, "minPrice"),
        ({"colour": "red"}, "colour"),
        ({"name": ""}, "name"),
    ],
)
def test_wrong_input_is_named(api: APIClient, change: dict[str, Any], field: str) -> None:
    assert fields_of(api.post(f"{BASE}/tariffs", {**NEW, **change}, format="json")) == {field}


def test_a_name_is_given_once(api: APIClient) -> None:
    create(api)
    assert fields_of(api.post(f"{BASE}/tariffs", NEW, format="json")) == {"name"}


def test_a_change_is_audited_and_checked_as_a_whole(api: APIClient, tenant: Tenant) -> None:
    tariff_id = create(api)["id"]
    assert fields_of(api.patch(f"{BASE}/tariffs/{tariff_id}", {"minPrice": "41"}, format="json")) == {"maxPrice"}
    answer = api.patch(f"{BASE}/tariffs/{tariff_id}", {"maxPrice": None, "name": "New"}, format="json")
    assert (answer.json()["data"]["maxPrice"], answer.json()["data"]["name"]) == (None, "New")
    with tenant_transaction(tenant.pk):
        changes = AuditEntry.objects.get(action="change").changes
    assert changes == {"max_price": ["40.0000", None], "name": ["Standard", "New"]}


def test_an_unused_tariff_is_deleted_a_used_one_archived(api: APIClient, station: ChargePoint) -> None:
    unused, used = create(api)["id"], create(api, name="Used")["id"]
    session = make_session(station)
    with tenant_transaction(station.tenant_id):
        SessionTariff.objects.create(
            tenant_id=station.tenant_id, transaction=session, tariff=Tariff.objects.get(pk=used), snapshot={}
        )
    assert api.delete(f"{BASE}/tariffs/{unused}").status_code == 204
    assert api.get(f"{BASE}/tariffs/{unused}").status_code == 404
    assert api.delete(f"{BASE}/tariffs/{used}").status_code == 204
    assert api.get(f"{BASE}/tariffs/{used}").json()["data"]["archived"] is True


def test_a_tariff_is_assigned_to_one_thing(api: APIClient, station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        IdTag.objects.create(tenant_id=station.tenant_id, token="Fleet", token_key="fleet")
        Site.objects.create(tenant_id=station.tenant_id, name="Depot")
    url = f"{BASE}/tariffs/{create(api)['id']}/assignments"
    for body in ({}, {"idTag": "FLEET"}, {"chargePointId": "cp1"}, {"site": "Depot"}):
        assert api.post(url, body, format="json").status_code == 201
    assert api.post(url, {"site": "Depot"}, format="json").status_code == 400
    assert api.post(url, {"site": "Depot", "idTag": "fleet"}, format="json").status_code == 400
    assert fields_of(api.post(url, {"chargePointId": "nowhere"}, format="json")) == {"chargePointId"}
    listed = api.get(url).json()["data"]
    assert [(row["idTag"], row["chargePointId"], row["site"]) for row in listed] == [
        (None, None, None),
        ("Fleet", None, None),
        (None, "CP1", None),
        (None, None, "Depot"),
    ]
    assert api.delete(f"{url}/{listed[0]['id']}").status_code == 204
    assert len(api.get(url).json()["data"]) == 3


def test_viewers_read_and_change_nothing(
    api: APIClient, viewer: APIClient, station: ChargePoint, assigned: int
) -> None:
    number = settle(finished(station))
    for url in ("tariffs", f"tariffs/{assigned}", f"tariffs/{assigned}/assignments", "charge-detail-records"):
        assert viewer.get(f"{BASE}/{url}").status_code == 200
    for url in ("tariffs", f"tariffs/{assigned}/assignments", f"charge-detail-records/{number}/corrections"):
        assert viewer.post(f"{BASE}/{url}", {}, format="json").status_code == 403
    assert viewer.delete(f"{BASE}/tariffs/{assigned}").status_code == 403


def test_another_tenants_tariffs_and_costs_do_not_exist(
    api: APIClient, stranger: APIClient, station: ChargePoint, assigned: int, other_tenant: Tenant
) -> None:
    session = finished(station)
    number = settle(session)
    make_station(other_tenant)
    for url in (
        f"tariffs/{assigned}",
        f"tariffs/{assigned}/assignments",
        f"transactions/{session.pk}/cost",
        f"transactions/{session.pk}/receipt",
        f"charge-detail-records/{number}",
        f"charge-detail-records/{number}/receipt",
    ):
        assert stranger.get(f"{BASE}/{url}").status_code == 404, url
    for url in ("tariffs", "charge-detail-records"):
        assert stranger.get(f"{BASE}/{url}").json()["data"] == []
    assert fields_of(
        stranger.post(f"{BASE}/tariffs/{create(stranger)['id']}/assignments", {"idTag": "Card"}, format="json")
    ) == {"idTag"}


def test_the_cost_of_a_session_becomes_final_with_its_record(
    api: APIClient, station: ChargePoint, assigned: int
) -> None:
    """13:00 local time is not asked for: the tenant is in UTC, so noon to one at 0.50: 10 kWh, 5.00 and 20 %."""
    session = finished(station)
    url = f"{BASE}/transactions/{session.pk}/cost"
    before = api.get(url).json()["data"]
    assert (before["final"], before["recordNumber"], before["totalInclTax"], before["tariffName"]) == (
        False,
        None,
        "6",
        "Standard",
    )
    assert api.get(f"{BASE}/transactions/{session.pk}/receipt").status_code == 409
    number = settle(session)
    after = api.get(url).json()["data"]
    assert (after["final"], after["recordNumber"], after["totalInclTax"]) == (True, number, "6")
    assert after["lines"] == before["lines"]
    assert after["lines"][0] == {
        "type": "ENERGY",
        "element": 0,
        "text": "",
        "quantity": "10",
        "unit": "kWh",
        "roundedUp": "0",
        "price": "0.5",
        "vat": "20",
        "amount": "5",
        "tax": "1",
    }
    assert after["taxes"] == [{"vat": "20", "net": "5", "tax": "1"}]


def test_the_cost_of_a_running_session_is_live(api: APIClient, station: ChargePoint) -> None:
    running = make_session(station)
    cost = api.get(f"{BASE}/transactions/{running.pk}/cost").json()["data"]
    assert (cost["final"], cost["totalInclTax"], cost["tariffName"], cost["lines"]) == (False, "0", None, [])


@pytest.mark.parametrize("accept", ["application/pdf", "*/*"])
def test_a_receipt_is_a_pdf(api: APIClient, station: ChargePoint, assigned: int, accept: str) -> None:
    session = finished(station)
    number = settle(session)
    for url in (f"transactions/{session.pk}/receipt", f"charge-detail-records/{number}/receipt"):
        answer = api.get(f"{BASE}/{url}", headers={"Accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF")
    missing = api.get(f"{BASE}/charge-detail-records/2020-000001/receipt", headers={"Accept": accept})
    assert (missing.status_code, missing["Content-Type"]) == (404, "application/json")


def test_records_are_filtered_and_paged(api: APIClient, station: ChargePoint, tenant: Tenant) -> None:
    other = make_station(tenant, "CP2")
    first, second = finished(station), finished(other, protocol_id="2", id_tag="Card")
    numbers = {settle(first): first, settle(second): second}
    url = f"{BASE}/charge-detail-records"

    def found(query: str) -> set[int]:
        return {numbers[row["number"]].pk for row in api.get(f"{url}?{query}").json()["data"]}

    assert found("") == {first.pk, second.pk}
    assert found("chargePointId=cp2") == {second.pk}
    assert found("idTag=card") == {second.pk}
    assert found(f"transactionId={first.pk}") == {first.pk}
    assert found("startTime=2026-11-01T13:00:00Z") == {first.pk, second.pk}
    assert found("endTime=2026-11-01T13:00:00Z") == set()
    page = api.get(f"{url}?limit=1").json()
    assert len(page["data"]) == 1
    assert len(api.get(page["meta"]["next"]).json()["data"]) == 1
    for wrong in ("colour=red", "startTime=soon", "transactionId=x", "limit=0", "cursor=x"):
        assert fields_of(api.get(f"{url}?{wrong}")) == {wrong.partition("=")[0]}


def test_a_record_is_corrected_by_a_new_one(api: APIClient, station: ChargePoint, assigned: int) -> None:
    number = settle(finished(station))
    url = f"{BASE}/charge-detail-records/{number}"
    lines = [{"text": "Half, for the wait", "quantity": "1", "price": "2.5", "vat": "20"}]
    answer = api.post(f"{url}/corrections", {"reason": "Queue", "lines": lines}, format="json")
    made = answer.json()["data"]
    assert (answer.status_code, made["revision"], made["corrects"], made["totalInclTax"], made["createdBy"]) == (
        201,
        2,
        number,
        "3",
        "alice",
    )
    assert api.get(url).json()["data"]["correctedBy"] == made["number"]
    assert api.post(f"{url}/corrections", {"reason": "again"}, format="json").status_code == 409
    free = api.post(
        f"{BASE}/charge-detail-records/{made['number']}/corrections", {"reason": "Free", "lines": []}, format="json"
    ).json()["data"]
    assert (free["revision"], free["totalInclTax"], free["energyWh"]) == (3, "0", "10000")
    less = api.post(
        f"{BASE}/charge-detail-records/{free['number']}/corrections",
        {"reason": "Meter", "energyWh": "2000"},
        format="json",
    ).json()["data"]
    assert (less["energyWh"], less["totalExclTax"]) == ("2000", "1")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": "x", "energyWh": -1}, "energyWh"),
        ({"reason": "x", "lines": [{"text": "x"}]}, "lines.0.price"),
        ({"reason": "x", "lines": [{"text": "x", "price": "1", "vat": 101}]}, "lines.0.vat"),
        ({"reason": "x", "total": 3}, "total"),
    ],
)
def test_wrong_corrections_are_named(
    api: APIClient, station: ChargePoint, assigned: int, body: dict[str, Any], field: str
) -> None:
    number = settle(finished(station))
    answer = api.post(f"{BASE}/charge-detail-records/{number}/corrections", body, format="json")
    assert fields_of(answer) == {field}
