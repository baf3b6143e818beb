"""Pages by time: forwards and back, however many rows share a time."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Command, StatusChange
from tenants.context import tenant_transaction
from tests.api.conftest import make_session

BASE = "/api/v1"


def follow(api: APIClient, url: str | None, direction: str, field: str) -> list[list[Any]]:
    """Page after page until there is no link in this direction."""
    pages = []
    while url:
        page = api.get(url).json()
        pages.append([row[field] for row in page["data"]])
        url = page["meta"][direction]
    return pages


@pytest.mark.parametrize("minutes_apart", [0, 1])
def test_pages_lead_forwards_and_back_over_the_same_rows(
    api: APIClient, station: ChargePoint, minutes_apart: int
) -> None:
    first = make_session(station, "0", state="stopped").started_at
    for number in range(1, 5):
        at = first + timedelta(minutes=minutes_apart * number)
        make_session(station, str(number), state="stopped", started_at=at, id_tag=f"T{number}")
    forwards = follow(api, f"{BASE}/transactions?limit=2", "next", "transactionId")
    assert forwards == [["4", "3"], ["2", "1"], ["0"]]
    url, last = f"{BASE}/transactions?limit=2", ""
    while url:
        last, url = url, api.get(url).json()["meta"]["next"]
    assert follow(api, last, "previous", "transactionId") == [["0"], ["2", "1"], ["4", "3"]]


def test_a_single_page_leads_nowhere(api: APIClient, station: ChargePoint) -> None:
    make_session(station)
    meta = api.get(f"{BASE}/transactions").json()["meta"]
    assert meta == {"next": None, "previous": None, "limit": 100}


def test_a_page_past_the_end_is_empty(api: APIClient, station: ChargePoint) -> None:
    page = api.get(f"{BASE}/transactions?cursor=2000-01-01T00:00:00Z~1").json()
    assert (page["data"], page["meta"]["next"]) == ([], None)


def test_rows_with_uuids_and_one_time_are_each_shown_once(api: APIClient, station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        for _ in range(5):
            Command.objects.create(
                tenant_id=station.tenant_id, charge_point=station, action="Reset", requested_by="alice", origin="api"
            )
        Command.objects.update(created_at=make_session(station).started_at)
    pages = follow(api, f"{BASE}/commands?limit=2", "next", "commandId")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({row for page in pages for row in page}) == 5


def test_the_filters_stay_in_the_links(api: APIClient, station: ChargePoint) -> None:
    at = make_session(station).started_at
    with tenant_transaction(station.tenant_id):
        for number in (1, 2):
            for _ in range(3):
                StatusChange.objects.create(
                    tenant_id=station.tenant_id,
                    charge_point=station,
                    evse_number=number,
                    status="Available",
                    at=at,
                    received_at=at,
                )
    pages = follow(api, f"{BASE}/chargepoints/CP1/connectors/1/status-history?limit=2", "next", "connectorId")
    assert pages == [[1, 1], [1]]
