"""Session limits: what holds, when it is reached, and how the station is asked to stop."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, IdTag, StationConnection, Transaction
from chargepoints.services.remote_limits import LimitValues, keep_limits
from chargepoints.services.transactions import Start, start_transaction
from metering.models import IdTagLimit, MeteringSettings, RemoteStartLimit, SessionLimit, Tariff, TariffAssignment
from metering.progress import SessionProgress
from metering.sessions.enforcement import Found, enforce, enforce_limits, passed_limits
from metering.sessions.limits import tightest
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, OutboxEvent, Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.metering.conftest import make_charge_point, message, reading
from tests.stations import Connect, Station

NOW = timezone.now().replace(microsecond=0)


def begin(
    station: ChargePoint, *, tag: str = "TAG", ago: timedelta = timedelta(hours=1), evse_number: int = 1
) -> Transaction:
    """A session of an accepted tag that began at 1000 Wh."""
    at = NOW - ago
    with tenant_transaction(station.tenant_id):
        IdTag.objects.get_or_create(
            tenant_id=station.tenant_id,
            token_key=tag.lower(),
            defaults={"token": tag, "max_active_transactions": None},
        )
    return start_transaction(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        start=Start(evse_number, tag, at, Decimal(1000), at),
    ).transaction


def limit(station: ChargePoint, **limits: Any) -> None:
    """What the tenant limits sessions to."""
    named = {f"max_session_{name}": value for name, value in limits.items()}
    with tenant_transaction(station.tenant_id):
        MeteringSettings.objects.update_or_create(tenant_id=station.tenant_id, defaults=named)


def limit_of(session: Transaction) -> SessionLimit:
    with tenant_transaction(session.tenant_id):
        return SessionLimit.objects.get(transaction=session)


def change(session: Transaction, **fields: Any) -> None:
    with tenant_transaction(session.tenant_id):
        Transaction.objects.filter(pk=session.pk).update(**fields)


def test_the_tightest_of_each_kind_holds() -> None:
    one, two = LimitValues(Decimal(5), None, Decimal("2.5")), LimitValues(Decimal(4), 60, None)
    assert tightest([one, two, LimitValues()]) == LimitValues(Decimal(4), 60, Decimal("2.5"))
    assert tightest([]) == LimitValues()


def test_remote_start_tag_and_tenant_are_brought_together_at_the_start(station: ChargePoint) -> None:
    limit(station, energy_wh=Decimal(50_000), duration_s=7200)
    with tenant_transaction(station.tenant_id):
        parent = IdTag.objects.create(tenant_id=station.tenant_id, token="Fleet", token_key="fleet")
        tag = IdTag.objects.create(tenant_id=station.tenant_id, token="CAR", token_key="car", parent=parent)
        IdTagLimit.objects.create(tenant_id=station.tenant_id, id_tag=parent, max_energy_wh=Decimal(20_000))
        command = Command.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            action="RemoteStartTransaction",
            payload={"idTag": "CAR"},
            state=CommandState.SENT,
            requested_by="alice",
            origin="api",
        )
        keep_limits(command, LimitValues(max_cost=Decimal(10), max_duration_s=9000))
        at = timezone.now()
        session = start_transaction(
            tenant_id=station.tenant_id,
            charge_point_id=station.pk,
            start=Start(1, "CAR", at, Decimal(1000), at),
        ).transaction
        # Later changes are for later sessions.
        IdTagLimit.objects.create(tenant_id=station.tenant_id, id_tag=tag, max_energy_wh=Decimal(1))
        MeteringSettings.objects.update(max_session_duration_s=5)
        RemoteStartLimit.objects.all().delete()
    row = limit_of(session)
    assert (row.max_energy_wh, row.max_duration_s, row.max_cost) == (Decimal(20_000), 7200, Decimal(10))


def test_a_tags_own_limit_stands_in_place_of_its_parents(station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        parent = IdTag.objects.create(tenant_id=station.tenant_id, token="Fleet", token_key="fleet")
        tag = IdTag.objects.create(tenant_id=station.tenant_id, token="TAG", token_key="tag", parent=parent)
        IdTagLimit.objects.create(tenant_id=station.tenant_id, id_tag=parent, max_energy_wh=Decimal(20_000))
        IdTagLimit.objects.create(tenant_id=station.tenant_id, id_tag=tag, max_energy_wh=Decimal(90_000))
    assert limit_of(begin(station)).max_energy_wh == Decimal(90_000)


def test_without_limits_nothing_is_kept(station: ChargePoint) -> None:
    begin(station)
    limit(station, energy_wh=Decimal(1))
    begin(station, evse_number=2)
    with tenant_transaction(station.tenant_id):
        assert SessionLimit.objects.count() == 1


def test_a_refused_session_has_no_limits(station: ChargePoint) -> None:
    limit(station, energy_wh=Decimal(1))
    start_transaction(
        tenant_id=station.tenant_id, charge_point_id=station.pk, start=Start(1, "UNKNOWN", NOW, Decimal(0), NOW)
    )
    with tenant_transaction(station.tenant_id):
        assert not SessionLimit.objects.exists()


def test_energy_and_duration_are_reached_at_the_limit_and_not_before(station: ChargePoint) -> None:
    limit(station, energy_wh=Decimal(5000), duration_s=7200)
    session = begin(station, ago=timedelta(seconds=7199))
    change(session, last_register_wh=Decimal("5999.999"))
    assert passed_limits(NOW) == []
    assert passed_limits(NOW + timedelta(seconds=1)) == [Found(session.tenant_id, session.pk, "duration")]
    change(session, last_register_wh=Decimal(6000))
    assert passed_limits(NOW) == [Found(session.tenant_id, session.pk, "energy")]
    assert passed_limits(NOW, [session.pk + 1]) == []
    change(session, state="stopped")
    assert passed_limits(NOW + timedelta(days=1)) == []


@pytest.mark.parametrize("started_at", ["1970-01-01T00:00:00+00:00", "2036-02-07T06:28:16+00:00"])
def test_a_clock_beyond_belief_does_not_end_a_session(station: ChargePoint, started_at: str) -> None:
    limit(station, duration_s=7200)
    session = begin(station)
    change(session, started_at=started_at)
    assert passed_limits(NOW) == []
    assert [one.session_id for one in passed_limits(NOW + timedelta(hours=1, seconds=1))] == [session.pk]


def test_reaching_is_noted_once_with_event_flag_and_audit(station: ChargePoint) -> None:
    """The station is away: nothing can be sent yet."""
    limit(station, energy_wh=Decimal(5000))
    session = begin(station)
    change(session, last_register_wh=Decimal(6500))
    assert enforce_limits(NOW) == 0
    found = Found(session.tenant_id, session.pk, "energy")
    assert [enforce(found, NOW), enforce_limits(NOW)] == [False, 0]
    with tenant_transaction(station.tenant_id):
        assert Transaction.objects.get().flags == ["limit_energy"]
        event = OutboxEvent.objects.get(event_type="session.limit_reached")
        assert AuditEntry.objects.get(action="limit").changes == {"reached": "energy", "at": "5000.000"}
    assert {name: event.data[name] for name in ("limit", "limitValue", "energyWh")} == {
        "limit": "energy",
        "limitValue": "5000.000",
        "energyWh": "5500.000",
    }
    row = limit_of(session)
    assert (row.reached, row.attempts) == ("energy", 0)


def test_the_cost_is_compared_with_tax_in_the_tenants_currency(
    station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from metering.sessions import enforcement

    total, currency = Decimal("9.99"), "EUR"

    def cost_of(session: Transaction, now: Any) -> Any:
        return SimpleNamespace(price=SimpleNamespace(total_incl_tax=total, currency=currency))

    monkeypatch.setattr(enforcement, "cost_of", cost_of)
    limit(station, cost=Decimal(10))
    session = begin(station)
    enforce_limits(NOW)
    assert limit_of(session).reached == ""
    total, currency = Decimal(10), "CHF"
    enforce_limits(NOW)
    assert limit_of(session).reached == ""
    currency = "EUR"
    enforce_limits(NOW)
    assert limit_of(session).reached == "cost"


@pytest.mark.parametrize(("price", "reached"), [("9.99", ""), ("10.00", "cost")])
def test_the_cost_is_that_of_the_sessions_tariff(station: ChargePoint, price: str, reached: str) -> None:
    elements = [{"price_components": [{"type": "FLAT", "price": price, "vat": "0", "step_size": 1}]}]
    with tenant_transaction(station.tenant_id):
        tariff = Tariff.objects.create(tenant_id=station.tenant_id, name="Flat", currency="EUR", elements=elements)
        TariffAssignment.objects.create(tenant_id=station.tenant_id, tariff=tariff)
    limit(station, cost=Decimal(10))
    session = begin(station)
    enforce_limits(NOW)
    assert limit_of(session).reached == reached


def test_a_slip_of_the_register_does_not_end_a_session(station: ChargePoint) -> None:
    """No meter counts 9 GWh in an hour."""
    limit(station, energy_wh=Decimal(5000), duration_s=7200)
    session = begin(station)
    change(session, last_register_wh=Decimal(9 * 10**9))
    assert passed_limits(NOW) == []
    assert [one.reached for one in passed_limits(NOW + timedelta(hours=1))] == ["duration"]


# --- the station ---


class Charging:
    """A connected station with a session that has passed its limit."""

    def __init__(self, station: Station, session: Transaction) -> None:
        self.station, self.session = station, session

    def stops(self) -> list[dict[str, Any]]:
        return [payload for action, payload in self.station.asked if action == "RemoteStopTransaction"]

    async def asked(self, count: int) -> None:
        await eventually(lambda: len(self.stops()) == count)


async def over_its_limit(tenant: Tenant, station: Station) -> Charging:
    row = await stored(tenant, ChargePoint.objects.get)

    def act() -> Transaction:
        limit(row, energy_wh=Decimal(5000))
        session = begin(row)
        change(session, last_register_wh=Decimal(7000))
        return session

    return Charging(station, await asyncio.to_thread(act))


async def settled(tenant: Tenant) -> None:
    waiting = Command.objects.filter(state__in=[CommandState.QUEUED, CommandState.SENT])
    await eventually(lambda: stored(tenant, lambda: not waiting.all().exists()))


async def test_the_station_is_asked_once_and_again_while_it_goes_on(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["RemoteStopTransaction"] = {"status": "Rejected"}
        charging = await over_its_limit(tenant, station)
        assert await asyncio.to_thread(enforce_limits, NOW) == 1
        await charging.asked(1)
        await settled(tenant)
        assert await asyncio.to_thread(enforce_limits, NOW + timedelta(seconds=29)) == 0
        assert await asyncio.to_thread(enforce_limits, NOW + timedelta(seconds=30)) == 1
        await charging.asked(2)
        await settled(tenant)
        # The pause doubles.
        assert await asyncio.to_thread(enforce_limits, NOW + timedelta(seconds=89)) == 0
        assert await asyncio.to_thread(enforce_limits, NOW + timedelta(seconds=90)) == 1
        await charging.asked(3)
        await settled(tenant)
    assert charging.stops()[0] == {"transactionId": int(charging.session.protocol_id)}


async def test_only_one_stop_is_under_way(tenant: Tenant, connect: Connect) -> None:
    """The station doesn't answer; many processes look at once."""
    async with connect() as station:
        charging = await over_its_limit(tenant, station)
        later = NOW + timedelta(hours=1)
        runs = [asyncio.to_thread(enforce_limits, moment) for moment in (NOW, NOW, later, later)]
        assert sum(await asyncio.gather(*runs)) == 1
        await charging.asked(1)
        assert await stored(tenant, Command.objects.count) == 1
        assert await stored(tenant, lambda: OutboxEvent.objects.filter(event_type="session.limit_reached").count()) == 1


