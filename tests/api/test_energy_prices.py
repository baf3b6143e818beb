"""Day-ahead prices over REST and by file."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from smartcharging.models import EnergyPrice
from smartcharging.services import waking
from smartcharging.services.prices import prices_between
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant
from tests.api.circuit_cast import BASE, make_circuit, refusals
from tests.api.conftest import client_of
from tests.conftest import make_user

URL = f"{BASE}/energy-prices"
DAY = datetime(2026, 11, 22, tzinfo=UTC)
HEAD = "startTime,endTime,price\n"


def span(start: datetime, minutes: int = 60, price: Any = "0.1") -> dict[str, Any]:
    return {
        "startTime": start.isoformat(),
        "endTime": (start + timedelta(minutes=minutes)).isoformat(),
        "price": price,
    }


def hours(count: int = 24, minutes: int = 60, start: datetime = DAY) -> list[dict[str, Any]]:
    return [span(start + timedelta(minutes=minutes * n), minutes, f"0.{n:03d}") for n in range(count)]


def send(api: APIClient, prices: list[Any], method: str = "post", **fields: Any) -> Any:
    return getattr(api, method)(URL, {"prices": prices, **fields}, format="json")


def upload(api: APIClient, text: str, query: str = "") -> Any:
    return api.generic("POST", f"{URL}/import{query}", text, "text/csv")


def count(tenant: Tenant) -> int:
    with tenant_transaction(tenant.pk):
        return EnergyPrice.objects.count()


def test_a_day_of_prices_is_stored_and_read(api: APIClient, tenant: Tenant) -> None:
    answer = send(api, hours(), zone="DE-LU", currency="EUR")
    assert answer.status_code == 201, answer.json()
    assert answer.json()["data"] == {"created": 24, "replaced": 0, "removed": 0}
    (first,) = api.get(f"{URL}?zone=DE-LU&limit=1&endTime=2026-11-22T00:30:00Z").json()["data"]
    assert (first["startTime"], first["price"], first["currency"]) == ("2026-11-22T00:00:00Z", "0", "EUR")
    with tenant_transaction(tenant.pk):
        found = prices_between("DE-LU", DAY + timedelta(minutes=90), DAY + timedelta(hours=3))
        assert [(price.start_at.hour, price.price) for price in found] == [(1, 0.001), (2, 0.002)]
        assert prices_between("", DAY, DAY + timedelta(days=1)) == []
        assert AuditEntry.objects.filter(action="store prices").get().changes["prices"] == 24


def test_sent_again_the_same_start_is_replaced(api: APIClient, tenant: Tenant) -> None:
    send(api, hours())
    again = send(api, [span(DAY, price="-0.05"), span(DAY + timedelta(hours=24))])
    assert again.json()["data"] == {"created": 1, "replaced": 1, "removed": 0}
    with tenant_transaction(tenant.pk):
        assert prices_between("", DAY, DAY + timedelta(minutes=1))[0].price == -0.05
    assert count(tenant) == 25


def test_hours_become_quarters_by_put(api: APIClient, tenant: Tenant) -> None:
    send(api, hours())
    quarters = hours(8, 15, DAY + timedelta(hours=6))
    # All hours that they cover begin as one of them does.
    assert send(api, quarters).status_code == 201
    back = hours(2, 60, DAY + timedelta(hours=6))
    refused = send(api, back)
    assert {reason for _, reason in refusals(refused)} == {"overlaps"}
    answer = send(api, back, "put")
    assert answer.status_code == 200
    assert answer.json()["data"] == {"created": 0, "replaced": 2, "removed": 6}
    assert count(tenant) == 24


def test_put_does_not_cut_a_price_that_reaches_in_from_before(api: APIClient, tenant: Tenant) -> None:
    send(api, [span(DAY, 120)])
    refused = send(api, [span(DAY + timedelta(hours=1))], "put")
    assert refusals(refused) == {("prices.0.startTime", "overlaps")}
    assert count(tenant) == 1


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-29", 92), ("2026-10-25", 100), ("2026-11-22", 96)])
def test_days_of_summer_time_have_as_many_quarters_as_they_have(
    api: APIClient, tenant: Tenant, day: str, quarters: int
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime.fromisoformat(day).replace(tzinfo=berlin)
    end = (start + timedelta(days=1)).astimezone(UTC)
    at, lines = start.astimezone(UTC), HEAD
    while at < end:
        till = at + timedelta(minutes=15)
        lines += f"{at.astimezone(berlin).isoformat()},{till.astimezone(berlin).isoformat()},0.1\n"
        at = till
    answer = upload(api, lines, "?zone=DE")
    assert answer.status_code == 201, answer.json()
    assert answer.json()["data"]["created"] == quarters
    with tenant_transaction(tenant.pk):
        found = prices_between("DE", start, end)
        assert len(found) == quarters
        assert all(before.end_at == after.start_at for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("prices", "fields", "wrong"),
    [
        ([], {}, ("prices", "empty")),
        ([span(DAY, 0)], {}, ("prices.0.endTime", "ends_before_start")),
        ([span(DAY, -60)], {}, ("prices.0.endTime", "ends_before_start")),
        ([span(DAY, 32 * 24 * 60)], {}, ("prices.0.endTime", "too_long")),
        ([span(DAY), span(DAY + timedelta(minutes=30))], {}, ("prices.1.startTime", "overlaps")),
        ([span(DAY), span(DAY)], {}, ("prices.1.startTime", "overlaps")),
        ([span(datetime(2099, 1, 1, tzinfo=UTC))], {}, ("prices.0.startTime", "too_far_ahead")),
        ([span(DAY, price="cheap")], {}, ("prices.0.price", "invalid")),
        ([span(DAY, price="0.0000001")], {}, ("prices.0.price", "max_decimal_places")),
        ([span(DAY, price="100000")], {}, ("prices.0.price", "invalid")),
        ([span(DAY, price="84.1234")], {"per": "MWh"}, ("prices.0.price", "invalid")),
        ([{"startTime": DAY.isoformat(), "price": 1}], {}, ("prices.0.endTime", "required")),
        ([3], {}, ("prices.0", "invalid")),
        ([span(DAY)], {"currency": "XXX"}, ("currency", "invalid_choice")),
        ([span(DAY)], {"zone": "x" * 41}, ("zone", "max_length")),
        ([span(DAY)], {"colour": 1}, ("colour", "invalid")),
    ],
)
def test_prices_that_cannot_be_are_refused_and_nothing_is_stored(
    api: APIClient, tenant: Tenant, prices: Any, fields: Any, wrong: tuple[str, str]
) -> None:
    assert refusals(send(api, prices, **fields)) == {wrong}
    assert count(tenant) == 0


def test_prices_of_a_zone_stay_in_one_currency(api: APIClient, tenant: Tenant) -> None:
    send(api, hours(2, start=DAY + timedelta(hours=1)), currency="EUR")
    assert refusals(send(api, [span(DAY)], currency="DKK")) == {("currency", "another_currency")}
    assert send(api, [span(DAY)], currency="DKK", zone="DK1").status_code == 201
    # Those to come may be in another: a country joins.
    assert send(api, [span(DAY + timedelta(days=1))], currency="DKK").status_code == 201


def test_prices_of_a_megawatt_hour_are_taken_exactly(api: APIClient, tenant: Tenant) -> None:
    assert send(api, [span(DAY, price="84.123")], per="MWh").status_code == 201
    with tenant_transaction(tenant.pk):
        assert EnergyPrice.objects.get().price == Decimal("0.084123")
        assert EnergyPrice.objects.get().currency == tenant.currency


def test_a_file_is_stored_whole_or_not_at_all(api: APIClient, tenant: Tenant) -> None:
    good = "2026-11-22T00:00:00Z,2026-11-22T01:00:00Z,84.5\n"
    bad = upload(api, HEAD + good + "2026-11-22T01:00:00,2026-11-22T02:00:00Z,cheap\n")
    assert {field for field, _ in refusals(bad)} == {"lines.3.startTime", "lines.3.price"}
    twice = upload(api, HEAD + good + good)
    assert refusals(twice) == {("lines.3.startTime", "overlaps")}
    assert refusals(upload(api, HEAD)) == {("file", "none")}
    assert count(tenant) == 0
    assert upload(api, HEAD + good, "?per=MWh&currency=EUR&zone=AT").status_code == 201
    again = upload(api, HEAD + good, "?per=MWh&zone=AT&replace=true")
    assert again.json()["data"] == {"created": 0, "replaced": 1, "removed": 0}
    form = api.post(f"{URL}/import", {"file": SimpleUploadedFile("p.csv", (HEAD + good).encode())}, format="multipart")
    assert form.status_code == 201


@pytest.mark.parametrize("query", ["per=GWh", "currency=zzz", "replace=perhaps", "colour=1", "zone=" + "x" * 41])
def test_wrong_parameters_of_a_file_are_named(api: APIClient, tenant: Tenant, query: str) -> None:
    answer = upload(api, HEAD, f"?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_prices_are_removed_by_zone_and_time(api: APIClient, tenant: Tenant) -> None:
    send(api, hours())
    send(api, hours(), zone="AT")
    start, end = "2026-11-22T06:00:00Z", "2026-11-22T08:00:00Z"
    assert api.delete(f"{URL}?startTime={start}&endTime={end}").status_code == 204
    assert count(tenant) == 46
    assert refusals(api.delete(f"{URL}?startTime={start}")) == {("endTime", "required")}


def test_circuits_of_the_zone_are_woken(api: APIClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = make_circuit(api, "Mine", strategy="price", priceZone="DE")
    make_circuit(api, "Elsewhere", strategy="price", priceZone="AT")
    make_circuit(api, "Other", strategy="equal", priceZone="DE")
    woken: list[Any] = []
    monkeypatch.setattr(waking, "wake_circuit", lambda **told: woken.append((told["root_id"], told["cause"])))
    send(api, hours(), zone="DE")
    assert woken == [(mine["id"], "prices")]


def test_operators_send_prices_and_viewers_read_them(api: APIClient, viewer: APIClient, tenant: Tenant) -> None:
    operator = client_of(make_user("olivia", tenant, Role.OPERATOR))
    assert send(operator, hours()).status_code == 201
    assert len(viewer.get(URL).json()["data"]) == 24
    assert send(viewer, hours()).status_code == 403
    assert upload(viewer, HEAD).status_code == 403
    assert viewer.delete(f"{URL}?startTime=2026-11-22T06:00:00Z&endTime=2026-11-22T08:00:00Z").status_code == 403


def test_another_tenant_sees_and_overlaps_none_of_them(api: APIClient, stranger: APIClient, tenant: Tenant) -> None:
    send(api, hours())
    assert stranger.get(URL).json()["data"] == []
    assert send(stranger, [span(DAY + timedelta(minutes=30))]).status_code == 201


@pytest.mark.parametrize("query", ["startTime=x", "endTime=0001-01-01T00:00:00%2B23:00", "cursor=x", "colour=1"])
def test_wrong_filters_are_named(api: APIClient, tenant: Tenant, query: str) -> None:
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]
