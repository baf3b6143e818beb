"""Tariffs, records and costs in the back office."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import IdTag, Site, Transaction
from metering.models import ChargeDetailRecord, SessionTariff, Tariff, TariffAssignment
from metering.pricing.records import queue_record, settle_record
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station

ELEMENTS = [
    {
        "price_components": [{"type": "ENERGY", "price": 0.5, "vat": 20, "step_size": 1}],
        "restrictions": {"start_time": "08:00", "end_time": "20:00"},
    },
    {"price_components": [{"type": "PARKING_TIME", "price": 6, "step_size": 900}]},
]
FORM = {"name": "Standard", "currency": "EUR", "elements": json.dumps(ELEMENTS)}


@pytest.fixture
def tariff(tenant: Tenant) -> Tariff:
    with tenant_transaction(tenant.pk):
        found = Tariff.objects.create(tenant=tenant, name="Standard", currency="EUR", elements=ELEMENTS)
        TariffAssignment.objects.create(tenant=tenant, tariff=found)
    return found


@pytest.fixture
def record(tenant: Tenant, tariff: Tariff) -> ChargeDetailRecord:
    """Of a session of an hour and 10 kWh."""
    session = make_session(make_station(tenant))
    end = session.started_at + timedelta(hours=1)
    with tenant_transaction(tenant.pk):
        Transaction.objects.update(
            state="stopped", stopped_at=end, stop_received_at=end, meter_stop_wh=session.meter_start_wh + 10_000
        )
        queue_record(session)
    made = settle_record(tenant_id=tenant.pk, session_id=session.pk, now=timezone.now() + timedelta(minutes=2))
    assert made is not None
    return made


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:{name}", args=arguments)


def test_a_tariff_is_made_and_said_in_words(alice: User, tenant: Tenant) -> None:
    client = office(alice)
    assert client.post(page("metering_tariff_add"), FORM).status_code == 302
    with tenant_transaction(tenant.pk):
        made = Tariff.objects.get()
        assert AuditEntry.objects.get(action="create").object_name == "Standard"
    assert made.elements == ELEMENTS
    words = "0.50 € per kWh + 20% tax (08:00 to 20:00)"
    assert words in text(client.get(page("metering_tariff_changelist")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"elements": '[{"price_components": [{"type": "ENERGY", "price": -1, "step_size": 0}]}]'},
            "elements.0.price_components.0.step_size: A whole number of 1 or more.",
        ),
        ({"elements": "[{"}, "Enter a valid JSON"),
        ({"elements": "7"}, "A list of 1 to 50 items."),
        ({"currency": "XYZ"}, "A currency code of ISO 4217"),
        ({"min_price": "5", "max_price": "4"}, "Ends before it begins."),
    ],
)
def test_a_faulty_tariff_is_refused_with_its_faults(
    alice: User, tenant: Tenant, change: dict[str, str], said: str
) -> None:
    answer = office(alice).post(page("metering_tariff_add"), {**FORM, **change})
    assert said in text(answer)
    with tenant_transaction(tenant.pk):
        assert not Tariff.objects.exists()


def test_a_name_is_given_once(alice: User, tariff: Tariff) -> None:
    assert "There is a tariff of this name already." in text(office(alice).post(page("metering_tariff_add"), FORM))


def test_a_preview_works_out_what_a_session_would_cost(alice: User, tariff: Tariff) -> None:
    """An hour from 19:30: half of 20 kWh by day at 0.50, the rest free; then 20 min parked, 30 min billed at 6.00/h."""
    query = {"kwh": "20", "start": "2026-11-02T19:30", "charging": "60", "parked": "20"}
    shown = text(office(alice).get(page("tariff_preview", tariff.pk), query))
    assert "10.000 kWh" in shown
    assert "5.0000 €" in shown
    assert "0:30:00 h" in shown
    assert "9.00 €" in shown


@pytest.mark.parametrize(
    "query", [{}, {"kwh": "x"}, {"kwh": "1", "start": "9999-12-31T23:59", "charging": "1", "parked": "0"}]
)
def test_a_preview_of_nothing_sensible_asks_again(alice: User, tariff: Tariff, query: dict[str, str]) -> None:
    assert "What for" not in text(office(alice).get(page("tariff_preview", tariff.pk), query))


def test_a_used_tariff_is_not_deleted(alice: User, record: ChargeDetailRecord, tenant: Tenant) -> None:
    client = office(alice)
    with tenant_transaction(tenant.pk):
        used, unused = (
            Tariff.objects.get(),
            Tariff.objects.create(tenant=tenant, name="New", currency="EUR", elements=[]),
        )
        session = Transaction.objects.get()
        SessionTariff.objects.get_or_create(
            transaction=session, defaults={"tenant": tenant, "tariff": used, "snapshot": {}}
        )
    assert client.post(page("metering_tariff_delete", used.pk), {"post": "yes"}).status_code == 403
    assert client.post(page("metering_tariff_delete", unused.pk), {"post": "yes"}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert list(Tariff.objects.values_list("name", flat=True)) == ["Standard"]


def test_a_tariff_is_assigned_to_one_thing(alice: User, tariff: Tariff, tenant: Tenant) -> None:
    client = office(alice)
    with tenant_transaction(tenant.pk):
        tag = IdTag.objects.create(tenant=tenant, token="Fleet", token_key="fleet")
        site = Site.objects.create(tenant=tenant, name="Depot")
    url = page("metering_tariffassignment_add")
    both = client.post(url, {"tariff": tariff.pk, "id_tag": tag.pk, "site": site.pk})
    assert "At most one of id tag, charge point and site" in text(both)
    assert client.post(url, {"tariff": tariff.pk, "site": site.pk}).status_code == 302
    assert "exists already" in text(client.post(url, {"tariff": tariff.pk, "site": site.pk}))
    shown = text(client.get(page("metering_tariff_change", tariff.pk)))
    assert "everywhere" in shown
    assert "Depot" in shown


def test_a_record_shows_its_lines_and_gives_its_receipt(alice: User, record: ChargeDetailRecord) -> None:
    client = office(alice)
    assert record.number in text(client.get(page("metering_chargedetailrecord_changelist")))
    shown = text(client.get(page("metering_chargedetailrecord_change", record.pk)))
    assert "6.00 €" in shown
    receipt = client.get(page("charge_record_receipt", record.pk))
    assert (receipt["Content-Type"], receipt.content[:5]) == ("application/pdf", b"%PDF-")


@pytest.mark.parametrize(
    ("given", "total"),
    [
        ({"what": "nothing"}, "0.00"),
        ({"what": "energy", "kwh": "5"}, "3.00"),
        ({"what": "amount", "amount": "2", "vat": "10"}, "2.20"),
        ({"what": "again"}, "6.00"),
    ],
)
def test_a_record_is_corrected_by_another(
    alice: User, record: ChargeDetailRecord, tenant: Tenant, given: dict[str, str], total: str
) -> None:
    client = office(alice)
    url = page("charge_record_correct", record.pk)
    assert "The record stays as it is" in text(client.get(url))
    assert client.post(url, {"reason": "Broken cable", **given}).status_code == 302
    with tenant_transaction(tenant.pk):
        made = ChargeDetailRecord.objects.get(revision=2)
    assert (made.total_incl_tax, made.created_by, made.reason) == (Decimal(total), "alice", "Broken cable")
    assert made.number in text(client.get(page("metering_chargedetailrecord_change", record.pk)))
    assert "corrected already" in text(client.post(url, {"reason": "x", **given}, follow=True))


@pytest.mark.parametrize("given", [{"what": "energy"}, {"what": "amount"}, {"what": "nothing", "reason": ""}])
def test_an_unfinished_correction_is_asked_for_again(
    alice: User, record: ChargeDetailRecord, tenant: Tenant, given: dict[str, str]
) -> None:
    answer = office(alice).post(page("charge_record_correct", record.pk), {"reason": "x", **given})
    assert "This field is required." in text(answer)
    with tenant_transaction(tenant.pk):
        assert ChargeDetailRecord.objects.count() == 1


def test_a_sessions_page_shows_what_it_costs(alice: User, record: ChargeDetailRecord) -> None:
    shown = text(office(alice).get(page("chargepoints_transaction_change", record.transaction_id)))
    assert record.number in shown
    assert "6.00 €" in shown


def test_viewers_see_and_correct_nothing(bob: User, record: ChargeDetailRecord, tariff: Tariff) -> None:
    client: Client = office(bob)
    assert client.get(page("charge_record_receipt", record.pk)).status_code == 200
    shown = text(client.get(page("metering_chargedetailrecord_change", record.pk)))
    assert page("charge_record_correct", record.pk) not in shown
    assert client.post(page("charge_record_correct", record.pk), {"reason": "x"}).status_code == 404
    assert client.post(page("metering_tariff_change", tariff.pk), FORM).status_code == 403
    assert text(client.get(page("tariff_preview", tariff.pk)))


def test_another_tenants_tariffs_and_records_do_not_exist(
    charlie: User, record: ChargeDetailRecord, tariff: Tariff
) -> None:
    client = office(charlie)
    for name, key in (
        ("tariff_preview", tariff.pk),
        ("charge_record_receipt", record.pk),
        ("charge_record_correct", record.pk),
    ):
        assert client.get(page(name, key)).status_code == 404
    assert record.number not in text(client.get(page("metering_chargedetailrecord_changelist")))