async def test_the_stop_names_the_system_and_why(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["RemoteStopTransaction"] = {"status": "Accepted"}
        charging = await over_its_limit(tenant, station)
        await asyncio.to_thread(enforce_limits, NOW)
        await charging.asked(1)
        await station.stop(int(charging.session.protocol_id), reason="Remote")
        session = await stored(tenant, Transaction.objects.get)
        assert (session.state, session.stopped_by) == ("stopped", "system")
        assert "limit_energy" in session.flags
        assert await asyncio.to_thread(enforce_limits, NOW + timedelta(hours=1)) == 0


async def test_a_station_that_was_away_is_asked_when_it_is_back(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await over_its_limit(tenant, station)
    await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))
    assert await asyncio.to_thread(enforce_limits, NOW) == 0
    async with connect() as station:
        assert await asyncio.to_thread(enforce_limits, NOW + timedelta(seconds=10)) == 1
        await eventually(lambda: station.asked)


async def test_the_flush_of_progress_stops_a_full_session_at_once(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        charging = await over_its_limit(tenant, station)
        row = await stored(tenant, ChargePoint.objects.get)
        await asyncio.to_thread(change, charging.session, last_register_wh=None)
        progress = SessionProgress()
        progress.note([message(row, reading("6000", NOW), transaction_id=charging.session.pk)])
        await progress.close()
        await charging.asked(1)
    assert (await asyncio.to_thread(limit_of, charging.session)).reached == "energy"


async def test_meter_values_beyond_the_limit_stop_the_session(tenant: Tenant, connect: Connect) -> None:
    """All the way: the message, the sample, the progress, the command."""
    async with connect() as station:
        charging = await over_its_limit(tenant, station)
        await asyncio.to_thread(change, charging.session, last_register_wh=None)
        value = {"value": "6.5", "unit": "kWh", "measurand": "Energy.Active.Import.Register"}
        meter_value = [{"timestamp": timezone.now().isoformat(), "sampledValue": [value]}]
        number = int(charging.session.protocol_id)
        await station.call("MeterValues", connectorId=1, transactionId=number, meterValue=meter_value)
        await charging.asked(1)


def test_another_tenants_sessions_keep_to_their_own_limits(station: ChargePoint, other_tenant: Tenant) -> None:
    limit(station, energy_wh=Decimal(1))
    foreign = begin(make_charge_point(other_tenant, "CP-2"))
    change(foreign, last_register_wh=Decimal(10**6))
    assert passed_limits(NOW) == []
