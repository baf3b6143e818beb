"""CSV exports: what a cell looks like, and that any length is served in the memory of a page."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint
from metering.models import Sample
from tenants.api.csv_export import Cell, as_text, csv_chunks, tenant_pages
from tenants.models import Tenant
from tests.api.conftest import make_session
from tests.api.readings import NOON, make_reading, make_series

EXPORT = "/api/v1/chargepoints/CP1/meter-values/export"
Context = Sample.Context


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("", ""),
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-12.50", "-12.50"),
        ("+3", "+3"),
        ("-5\n=1", "'-5\n=1"),
        (Decimal("-12.500"), "-12.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1234567890123456.123456789012"), "1234567890123456.123456789012"),
        (7, "7"),
        (True, "true"),
        (datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2))), "2026-03-29T00:30:00Z"),
        (datetime(2026, 3, 29, 2, 30, 0, 5000, tzinfo=UTC), "2026-03-29T02:30:00.005000Z"),
    ],
)
def test_a_cell_is_exact_and_no_spreadsheet_works_it_out(cell: Cell, text: str) -> None:
    assert as_text(cell) == text


def test_cells_are_quoted_as_rfc_4180_says() -> None:
    written = b"".join(csv_chunks(["a", "b"], [[["1,2", 'say "hi"'], ["two\r\nlines", None]]]))
    assert written == b'a,b\r\n"1,2","say ""hi"""\r\n"two\r\nlines",\r\n'


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def content_of(response: Any) -> bytes:
    assert response.status_code == 200, response.content
    return b"".join(cast(Iterator[bytes], response.streaming_content))


@pytest.mark.parametrize("rows_per_page", [1, 2, 3, 100])
def test_an_export_has_every_reading_once_oldest_first(
    api: APIClient, station: ChargePoint, monkeypatch: pytest.MonkeyPatch, rows_per_page: int
) -> None:
    monkeypatch.setattr("metering.api.reading_query.ROWS_PER_PAGE", rows_per_page)
    volts, amperes = make_series(station), make_series(station, "Current.Import", unit="A", phase="L1")
    for minute in range(3):
        make_reading(volts, minute, f"23{minute}.5")
        make_reading(volts, minute, f"23{minute}", context=Context.CLOCK)
        make_reading(amperes, minute, f"-{minute}")
    response = api.get(EXPORT)
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"] == 'attachment; filename="meter-values-CP1.csv"'
    rows = rows_of(content_of(response))
    assert [row["value"] for row in rows] == ["230.5", "230", "0", "231.5", "231", "-1", "232.5", "232", "-2"]
    assert rows[1] == {
        "timestamp": f"{NOON:%Y-%m-%dT12:00:00Z}",
        "chargePointId": "CP1",
        "connectorId": "1",
        "transactionId": "",
        "measurand": "Voltage",
        "phase": "",
        "location": "Outlet",
        "context": "Sample.Clock",
        "value": "230",
        "unit": "V",
        "originalValue": "",
        "originalUnit": "",
    }


def test_an_export_takes_the_lists_filters(api: APIClient, station: ChargePoint) -> None:
    volts, amperes = make_series(station), make_series(station, "Current.Import", evse_number=2)
    for minute in range(4):
        make_reading(volts, minute, str(minute))
        make_reading(amperes, minute, str(10 + minute))
    times = {"startTime": f"{NOON:%Y-%m-%dT12:01:00Z}", "endTime": f"{NOON:%Y-%m-%dT12:03:00Z}"}
    for query, found in (
        (times, ["1", "11", "2", "12"]),
        ({"measurand": "Voltage", **times}, ["1", "2"]),
        ({"connectorId": "2", **times}, ["11", "12"]),
        ({"measurand": "Power.Offered"}, []),
    ):
        assert [row["value"] for row in rows_of(content_of(api.get(EXPORT, query)))] == found


def test_a_session_is_exported(api: APIClient, station: ChargePoint) -> None:
    session = make_session(station, started_at=NOON, start_received_at=NOON)
    series = make_series(station)
    make_reading(series, 0, "1")
    make_reading(series, 1, "2", transaction_id=session.pk, raw_value="0.002", raw_unit="kV")
    response = api.get(f"/api/v1/transactions/{session.pk}/meter-values/export")
    assert f"meter-values-session-{session.pk}.csv" in response["Content-Disposition"]
    (row,) = rows_of(content_of(response))
    assert (row["value"], row["transactionId"], row["originalValue"]) == ("2", str(session.pk), "0.002")
    assert row["chargePointId"] == "CP1"


