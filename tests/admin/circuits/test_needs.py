"""What load management goes by: grid signals, needs of sessions and tags, prices."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from chargepoints.models import ChargePoint, IdTag
from smartcharging.models import CircuitLimit, EnergyPrice, IdTagNeed, SessionNeed
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.admin.circuits.pages import page, session_of, text
from tests.admin.smart_charging_data import (
    make_circuit,
    make_member,
)


def price_file(*lines: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("prices.csv", "\n".join(["startTime,endTime,price", *lines]).encode())


def test_a_grid_signal_is_set_in_local_time_and_cancelled(tenant: Tenant, operator: Client) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(timezone="Europe/Berlin")
    root = make_circuit(tenant)
    url = page("circuit_limit", root.pk)
    end = (timezone.now() + timedelta(hours=5)).replace(second=0, microsecond=0)
    local = timezone.localtime(end, ZoneInfo("Europe/Berlin"))
    given = {"limit": "20", "unit": "A", "start_at": "", "end_at": f"{local:%Y-%m-%dT%H:%M}", "reason": "Grid"}
    assert operator.post(url, given).status_code == 302
    with tenant_transaction(tenant.pk):
        row = CircuitLimit.objects.get()
    assert (row.limit_a, row.end_at, row.requested_by) == (Decimal(20), end, "oscar")
    assert "at most 20 A on each phase" in text(operator.get(page("smartcharging_circuit_change", root.pk)))
    gone = page("circuit_limit_cancel", root.pk, row.pk)
    assert "holds no longer" in text(operator.get(gone))
    operator.post(gone)
    with tenant_transaction(tenant.pk):
        assert CircuitLimit.objects.get().cancelled_by == "oscar"
    assert "It is over already." in text(operator.post(gone, follow=True))


def test_a_signal_that_cannot_be_is_refused_at_its_field(tenant: Tenant, operator: Client) -> None:
    url = page("circuit_limit", make_circuit(tenant).pk)
    given = {"limit": "20", "unit": "W", "start_at": "", "end_at": "2020-01-01T00:00"}
    assert "ends_before_start" in text(operator.post(url, given))
    assert "This field is required" in text(operator.post(url, {**given, "end_at": ""}))
    with tenant_transaction(tenant.pk):
        assert not CircuitLimit.objects.exists()


def test_a_sessions_limit_and_need_stand_on_its_page(station: ChargePoint, tenant: Tenant, operator: Client) -> None:
    session = session_of(station)
    shown_at, url = page("chargepoints_transaction_change", session.pk), page("transaction_need", session.pk)
    assert "Nobody has said when the car leaves" in text(operator.get(shown_at))
    ledger = {"sent_a": 16, "state": "confirmed", "reason": "deadline", "transaction_id": session.pk}
    make_member(make_circuit(tenant), station, allotment={"worst_a": 16, **ledger})
    at = timezone.now() + timedelta(hours=6)
    given = {"departure_at": f"{at:%Y-%m-%dT%H:%M}", "energy_kwh": "22.5", "priority": "", "max_a": "16"}
    assert operator.post(url, given).status_code == 302
    with tenant_transaction(tenant.pk):
        need = SessionNeed.objects.get()
    assert (need.energy_wh, need.max_a, need.requested_by) == (22_500, Decimal(16), "oscar")
    shown = text(operator.get(shown_at))
    assert "of 22.5 kWh" in shown
    assert "To have its energy by its departure." in shown
    assert "departure_passed" in text(operator.post(url, {**given, "departure_at": "2020-01-01T00:00"}))
    assert operator.post(url, {"clear": "1"}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert not SessionNeed.objects.exists()


def test_a_tags_need_is_kept_by_the_service(tenant: Tenant, operator: Client) -> None:
    with tenant_transaction(tenant.pk):
        tag = IdTag.objects.create(tenant=tenant, token="Card", token_key="card")
    given = {"id_tag": tag.pk, "departure_time": "07:30", "energy_wh": "20000", "priority": "10", "max_a": ""}
    assert operator.post(page("smartcharging_idtagneed_add"), given).status_code == 302
    with tenant_transaction(tenant.pk):
        need = IdTagNeed.objects.get()
        assert AuditEntry.objects.get().action == "charging need"
    assert (need.priority, need.energy_wh) == (10, 20_000)
    change = page("smartcharging_idtagneed_change", need.pk)
    assert operator.post(change, {**given, "priority": "101"}).status_code == 200
    assert operator.post(change, {**given, "priority": "-3"}).status_code == 302
    assert "20 kWh" in text(operator.get(page("smartcharging_idtagneed_changelist")))


def test_prices_are_uploaded_and_drawn(tenant: Tenant, operator: Client) -> None:
    assert "No prices for today" in text(operator.get(page("smartcharging_energyprice_changelist")))
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    spans = [(hour + timedelta(hours=n), hour + timedelta(hours=n + 1)) for n in range(2)]
    lines = [f"{start.isoformat()},{end.isoformat()},{91.4 - n}" for n, (start, end) in enumerate(spans)]
    given = {"file": price_file(*lines), "zone": "DE-LU", "currency": "EUR", "per": "MWh"}
    assert operator.post(page("energy_prices_upload"), given).status_code == 302
    with tenant_transaction(tenant.pk):
        assert [row.price for row in EnergyPrice.objects.order_by("start_at")] == [Decimal("0.0914"), Decimal("0.0904")]
    shown = text(operator.get(page("smartcharging_energyprice_changelist")))
    assert "0.0914 EUR" in shown
    assert "DE-LU" in shown


def test_a_faulty_file_is_refused_by_line(tenant: Tenant, operator: Client) -> None:
    at = "2026-11-21T00:00:00Z,2026-11-21T01:00:00Z"
    given = {"file": price_file(f"{at},0.1", f"{at},x"), "zone": "", "currency": "EUR", "per": "kWh"}
    shown = text(operator.post(page("energy_prices_upload"), given))
    assert "1 fault: nothing was stored" in shown
    assert '<td class="num">3</td>' in shown
    overlapping = price_file(f"{at},0.1", "2026-11-21T00:30:00Z,2026-11-21T01:30:00Z,0.2")
    shown = text(operator.post(page("energy_prices_upload"), {**given, "file": overlapping}))
    assert "nothing was stored" in shown
    with tenant_transaction(tenant.pk):
        assert not EnergyPrice.objects.exists()
