"""`reserve-now`, `cancel-reservation` and `/reservations`."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, IdTag, Reservation
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import bring_online, make_station

BASE = "/api/v1"
URL = f"{BASE}/chargepoints/CP1/reserve-now"


def later(**ahead: int) -> str:
    return (timezone.now() + timedelta(**(ahead or {"hours": 1}))).isoformat()


def wish(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "TAG", "expiryDate": later(), **changes}


@pytest.fixture
def tag(tenant: Tenant) -> IdTag:
    with tenant_transaction(tenant.pk):
        return IdTag.objects.create(tenant=tenant, token="TAG", token_key="tag")


@pytest.fixture
def online(station: ChargePoint, tag: IdTag) -> ChargePoint:
    bring_online(station)
    return station


def test_reserving_answers_with_the_command_and_is_audited(api: APIClient, tenant: Tenant, online: ChargePoint) -> None:
    answer = api.post(URL, wish())
    assert answer.status_code == 202, answer.json()
    command = answer.json()["data"]
    assert (command["action"], command["status"]) == ("ReserveNow", "queued")
    listed = api.get(f"{BASE}/reservations").json()["data"]
    assert [row["reservationId"] for row in listed] == [command["payload"]["reservationId"]]
    assert listed[0]["status"] == "requested"
    assert api.get(f"{BASE}/reservations/{listed[0]['id']}").json()["data"] == listed[0]
    with tenant_transaction(tenant.pk):
        assert AuditEntry.objects.get().action == "ReserveNow"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"connectorId": -1}, "connectorId"),
        ({"connectorId": "first"}, "connectorId"),
        ({"idTag": "T" * 21}, "idTag"),
        ({"idTag": ""}, "idTag"),
        ({"expiryDate": "2020-01-01T00:00:00Z"}, "expiryDate"),
        ({"expiryDate": "2999-01-01T00:00:00Z"}, "expiryDate"),
        ({"expiryDate": "tomorrow"}, "expiryDate"),
        ({"parentIdTag": "P" * 21}, "parentIdTag"),
        ({"color": "red"}, "color"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_sent(
    api: APIClient, tenant: Tenant, online: ChargePoint, changes: dict[str, Any], field: str
) -> None:
    answer = api.post(URL, wish(**changes))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    with tenant_transaction(tenant.pk):
        assert Command.objects.count() + Reservation.objects.count() == 0


def test_a_conflict_is_409_with_its_name(api: APIClient, online: ChargePoint) -> None:
    assert api.post(URL, wish()).status_code == 202
    taken = api.post(URL, wish())
    assert (taken.status_code, taken.json()["errors"][0]["code"]) == (409, "reserved")
    unknown = api.post(URL, wish(idTag="NOBODY"))
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (409, "id_tag_not_valid")
    anywhere = api.post(URL, wish(connectorId=0))
    assert (anywhere.status_code, anywhere.json()["errors"][0]["code"]) == (409, "connector_zero_not_supported")


def test_an_offline_station_is_409_and_reserves_nothing(
    api: APIClient, tenant: Tenant, station: ChargePoint, tag: IdTag
) -> None:
    assert api.post(URL, wish()).status_code == 409
    with tenant_transaction(tenant.pk):
        assert Reservation.objects.count() == 0


def test_cancelling_asks_the_station_once(api: APIClient, online: ChargePoint) -> None:
    url = f"{BASE}/chargepoints/CP1/cancel-reservation"
    number = api.post(URL, wish()).json()["data"]["payload"]["reservationId"]
    first = api.post(url, {"reservationId": number})
    assert (first.status_code, first.json()["data"]["action"]) == (202, "CancelReservation")
    again = api.post(url, {"reservationId": number})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "being_cancelled")
    assert api.post(url, {"reservationId": number + 1}).status_code == 404
    assert api.post(url, {"reservationId": 0}).status_code == 400


def test_reservations_are_filtered(api: APIClient, tenant: Tenant, station: ChargePoint) -> None:
    other = make_station(tenant, "CP2")
    with tenant_transaction(tenant.pk):
        for number, (place, state) in enumerate([(station, "active"), (station, "used"), (other, "active")], 1):
            Reservation.objects.create(
                tenant=tenant,
                charge_point=place,
                evse_number=number,
                protocol_id=number,
                id_tag=f"TAG{number}",
                state=state,
                expires_at=timezone.now(),
                requested_by="x",
            )
    for query, found in {
        "": {1, 2, 3},
        "?chargePointId=cp1": {1, 2},
        "?status=active": {1, 3},
        "?idTag=tag2": {2},
        "?connectorId=3": {3},
        "?limit=1": {3},
    }.items():
        listed = api.get(f"{BASE}/reservations{query}").json()["data"]
        assert {row["reservationId"] for row in listed} == found
    for query in ("?status=lost", "?connectorId=x", "?color=red"):
        assert api.get(f"{BASE}/reservations{query}").status_code == 400


def test_nobody_else_sees_or_makes_them(
    api: APIClient, viewer: APIClient, stranger: APIClient, online: ChargePoint
) -> None:
    assert viewer.post(URL, wish()).status_code == 403
    assert stranger.post(URL, wish()).status_code == 404
    assert api.post(URL, wish()).status_code == 202
    assert stranger.get(f"{BASE}/reservations").json()["data"] == []
    row = viewer.get(f"{BASE}/reservations").json()["data"][0]
    assert stranger.get(f"{BASE}/reservations/{row['id']}").status_code == 404
