"""The receipt: what stands on it."""

import re
from decimal import Decimal
from typing import Any

import pytest

from chargepoints.models import ChargePoint, IdTag, Site
from metering.models import ChargeDetailRecord, Tariff, TariffAssignment
from metering.pricing.receipt import receipt_pdf
from metering.pricing.records import correct_record
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.metering.pricing.terms import component, element
from tests.metering.pricing.test_records import settle
from tests.metering.test_selectors import begin, end, registers, write

ELEMENTS = [
    element(component("FLAT", 0.5, vat=19)),
    element(component("ENERGY", 0.3499, vat=19, step=500), max_kwh=10),
    element(component("ENERGY", 0.55, vat=7)),
    element(component("PARKING_TIME", 6, vat=19, step=900)),
]


def make_record(station: ChargePoint) -> ChargeDetailRecord:
    """A session with tiers and parking, at a site, under names that need more than Latin letters."""
    with system_transaction():
        Tenant.objects.filter(pk=station.tenant_id).update(name="Łódź & Kraków Ładowarki <sp. z o.o.>")
    with tenant_transaction(station.tenant_id):
        IdTag.objects.create(tenant_id=station.tenant_id, token="TAG", token_key="tag")
        site = Site.objects.create(
            tenant_id=station.tenant_id, name="Київ Depot", address="Main Street 1", timezone="Europe/Warsaw"
        )
        ChargePoint.objects.filter(pk=station.pk).update(site=site)
        tariff = Tariff.objects.create(
            tenant_id=station.tenant_id, name="Public €", currency="EUR", elements=ELEMENTS, max_price=Decimal(40)
        )
        TariffAssignment.objects.create(tenant_id=station.tenant_id, tariff=tariff)
    session = begin(station, ago=3, meter=1_234_567)
    write(registers(session, station, (2, "1256567.5")))
    end(session, ago=1, meter=1_256_568)
    made: ChargeDetailRecord = settle(session)
    return made


def read(record: ChargeDetailRecord) -> bytes:
    with tenant_transaction(record.tenant_id):
        fresh = ChargeDetailRecord.objects.select_related("transaction__charge_point__site", "tenant").get(pk=record.pk)
        return receipt_pdf(fresh)


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_a_receipt_is_one_page_of_pdf_and_always_the_same(station: ChargePoint) -> None:
    record = make_record(station)
    first = read(record)
    assert first.startswith(b"%PDF-")
    assert first.rstrip().endswith(b"%%EOF")
    assert pages(first) == 1
    assert read(record) == first


def test_a_corrected_record_says_so(station: ChargePoint) -> None:
    record = make_record(station)
    before = read(record)
    made = correct_record(record=record, reason="Broken cable", actor="alice", origin="admin", lines=[])
    assert read(record) != before
    assert pages(read(made)) == 1


def test_a_receipt_of_many_lines_goes_on_to_another_page(station: ChargePoint, monkeypatch: Any) -> None:
    many = [element(component("ENERGY", 0.1), min_kwh=index, max_kwh=index + 1) for index in range(45)]
    monkeypatch.setattr("tests.metering.pricing.test_receipt.ELEMENTS", many)
    assert pages(read(make_record(station))) == 2


@pytest.mark.parametrize(
    "text", ["<b>&amp;</b><para>", "\x01\x1b\x7f", "\u202e\U0001f50c漢字\ufffe", "x" * 255, "{}%s", "</font>"]
)
def test_a_receipt_bears_any_text(station: ChargePoint, text: str) -> None:
    record = make_record(station)
    with tenant_transaction(station.tenant_id):
        record.id_tag, record.reason, record.corrects = text, text, record
        record.lines = [{**record.lines[0], "text": text}]
        record.tariff = {**(record.tariff or {}), "name": text}
        assert pages(receipt_pdf(record)) == 1
