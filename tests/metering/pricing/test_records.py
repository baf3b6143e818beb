"""Charge detail records: when they are made, what they say, how they are corrected and numbered."""

import threading
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import ProgrammingError, connections
from django.utils import timezone

from chargepoints.models import ChargePoint, IdTag, Transaction
from chargepoints.services.closing_sessions import close_by_hand
from metering.models import ChargeDetailRecord, RecordDue, SessionTariff, Tariff, TariffAssignment
from metering.pricing.cost import cost_of, reckon
from metering.pricing.lines import priced_line
from metering.pricing.records import Superseded, correct_record, settle_record
from metering.pricing.tasks import make_due_records, queue_forgotten_sessions
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, OutboxEvent, Tenant
from tests.metering.conftest import NOW, make_charge_point, message, reading
from tests.metering.pricing.terms import component, element
from tests.metering.test_selectors import begin, end, hours, registers, write

PER_KWH = [element(component("ENERGY", 0.5, vat=20))]


@pytest.fixture
def tariff(station: ChargePoint) -> Tariff:
    """0.50 per kWh and 20 % for everything of Acme; its drivers' tag is known."""
    with tenant_transaction(station.tenant_id):
        IdTag.objects.create(tenant_id=station.tenant_id, token="TAG", token_key="tag", max_active_transactions=None)
        found = Tariff.objects.create(tenant_id=station.tenant_id, name="Standard", currency="EUR", elements=PER_KWH)
        TariffAssignment.objects.create(tenant_id=station.tenant_id, tariff=found)
    return found


def later(**span: float) -> Any:
    return timezone.now() + timedelta(**span)


def settle(session: Transaction, now: Any = None) -> Any:
    """The record made, or None. (Any: figures are compared with whole numbers too.)"""
    return settle_record(tenant_id=session.tenant_id, session_id=session.pk, now=now or later(minutes=2))


def records(session: Transaction) -> list[ChargeDetailRecord]:
    with tenant_transaction(session.tenant_id):
        return list(ChargeDetailRecord.objects.filter(transaction=session).order_by("revision"))


def test_the_tariff_is_frozen_when_the_session_begins(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=2)
    with tenant_transaction(station.tenant_id):
        Tariff.objects.update(elements=[element(component("ENERGY", 99))], name="Dear")
        assert SessionTariff.objects.get(transaction=session).snapshot["name"] == "Standard"
    end(session, ago=1, meter=21_000)
    made = settle(session)
    assert made is not None
    assert (made.total_excl_tax, made.total_tax, made.total_incl_tax) == (10, 2, 12)
    assert (made.tariff or {})["name"] == "Standard"


def test_a_start_that_comes_again_freezes_once(station: ChargePoint, tariff: Tariff) -> None:
    first = begin(station, ago=2)
    with tenant_transaction(station.tenant_id):
        Tariff.objects.update(name="New")
    assert begin(station, ago=2).pk == first.pk
    with tenant_transaction(station.tenant_id):
        assert SessionTariff.objects.get().snapshot["name"] == "Standard"