def test_a_measurand_that_a_station_made_up_is_no_formula(api: APIClient, station: ChargePoint) -> None:
    make_reading(make_series(station, '=HYPERLINK("http://x","y")'))
    (row,) = rows_of(content_of(api.get(EXPORT)))
    assert row["measurand"] == '\'=HYPERLINK("http://x","y")'


@pytest.mark.parametrize("accept", ["*/*", "text/csv", "application/json", "application/problem+json"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("startTime=yesterday", "startTime"),
        ("endTime=9999-12-31T23:59:59-23:59", "endTime"),
        ("connectorId=-1", "connectorId"),
        ("transactionId=x", "transactionId"),
        ("measurand=%00", "measurand"),
        ("limit=10", "limit"),
        ("cursor=x", "cursor"),
        ("phase=L1&phase=L2", "phase"),
    ],
)
def test_wrong_parameters_are_400_in_json_before_a_row_is_sent(
    api: APIClient, station: ChargePoint, query: str, field: str, accept: str
) -> None:
    answer = api.get(f"{EXPORT}?{query}", HTTP_ACCEPT=accept)
    assert answer.status_code == 400
    assert answer["Content-Type"] == ("application/problem+json" if "problem" in accept else "application/json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_station_of_another_tenant_is_404_in_json(stranger: APIClient, station: ChargePoint) -> None:
    answer = stranger.get(EXPORT, HTTP_ACCEPT="text/csv")
    assert answer.status_code == 404
    assert answer.json()["success"] is False


def test_a_head_request_reads_no_rows(api: APIClient, station: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("rows were read")

    monkeypatch.setattr("metering.api.reading_query.read_page", refuse)
    assert api.head(EXPORT).status_code == 200


def test_pages_are_read_only_as_they_are_taken_and_hold_no_connection_between(tenant: Tenant) -> None:
    """Memory is bounded by construction: there is never more than one page, and a slow client holds up nobody."""
    asked: list[int | None] = []

    def read_after(last: int | None) -> list[int]:
        assert connections["default"].in_atomic_block
        asked.append(last)
        first = 0 if last is None else last + 1
        return list(range(first, min(first + 2, 5)))

    pages = tenant_pages(tenant.pk, read_after)
    chunks = csv_chunks(["n"], ([[number] for number in page] for page in pages))
    assert next(chunks) == b"n\r\n"
    assert asked == []
    assert next(chunks) == b"0\r\n1\r\n"
    assert asked == [None]
    assert connections["default"].connection is None
    assert list(chunks) == [b"2\r\n3\r\n", b"4\r\n"]
    assert asked == [None, 1, 3, 4]
    assert connections["default"].connection is None


def test_a_failure_on_the_way_cuts_the_answer_off(
    api: APIClient, station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file must not look like a whole one."""
    monkeypatch.setattr("metering.api.reading_query.ROWS_PER_PAGE", 1)
    make_reading(make_series(station))
    taken = iter(cast(Any, api.get(EXPORT)).streaming_content)
    assert [next(taken), next(taken)] != []

    def fail(*_: Any, **__: Any) -> Any:
        raise ConnectionError("the database went away")

    monkeypatch.setattr("metering.api.reading_query.read_page", fail)
    with pytest.raises(ConnectionError):
        next(taken)


def make_five_readings(station: ChargePoint) -> None:
    series = make_series(station)
    for minute in range(5):
        make_reading(series, minute)


async def test_under_asgi_rows_are_sent_as_they_are_read(
    api: APIClient, station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.api.reading_query.ROWS_PER_PAGE", 2)
    await sync_to_async(make_five_readings)(station)
    client = AsyncClient()
    headers = {"Authorization": cast(Any, api)._credentials["HTTP_AUTHORIZATION"]}
    response = cast(StreamingHttpResponse, await client.get(EXPORT, headers=headers))
    assert isinstance(response.asgi_request, ASGIRequest)  # type: ignore[attr-defined]
    assert response.is_async
    chunks = [chunk async for chunk in cast(AsyncIterator[bytes], response.streaming_content)]
    assert [chunk.count(b"\r\n") for chunk in chunks] == [1, 2, 2, 1]
