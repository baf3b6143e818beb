"""The form of a tariff: rates in rows, faults at their fields, an example worked out beside it, words for those who read."""

import html
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from chargepoints.models import Transaction
from metering.models import Tariff
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.conftest import office
from tests.admin.test_tariffs import ELEMENTS, page, tariff, text

__all__ = ["tariff"]

ROWS = {
    "name": "Standard",
    "currency": "EUR",
    "elements-row": ["0", "1"],
    "elements-0-energy_price": "0,50",
    "elements-0-energy_vat": "20",
    "elements-0-energy_step_size": "1",
    "elements-0-start_time": "08:00",
    "elements-0-end_time": "20:00",
    "elements-1-parking_time_price": "6",
    "elements-1-parking_time_step_size": "900",
}
EXAMPLE = {
    "example-kwh": "22",
    "example-start": "2026-11-24T18:00",
    "example-charging": "120",
    "example-parked": "20",
}


def answer_of(said: str) -> dict[str, Any]:
    """What the script reads of the server's answer."""
    _before, _mark, rest = said.partition('id="tariff-answer" type="application/json">')
    found: dict[str, Any] = json.loads(rest.partition("</script>")[0])
    return found


def test_rows_make_a_tariff_as_the_api_would(alice: User, tenant: Tenant) -> None:
    assert office(alice).post(page("metering_tariff_add"), ROWS).status_code == 302
    with tenant_transaction(tenant.pk):
        assert Tariff.objects.get().elements == ELEMENTS


def test_a_tariff_that_was_only_looked_at_is_not_changed(alice: User, tariff: Tariff, tenant: Tenant) -> None:
    client, url = office(alice), page("metering_tariff_change", tariff.pk)
    assert client.post(url, {**ROWS, "elements-row": ["1", "0"]}).status_code == 302
    assert client.post(url, {**ROWS, "elements-row": ["1", "0"]}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert Tariff.objects.get().elements == ELEMENTS[::-1]
        # One changed the order; the other nothing.
        changes = list(AuditEntry.objects.filter(action="change").order_by("pk").values_list("changes", flat=True))
    assert [set(one) for one in changes] == [{"elements"}, set()]


def test_what_is_wrong_stands_at_its_row_and_what_was_typed_stays(alice: User, tenant: Tenant) -> None:
    wrong = {**ROWS, "elements-1-parking_time_price": "six", "elements-1-min_duration": "4h"}
    shown = text(office(alice).post(page("metering_tariff_add"), wrong))
    assert "2 places need another look." in shown
    assert 'value="six"' in shown
    assert 'value="4h"' in shown
    fault = shown.partition('id="elements-1-min_duration-fault"')[2].partition("</ul>")[0]
    assert "Hours and minutes, such as 4:00." in fault
    assert shown.count('aria-invalid="true"') == 2
    with tenant_transaction(tenant.pk):
        assert not Tariff.objects.exists()


def test_the_example_is_worked_out_by_the_price_engine(alice: User) -> None:
    """22 kWh at 0.50 and a fifth of tax; 20 minutes parked are half an hour at 6.00."""
    said = text(office(alice).post(page("tariff_draft"), ROWS | EXAMPLE))
    assert answer_of(said) == {"faults": [], "total": "This session costs 16.20 € with tax."}
    for part in ("0.50 € per kWh + 20% tax (08:00 to 20:00)", "22.000 kWh", "11.0000 €", "3.0000 €"):
        assert part in said, part


@pytest.mark.parametrize(
    ("change", "row", "slot"),
    [
        ({"elements-0-energy_price": "x"}, "0", "energy_price"),
        ({"example-kwh": "-1"}, "", "example-kwh"),
        ({"elements-row": []}, "", ""),
    ],
)
def test_a_draft_that_is_not_complete_says_where(alice: User, change: dict[str, Any], row: str, slot: str) -> None:
    said = answer_of(text(office(alice).post(page("tariff_draft"), ROWS | EXAMPLE | change)))
    assert [(one["row"], one["slot"]) for one in said["faults"]] == [(row, slot)]
    assert said["total"] == ""


def test_rows_and_json_are_two_views_of_the_same(alice: User) -> None:
    client, url = office(alice), page("tariff_sheet")
    as_json = text(client.post(url, ROWS))
    written = html.unescape(as_json.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0])
    assert json.loads(written) == ELEMENTS
    as_rows = text(client.post(url, {"elements": written}))
    assert as_rows.count('name="elements-row"') == 3  # two, and the blank one
    assert 'name="elements-0-energy_price" value="0.5"' in as_rows
    faulty = text(client.post(url, {"elements": '[{"colour": 1}]'}))
    assert "<textarea" in faulty
    assert "elements.0.colour: Unknown field." in faulty
    many = text(client.post(url, {"elements": json.dumps(ELEMENTS * 16)}))
    assert "More than 30 rates are edited as JSON." in many


def test_in_german_prices_are_written_with_a_comma(alice: User, tariff: Tariff) -> None:
    client = office(alice)
    with translation.override("de"):
        shown = text(client.get(page("metering_tariff_change", tariff.pk), headers={"Accept-Language": "de"}))
    assert 'name="elements-0-energy_price" value="0,5"' in shown


def test_who_only_reads_sees_words(bob: User, tariff: Tariff) -> None:
    client: Client = office(bob)
    shown = text(client.get(page("metering_tariff_change", tariff.pk)))
    assert "0.50 € per kWh + 20% tax" in shown
    assert "08:00 to 20:00" in shown
    assert "price_components" not in shown
    assert "elements-row" not in shown
    for name in ("tariff_draft", "tariff_sheet"):
        assert client.post(page(name), ROWS | EXAMPLE).status_code == 403


def test_drafts_are_sent(alice: User) -> None:
    for name in ("tariff_draft", "tariff_sheet"):
        assert office(alice).get(page(name)).status_code == 405


def test_a_cost_limit_names_its_currency(stocked: Transaction, alice: User) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=stocked.tenant_id).update(currency="CHF")
    client = office(alice)
    assert "At most this cost (CHF, with tax)" in text(
        client.get(page("charge_point_remote_start", stocked.charge_point_id))
    )
    assert "Cost, at most (CHF, with tax)" in text(client.get(page("metering_idtaglimit_add")))