def test_a_hook_that_fails_does_not_refuse_the_start(
    station: ChargePoint, tariff: Tariff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.pricing.assignment._snapshot", lambda *_: 1 / 0)
    session = begin(station, ago=2)
    monkeypatch.undo()
    with tenant_transaction(station.tenant_id):
        assert not SessionTariff.objects.exists()
    queue_forgotten_sessions()
    with tenant_transaction(station.tenant_id):
        assert SessionTariff.objects.get().transaction_id == session.pk


def test_a_record_freezes_the_tariff_that_it_is_made_by(station: ChargePoint, tariff: Tariff) -> None:
    """Sessions from before tariffs were frozen."""
    session = begin(station, ago=2)
    end(session, ago=1, meter=3000)
    with connections["owner"].cursor() as cursor:
        cursor.execute("TRUNCATE metering_sessiontariff")
    assert settle(session).total_excl_tax == 1
    with tenant_transaction(station.tenant_id):
        assert SessionTariff.objects.get().transaction_id == session.pk


def test_without_a_tariff_a_record_says_what_was_used_and_costs_nothing(station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        IdTag.objects.create(tenant_id=station.tenant_id, token="TAG", token_key="tag")
    session = begin(station, ago=2)
    end(session, ago=1, meter=3500)
    made = settle(session)
    assert made is not None
    assert (made.energy_wh, made.charging_seconds, made.total_incl_tax) == (2500, 3600, 0)
    assert (made.lines, made.tariff, made.currency) == ([], None, "EUR")


def test_a_refused_session_that_took_nothing_has_no_record(station: ChargePoint) -> None:
    refused = begin(station, ago=2)
    assert refused.verdict != "Accepted"
    end(refused, ago=1, meter=1000)
    assert settle(refused) is None
    with tenant_transaction(station.tenant_id):
        assert not RecordDue.objects.exists()


def test_a_refused_session_that_took_energy_is_charged(station: ChargePoint, tariff: Tariff) -> None:
    with tenant_transaction(station.tenant_id):
        IdTag.objects.update(status="Blocked")
    refused = begin(station, ago=2)
    end(refused, ago=1, meter=3000)
    made = settle(refused)
    assert made is not None
    assert made.total_excl_tax == 1


def test_a_record_waits_for_the_last_readings(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=2)
    end(session, ago=1, meter=3000)
    assert settle(session, timezone.now()) is None
    assert make_due_records() == 0
    assert settle(session) is not None
    assert settle(session) is None


def test_late_readings_that_change_the_price_make_a_correction(station: ChargePoint, tariff: Tariff) -> None:
    """4 kWh in two hours at an even pace cost 2.00; half of it in the first hour was not: 1 kWh x 0.50 + 3 x 1.00."""
    tiers = [element(component("ENERGY", 0.5), max_duration=3600), element(component("ENERGY", 1.0))]
    with tenant_transaction(station.tenant_id):
        Tariff.objects.update(elements=tiers)
    session = begin(station, ago=3)
    end(session, ago=1, meter=5000)
    first = settle(session)
    assert first is not None
    assert first.total_excl_tax == 3
    assert settle(session, later(minutes=20)) is None
    write(message(station, reading("2000", NOW - hours(2)), transaction_id=session.pk, received_at=timezone.now()))
    second = settle(session, later(hours=2))
    assert second is not None
    assert (second.revision, second.corrects_id, second.total_excl_tax) == (2, first.pk, Decimal("3.5"))
    assert "Readings came later" in second.reason
    assert [one.total_excl_tax for one in records(session)] == [3, Decimal("3.5")]


def test_late_readings_that_change_nothing_make_none(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=3)
    end(session, ago=1, meter=5000)
    settle(session)
    write(registers(session, station, (2, "2000")))
    for passed in (1, 2, 8, 30):
        assert settle(session, later(hours=passed)) is None
    with tenant_transaction(station.tenant_id):
        assert not RecordDue.objects.exists()


def test_the_stations_own_stop_corrects_the_record_of_an_inferred_end(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=3)
    write(registers(session, station, (2, "3000")))
    close_by_hand(transaction=session, actor="alice", reason="hangs")
    first = settle(session)
    assert first is not None
    assert first.total_excl_tax == 1
    end(session, ago=1, meter=5000)
    second = settle(session)
    assert second is not None
    assert (second.revision, second.total_excl_tax, second.reason) == (2, 2, "The station's own stop came later.")


def test_a_persons_correction_stands(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=3)
    end(session, ago=1, meter=5000)
    first = settle(session)
    assert first is not None
    waived: Any = correct_record(record=first, reason="Broken cable", actor="alice", origin="admin", lines=[])
    assert (waived.revision, waived.total_incl_tax, waived.energy_wh, waived.created_by) == (2, 0, 4000, "alice")
    with pytest.raises(Superseded):
        correct_record(record=first, reason="again", actor="alice", origin="admin", lines=[])
    less: Any = correct_record(record=waived, reason="Meter", actor="alice", origin="admin", energy_wh=Decimal(2000))
    assert (less.revision, less.energy_wh, less.total_excl_tax) == (3, 2000, 1)
    credit = priced_line("CORRECTION", Fraction(1), Decimal("-0.5"), Decimal(20), text="Sorry")
    last: Any = correct_record(record=less, reason="Goodwill", actor="alice", origin="admin", lines=[credit])
    assert (last.total_excl_tax, last.total_incl_tax) == (Decimal("-0.5"), Decimal("-0.6"))
    assert settle(session, later(hours=2)) is None
    with tenant_transaction(station.tenant_id):
        assert AuditEntry.objects.filter(action="correct", actor="alice").count() == 3


def test_records_cannot_be_changed(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=2)
    end(session, ago=1, meter=3000)
    settle(session)
    rows = ChargeDetailRecord.objects.all()
    with pytest.raises(ProgrammingError, match="permission denied"), tenant_transaction(station.tenant_id):
        rows.update(reason="x")
    with pytest.raises(ProgrammingError, match="permission denied"), tenant_transaction(station.tenant_id):
        rows._raw_delete("default")


def test_a_record_is_an_event(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=2)
    end(session, ago=1, meter=3000)
    made = settle(session)
    assert made is not None
    with tenant_transaction(station.tenant_id):
        data = OutboxEvent.objects.get(event_type="cdr.created").data
    assert (data["number"], data["totalInclTax"], data["energyWh"]) == (made.number, "1.20", "2000.000")


def test_numbers_have_no_gaps_however_many_workers_make_records(tenant: Tenant, redis_clean: Any) -> None:
    """Two workers, each with all sessions due, at once; a record that is rolled back gives its number back."""
    sessions = []
    for index in range(6):
        station = make_charge_point(tenant, f"CP-{index}")
        session = begin(station, ago=2)
        end(session, ago=1, meter=3000)
        sessions.append(session)
    with system_transaction():
        RecordDue.objects.update(due_at=NOW - timedelta(hours=1))

    def work() -> None:
        try:
            make_due_records()
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with tenant_transaction(tenant.pk):
        numbers = sorted(ChargeDetailRecord.objects.values_list("number", flat=True))
    assert numbers == [f"{timezone.now().year}-{count:06d}" for count in range(1, 7)]


def test_each_tenant_counts_for_itself(tenant: Tenant, other_tenant: Tenant, redis_clean: Any) -> None:
    numbers = []
    for owner in (tenant, other_tenant):
        session = begin(make_charge_point(owner), ago=2)
        end(session, ago=1, meter=3000)
        made = settle(session)
        assert made is not None
        numbers.append(made.number)
    assert len(set(numbers)) == 1


def test_one_session_that_fails_does_not_stand_before_the_others(station: ChargePoint, tariff: Tariff) -> None:
    broken, sound = (begin(station, ago=ago) for ago in (6, 3))
    for session, ago in ((broken, 5.0), (sound, 2.0)):
        end(session, ago=ago, meter=3000)
    with system_transaction():
        RecordDue.objects.update(due_at=NOW - timedelta(hours=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metering.pricing.records.reckon", lambda s, **k: 1 / 0 if s.pk == broken.pk else reckon(s, **k))
        assert make_due_records() == 1
    assert len(records(sound)) == 1
    with tenant_transaction(station.tenant_id):
        assert RecordDue.objects.get(transaction=broken).due_at > timezone.now()


def test_a_session_that_every_hook_missed_is_found(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=2)
    end(session, ago=1, meter=3000)
    with tenant_transaction(station.tenant_id):
        RecordDue.objects.all().delete()
        Transaction.objects.update(stop_received_at=timezone.now() - timedelta(hours=1))
    assert queue_forgotten_sessions() == 1
    assert make_due_records() == 1
    assert queue_forgotten_sessions() == 0


def test_the_cost_is_live_while_charging_and_final_afterwards(station: ChargePoint, tariff: Tariff) -> None:
    session = begin(station, ago=3)
    write(registers(session, station, (2, "3000")))
    with tenant_transaction(station.tenant_id):
        live = cost_of(Transaction.objects.get(pk=session.pk), timezone.now())
    assert (live.final, live.price.total_incl_tax, live.record) == (False, Decimal("1.20"), None)
    end(session, ago=1, meter=5000)
    settle(session)
    with tenant_transaction(station.tenant_id):
        final = cost_of(Transaction.objects.get(pk=session.pk), timezone.now())
    assert (final.final, final.price.total_incl_tax, final.price.taxes[0].tax) == (
        True,
        Decimal("2.40"),
        Decimal("0.40"),
    )
