"""The page of a session: its figures, its end in words, its curve, its receipt."""

from datetime import timedelta

from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.admin.session_words import REMARKS, end_in_words, reason_in_words
from chargepoints.models import (
    ChargePoint,
    Transaction,
)
from chargepoints.services.closing_sessions import close_by_hand
from metering.models import Alert, ChargeDetailRecord, SessionAnalytics
from metering.pricing.receipt_content import receipt_of
from metering.readings import POWER
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.admin.readings_data import add_samples, make_busy, make_series
from tests.admin.session.cast import HOUR, MINUTE, NOON, make_record, page_of, say, shown, stopped


def test_the_figures_say_energy_power_duration_cost_and_charge(running: Transaction, bob: User) -> None:
    add_samples(
        make_series(running.charge_point, "SoC", location="EV"),
        (running.started_at + MINUTE, 20),
        (running.started_at + HOUR, 64),
        transaction_id=running.pk,
    )
    text = shown(bob, running, "transaction_figures")
    for said in ("12.345 kWh", "11.0 kW", "2:00:0", "64 %", "from 20 %", "no tariff", "TAG (Ada)"):
        assert said in text, said


def test_reasons_are_said_in_words(station: ChargePoint, bob: User) -> None:
    session = stopped(station)
    assert "Unplugged at the car" in shown(bob, session)
    assert reason_in_words("Vendor.Special") == "Vendor.Special"


def test_a_session_that_we_closed_says_who_did_and_why(running: Transaction, bob: User) -> None:
    closed = close_by_hand(transaction=running, actor="alice", reason="Cable cut", origin="admin")
    assert end_in_words(closed) == "Closed by hand (alice)"
    text = shown(bob, closed)
    assert str(REMARKS["closed_by_hand"]) in text
    assert "reason: Cable cut" in text


def test_a_limit_of_its_own_is_the_reason_why_it_was_stopped(station: ChargePoint) -> None:
    session = stopped(station, stop_reason="Remote", flags=["limit_energy"])
    assert end_in_words(session) == "Its energy limit was reached"


def test_the_receipt_is_a_page_with_what_the_pdf_says(station: ChargePoint, bob: User, tenant: Tenant) -> None:
    session = stopped(station)
    record = make_record(session)
    page = shown(bob, session)
    url = reverse("admin:charge_record_print", args=[record.pk])
    assert f'href="{url}"' in page
    assert "3.33 €" in page
    receipt = office(bob).get(url)
    text = receipt.content.decode()
    with tenant_transaction(tenant.pk):
        said = receipt_of(ChargeDetailRecord.objects.select_related("tenant", "transaction__charge_point__site").get())
    assert said.operator == tenant.name
    for name, value in [*said.facts, *said.totals, said.total]:
        assert name in text
        assert value in text
    assert all(line.amount in text for line in said.lines)
    assert ("Tax 19% on 2.80 €", "0.53 €") in said.totals
    assert "no-store" in receipt["Cache-Control"]


def test_a_receipt_of_another_tenant_does_not_exist(station: ChargePoint, charlie: User) -> None:
    record = make_record(stopped(station))
    for name in ("charge_record_print", "charge_record_receipt"):
        assert office(charlie).get(reverse(f"admin:{name}", args=[record.pk])).status_code == 404


def test_the_curve_outlives_the_readings(station: ChargePoint, bob: User) -> None:
    start = timezone.now().replace(microsecond=0) - timedelta(days=40)
    session = stopped(station, started_at=start, start_received_at=start, stopped_at=start + HOUR)
    make_series(station, POWER)
    points = [[(start + n * MINUTE).isoformat(), str(7000 + n), str(100 * n), str(20 + n)] for n in range(60)]
    names = ("energy_wh", "mean_power_w", "peak_power_w", "soc_start", "soc_end", "efficiency", "max_temperature")
    content = {**dict.fromkeys(names), "plugged_seconds": 3600, "charging_seconds": 3600, "idle_seconds": 0}
    with tenant_transaction(session.tenant_id):
        SessionAnalytics.objects.create(
            tenant_id=session.tenant_id,
            transaction=session,
            computed_at=start,
            content={**content, "power_source": "measured", "peak_at": None, "curve": points},
        )
    data = office(bob).get(reverse("admin:transaction_readings_data", args=[session.pk])).json()
    curve, energy = data["charts"]["curve"], data["charts"]["energy"]
    assert [(line["label"], len(line["points"])) for line in curve["lines"]] == [
        ("Import", 60),
        ("State of charge", 60),
    ]
    assert (curve["unit"], curve["right"], curve["lines"][0]["points"][59][1]) == ("kW", "%", 7.059)
    assert energy["lines"][0]["points"][59][1] == 5.9
    assert data["step"] == 0


def test_a_busy_session_draws_its_curve_and_its_rows(running: Transaction, bob: User) -> None:
    make_busy(running.charge_point, timezone.now().replace(microsecond=0), session_id=running.pk)
    text = shown(bob, running)
    assert 'data-chart="curve"' in text
    assert "All as CSV" in text


def test_the_page_takes_as_many_queries_however_much_happened(station: ChargePoint, bob: User, tenant: Tenant) -> None:
    session = stopped(station)
    make_record(session)
    client = office(bob)

    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            assert client.get(page_of(session)).status_code == 200
        return len(captured)

    queries()
    say(station, "Charging", NOON + MINUTE)
    few = queries()
    for number in range(20):
        say(station, "SuspendedEV" if number % 2 else "Charging", NOON + (number + 2) * MINUTE)
        with tenant_transaction(tenant.pk):
            Alert.objects.create(
                tenant=tenant,
                charge_point=station,
                kind="fault",
                severity="critical",
                key=str(number),
                transaction_id=session.pk,
                started_at=NOON,
                last_at=NOON,
            )
    assert queries() == few
