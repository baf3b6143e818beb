"""The page of a session: figures, what happened, the question before a stop, its receipt; and the list of sessions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.admin.session_statuses import belonging
from chargepoints.admin.session_timeline import Moment, runs_of
from chargepoints.admin.session_words import REMARKS, end_in_words, reason_in_words
from chargepoints.models import (
    ChargePoint,
    Command,
    Gateway,
    IdTag,
    Site,
    StationConnection,
    StatusChange,
    Transaction,
)
from chargepoints.services.closing_sessions import close_by_hand
from metering.models import Alert, ChargeDetailRecord, SessionAnalytics
from metering.pricing.receipt_content import receipt_of
from metering.readings import POWER
from smartcharging.models import Circuit, LimitSent
from tenants.context import system_transaction, tenant_transaction
from tenants.models import OutboxEvent, Tenant, User
from tests.admin.conftest import office
from tests.admin.readings_data import add_samples, make_busy, make_series
from tests.api.conftest import make_session, make_station

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    return make_station(tenant)


@pytest.fixture
def running(station: ChargePoint) -> Transaction:
    """For two hours, by a tag that somebody holds."""
    start = timezone.now().replace(microsecond=0) - 2 * HOUR
    with tenant_transaction(station.tenant_id):
        row = IdTag.objects.create(tenant_id=station.tenant_id, token="TAG", token_key="tag", holder="Ada")
    return make_session(
        station,
        started_at=start,
        start_received_at=start,
        id_tag_row=row,
        last_register_wh=Decimal(13345),
        last_power_w=Decimal(11000),
        last_reading_at=timezone.now(),
    )


def stopped(station: ChargePoint, protocol_id: str = "1", **fields: Any) -> Transaction:
    given = {"stopped_at": NOON + HOUR, "stop_received_at": NOON + HOUR, "meter_stop_wh": Decimal(8000)}
    return make_session(station, protocol_id, state="stopped", **{"stop_reason": "EVDisconnected", **given, **fields})


def go_online(station: ChargePoint) -> None:
    now = timezone.now()
    with system_transaction():
        gateway = Gateway.objects.create(id=uuid4(), host="here", pid=1, channel="here", started_at=now, seen_at=now)
    with tenant_transaction(station.tenant_id):
        StationConnection.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            connection_id=uuid4(),
            gateway=gateway,
            remote_address="10.0.0.2",
            ocpp_version="1.6",
            connected_at=now,
            last_message_at=now,
        )


def say(station: ChargePoint, status: str, at: datetime, error: str = "NoError") -> StatusChange:
    with tenant_transaction(station.tenant_id):
        return StatusChange.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            evse_number=1,
            status=status,
            error_code=error,
            at=at,
            received_at=at,
        )


def page_of(session: Transaction, name: str = "chargepoints_transaction_change") -> str:
    return reverse(f"admin:{name}", args=[session.pk])


def shown(user: User, session: Transaction, name: str = "chargepoints_transaction_change") -> str:
    answer = office(user).get(page_of(session, name))
    assert answer.status_code == 200
    return str(answer.content.decode())


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


def test_what_happened_is_told_in_order_with_who_did_it(station: ChargePoint, bob: User, tenant: Tenant) -> None:
    say(station, "Available", NOON - 10 * MINUTE)
    say(station, "Preparing", NOON - 2 * MINUTE)
    say(station, "Charging", NOON + MINUTE)
    say(station, "SuspendedEV", NOON + 30 * MINUTE)
    say(station, "Finishing", NOON + HOUR + MINUTE)
    say(station, "Available", NOON + HOUR + 5 * MINUTE)
    session = stopped(station, stop_reason="Remote", stopped_by="alice")
    with tenant_transaction(tenant.pk):
        command = Command.objects.create(
            tenant=tenant,
            charge_point=station,
            action="RemoteStopTransaction",
            payload={"transactionId": 1},
            state="accepted",
            requested_by="alice",
            origin="admin",
        )
        Command.objects.filter(pk=command.pk).update(created_at=NOON + 59 * MINUTE)
        circuit = Circuit.objects.create(tenant=tenant, name="Fuse", capacity=63)
        LimitSent.objects.create(
            tenant=tenant,
            circuit=circuit,
            charge_point=station,
            evse_number=1,
            transaction_id=session.pk,
            at=NOON + 10 * MINUTE,
            limit_a=10,
            previous_a=16,
            reason="equal_share",
            result="accepted",
        )
        alert = Alert.objects.create(
            tenant=tenant,
            charge_point=station,
            kind="over_limit",
            severity="warning",
            key="x",
            transaction_id=session.pk,
            started_at=NOON,
            last_at=NOON,
            acknowledged_by="carol",
            acknowledged_at=NOON + 25 * MINUTE,
        )
        Alert.objects.filter(pk=alert.pk).update(opened_at=NOON + 20 * MINUTE)
        OutboxEvent.objects.create(
            tenant=tenant, event_type="chargepoint.offline", at=NOON + 40 * MINUTE, charge_point=station.identity
        )
    text = shown(bob, session, "transaction_timeline")
    expected = [
        *("Plugged in, or the driver identified", "Session started", "Charging", "Limit 16 A → 10 A"),
        *("Alert: Takes more than its limit", "Alert acknowledged", "Paused by the car", "Station offline"),
        *("Asked to stop", "Session stopped", "Charging has ended", "Unplugged: the connector is free"),
    ]
    places = [text.find(said) for said in expected]
    assert -1 not in places, dict(zip(expected, places, strict=True))
    assert places == sorted(places)
    assert "The connector says that it is free" not in text, "what was before it was plugged in is not of it"
    for who in ("alice", "carol", "Stopped remotely", "Its equal share of what there is."):
        assert who in text, who


def test_nothing_of_the_next_session_is_told(station: ChargePoint, bob: User) -> None:
    session = stopped(station)
    make_session(station, "2", started_at=NOON + 2 * HOUR, start_received_at=NOON + 2 * HOUR)
    say(station, "Faulted", NOON + 3 * HOUR, "GroundFailure")
    assert "GroundFailure" not in shown(bob, session, "transaction_timeline")


def test_long_rows_of_the_same_are_folded() -> None:
    moments = [Moment(NOON, "start")]
    moments += [Moment(NOON + number * MINUTE, f"limit {number}", group="limit") for number in range(6)]
    runs = runs_of([*moments, Moment(NOON + HOUR, "end")])
    assert [len(run.folded) for run in runs] == [0, 4, 0]
    assert [run.shown[0].moment.title for run in runs] == ["start", "limit 0", "end"]
    assert runs[1].last[0].moment.title == "limit 5"
    assert [run.shown[0].new_day for run in runs] == [True, False, False]


def test_statuses_from_plugging_in_to_unplugging_belong_to_it() -> None:
    def row(status: str, minutes: int) -> StatusChange:
        return StatusChange(status=status, at=NOON + minutes * MINUTE)

    session = Transaction(started_at=NOON, stopped_at=NOON + HOUR)
    rows = [row("Finishing", -20), row("Available", -9), row("Preparing", -3), row("Charging", 1)]
    rows += [row("Available", 65), row("Preparing", 90)]
    assert [one.at for one in belonging(rows, session)] == [one.at for one in rows[2:5]]


def test_an_operator_stops_it_and_reads_the_answer_on_the_same_page(running: Transaction, alice: User) -> None:
    go_online(running.charge_point)
    client = office(alice)
    page = client.get(page_of(running)).content.decode()
    assert f'action="{page_of(running, "transaction_stop")}"' in page
    answer = client.post(page_of(running, "transaction_stop"))
    assert (answer.status_code, answer["Location"]) == (302, page_of(running))
    figures = client.get(page_of(running, "transaction_figures")).content.decode()
    assert "Stop asked for by alice" in figures
    assert "Waiting for the station" in figures
    with tenant_transaction(running.tenant_id):
        Command.objects.update(state="rejected", finished_at=timezone.now())
    assert "The station refused" in client.get(page_of(running, "transaction_figures")).content.decode()


def test_a_session_of_an_offline_station_says_so_and_nothing_is_sent(running: Transaction, alice: User) -> None:
    client = office(alice)
    assert "The station is offline" in client.get(page_of(running)).content.decode()
    answer = client.post(page_of(running, "transaction_stop"), follow=True)
    assert "nothing was sent" in answer.content.decode()


def test_a_session_that_has_ended_cannot_be_stopped(station: ChargePoint, alice: User) -> None:
    session = stopped(station)
    go_online(station)
    client = office(alice)
    assert "Stop charging" not in client.get(page_of(session)).content.decode()
    assert "has ended already" in client.post(page_of(session, "transaction_stop"), follow=True).content.decode()
    with tenant_transaction(session.tenant_id):
        assert not Command.objects.exists()


def test_viewers_are_offered_no_stop(running: Transaction, bob: User) -> None:
    assert "Stop charging" not in shown(bob, running)


def make_record(session: Transaction, **fields: Any) -> ChargeDetailRecord:
    with tenant_transaction(session.tenant_id):
        line = {
            **{"type": "ENERGY", "element": 0, "quantity": "7", "rounded_up": "0", "unit": "kWh", "price": "0.4"},
            **{"vat": "19", "amount": "2.8", "tax": "0.532", "text": ""},
        }
        return ChargeDetailRecord.objects.create(
            tenant_id=session.tenant_id,
            transaction=session,
            number="2026-000007",
            charge_point="CP1",
            connector=1,
            id_tag="TAG",
            started_at=NOON,
            stopped_at=NOON + HOUR,
            currency="EUR",
            charging_seconds=3000,
            parking_seconds=600,
            meter_start_wh=1000,
            meter_stop_wh=8000,
            energy_wh=7000,
            lines=[line],
            total_excl_tax=Decimal("2.80"),
            total_tax=Decimal("0.53"),
            total_incl_tax=Decimal("3.33"),
            **fields,
        )


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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=active", {"2"}),
        ("state=stopped", {"1", "3"}),
        ("station=cp1", {"1", "2"}),
        ("tag=other", {"3"}),
        ("site=epo", {"3"}),
        ("reason=PowerLoss", {"3"}),
        ("verdict=refused", {"2"}),
        ("started_at_from_0=2026-11-01&started_at_to_0=2026-11-01", {"1"}),
        ("station=nowhere", set()),
        ("tag=%00", {"1", "2", "3"}),
    ],
)
def test_sessions_are_found_by_state_station_site_tag_time_and_reason(
    tenant: Tenant, bob: User, query: str, found: set[str]
) -> None:
    first, second = make_station(tenant), make_station(tenant, "CP2")
    with tenant_transaction(tenant.pk):
        site = Site.objects.create(tenant=tenant, name="Depot")
        ChargePoint.objects.filter(pk=second.pk).update(site=site)
    later = NOON + timedelta(days=3)
    stopped(first)
    make_session(first, "2", started_at=later, start_received_at=later, verdict="Invalid")
    stopped(second, "3", started_at=later, start_received_at=later, id_tag="OTHER", stop_reason="PowerLoss")
    answer = office(bob).get(reverse("admin:chargepoints_transaction_changelist") + f"?{query}")
    assert {row.protocol_id for row in answer.context["cl"].result_list} == found


def test_a_busy_session_draws_its_curve_and_its_rows(running: Transaction, bob: User) -> None:
    make_busy(running.charge_point, timezone.now().replace(microsecond=0), session_id=running.pk)
    text = shown(bob, running)
    assert 'data-chart="curve"' in text
    assert "All as CSV" in text
