"""The overview: what it says of the fleet, what it compares, what needs somebody, and for whom it opens."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    Connector,
    FleetOnlineDay,
    SignInAttempt,
    Site,
    Transaction,
)
from metering.models import Alert, ChargeDetailRecord, FleetBucket, Period
from smartcharging.models import Circuit, CircuitLimit, CircuitMember, FleetLoad
from smartcharging.services.fleet_load import record_fleet_load
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import bring_online, make_session, make_station

pytestmark = pytest.mark.usefixtures("redis_clean")


@pytest.fixture
def client(alice: User) -> Client:
    return office(alice)


def shown(client: Client, name: str = "admin:index") -> Any:
    answer = client.get(reverse(name))
    assert answer.status_code == 200, answer.content[:500]
    return answer


def tiles(client: Client) -> dict[str, Any]:
    return {tile.name: tile for tile in shown(client).context["tiles"]}


def charge(station: ChargePoint, power_w: int, **fields: Any) -> Transaction:
    now = timezone.now()
    return make_session(
        station,
        **{
            "started_at": now - timedelta(minutes=30),
            "last_power_w": Decimal(power_w),
            "last_register_wh": Decimal(6000),
            "last_reading_at": now,
            **fields,
        },
    )


def record_of(session: Transaction, stopped_at: datetime, amount: str, currency: str = "EUR", **fields: Any) -> Any:
    zeros = ("meter_start_wh", "meter_stop_wh", "energy_wh", "total_excl_tax", "total_tax")
    with tenant_transaction(session.tenant_id):
        return ChargeDetailRecord.objects.create(
            **{"tenant_id": session.tenant_id, "transaction": session, "number": uuid4().hex, "currency": currency},
            **{"charge_point": "CP1", "connector": 1, "id_tag": "TAG", "started_at": stopped_at},
            **{"stopped_at": stopped_at, "charging_seconds": 0, "parking_seconds": 0},
            **dict.fromkeys(zeros, Decimal(0)),
            total_incl_tax=Decimal(amount),
            **fields,
        )


def test_stations_sessions_and_power_are_counted_now(client: Client, tenant: Tenant) -> None:
    online, away, _never = (make_station(tenant, name) for name in ("CP1", "CP2", "CP3"))
    bring_online(online)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=online.pk).update(last_seen_at=timezone.now())
        ChargePoint.objects.filter(pk=away.pk).update(last_seen_at=timezone.now() - timedelta(hours=3))
        Connector.objects.filter(charge_point=online).update(status="Charging")
    charge(online, 11_000)
    found = tiles(client)
    assert (found["online"].value, found["online"].note) == ("1 / 3", "1 offline · 1 never seen")
    assert (found["charging"].value, found["charging"].note) == ("1", "of 3 connectors")
    assert (found["power"].value, found["power"].note) == ("11.0 kW", "no site has a limit")
    mix = {one["text"]: one["count"] for one in shown(client).context["mix"]}
    assert mix == {"Charging": 1, "Offline": 2}


def test_power_is_held_against_what_the_connections_carry(client: Client, tenant: Tenant) -> None:
    station = make_station(tenant)
    with tenant_transaction(tenant.pk):
        circuit = Circuit.objects.create(
            tenant=tenant, name="Transformer", capacity=100, unit="A", voltage=230, phases=3
        )
        Circuit.objects.create(tenant=tenant, name="Below", capacity=32, parent=circuit)
        Circuit.objects.create(tenant=tenant, name="Off", capacity=500, enabled=False)
        Circuit.objects.create(tenant=tenant, name="In watts", capacity=31_000, unit="W")
        CircuitMember.objects.create(tenant=tenant, circuit=circuit, charge_point=station, evse_number=1)
    charge(station, 50_000)
    assert tiles(client)["power"].note == "50.0 % of 100.0 kW"
    charge(make_station(tenant, "ELSEWHERE"), 20_000)
    assert tiles(client)["power"].note == "under circuits 50.0 % of 100.0 kW"
    now = timezone.now()
    with tenant_transaction(tenant.pk):
        CircuitLimit.objects.create(
            **{"tenant": tenant, "circuit": circuit, "limit_a": 30, "start_at": now, "requested_by": "grid"},
            end_at=now + timedelta(hours=1),
        )
    tile = tiles(client)["power"]
    # 30 A on three phases, and the other connection.
    assert (tile.note, tile.level) == ("under circuits 96.7 % of 51.7 kW", "warn")


def test_today_is_compared_with_the_same_day_last_week_up_to_now(tenant: Tenant, client: Client) -> None:
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    session = charge(
        make_station(tenant), 0, started_at=midnight, meter_start_wh=Decimal(1000), last_register_wh=Decimal(7000)
    )
    record_of(session, midnight, "10.50")
    record_of(session, midnight - timedelta(days=7), "7.00", revision=2)
    # Later on that day.
    record_of(session, now - timedelta(days=7) + timedelta(minutes=30), "100.00", revision=3)
    record_of(session, midnight, "3.00", "CHF", revision=4)
    week = midnight - timedelta(days=7)
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(created_at=week - timedelta(days=1))
        # Until now, however late it is, and after: of the running hour its share.
        hours = [week + timedelta(hours=number) for number in range(24)]
        FleetBucket.objects.bulk_create(
            FleetBucket(
                **{"tenant": tenant, "period": Period.HOUR, "start": start, "end": start + timedelta(hours=1)},
                energy_wh=Decimal(1000),
            )
            for start in hours
        )
    found = tiles(client)
    assert found["energy"].value == "6.0 kWh"

    def change(at: datetime) -> float:
        elapsed = (at - midnight) / timedelta(hours=1)
        return (6 - elapsed) / elapsed * 100

    said = int(found["energy"].note.split(" %")[0].replace("\N{MINUS SIGN}", "-"))
    # Of some moment between the two: shortly after midnight a second is much.
    assert change(timezone.now()) - 2 <= said <= change(now) + 2
    assert found["revenue"].value == "10.50 €"
    assert found["revenue"].note.startswith("+50 % on ")
    assert found["revenue"].note.endswith("and 3.00 CHF")
    assert "7.00 €" in found["revenue"].title


def test_who_was_not_there_a_week_ago_is_compared_with_nothing(client: Client, tenant: Tenant) -> None:
    found = tiles(client)
    assert [(found[name].note, found[name].title) for name in ("energy", "sessions")] == [("", ""), ("", "")]


def test_a_record_that_was_corrected_counts_once(client: Client, tenant: Tenant) -> None:
    session = charge(make_station(tenant), 0)
    now = timezone.now()
    first = record_of(session, now - timedelta(seconds=1), "10.00")
    record_of(session, now - timedelta(seconds=1), "4.00", revision=2, corrects=first)
    midnight_passed = now - timedelta(seconds=1) >= now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert tiles(client)["revenue"].value == ("4.00 €" if midnight_passed else "0.00 €")


def test_sessions_that_went_well_had_energy_and_an_ordinary_end(client: Client, tenant: Tenant) -> None:
    start = timezone.now() - timedelta(days=2)
    ends = [
        ("stopped", "Local", 2000, "Accepted"),
        ("stopped", "", 2000, "Accepted"),
        ("stopped", "EVDisconnected", 1000, "Accepted"),
        ("stopped", "PowerLoss", 2000, "Accepted"),
        ("inferred", "Local", 2000, "Accepted"),
        ("stopped", "DeAuthorized", 1000, "Blocked"),
        ("active", "", None, "Accepted"),
    ]
    station = make_station(tenant)
    for number, (state, reason, stop_wh, verdict) in enumerate(ends):
        fields = {"state": state, "stop_reason": reason, "meter_stop_wh": stop_wh, "verdict": verdict}
        make_session(station, str(number), started_at=start + timedelta(minutes=number), **fields)
    make_session(station, "old", started_at=timezone.now() - timedelta(days=8), state="stopped", meter_stop_wh=1000)
    tile = tiles(client)["endings"]
    assert (tile.value, tile.note, tile.level) == ("40.0 %", "of 5 in 7 days", "bad")


def test_the_power_of_a_day_is_drawn_with_its_limit(client: Client, tenant: Tenant) -> None:
    station = make_station(tenant)
    charge(station, 22_000)
    now = timezone.now()
    record_fleet_load(now - timedelta(minutes=2))
    with tenant_transaction(tenant.pk):
        Circuit.objects.create(tenant=tenant, name="Transformer", capacity=50_000, unit="W")
    assert record_fleet_load(now) == 1
    assert record_fleet_load(now) == 0
    data = json.loads(shown(client, "admin:overview_charts").content)
    power, limit = data["power"]["lines"]
    assert [point[1] for point in power["points"] if point] == [22.0] * len(
        [point for point in power["points"] if point]
    )
    assert [point[1] for point in limit["points"]] == [50.0, 50.0]
    assert (power["unit"], power["axis"], limit["step"]) == ("kW", "left", True)
    with system_transaction():
        assert FleetLoad.objects.filter(charging=1, online=0).count() == 2


def test_energy_of_thirty_days_has_a_bar_for_each(client: Client, tenant: Tenant) -> None:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    with system_transaction():
        for days, energy in ((0, 3000), (1, 12_000), (40, 99_000)):
            start = today - timedelta(days=days)
            FleetBucket.objects.create(
                **{"tenant": tenant, "period": Period.DAY, "start": start, "end": start + timedelta(days=1)},
                energy_wh=energy,
            )
    bars = json.loads(shown(client, "admin:overview_charts").content)["energy"]
    assert len(bars) == 30
    assert [(bar["kwh"], bar["provisional"]) for bar in bars[-3:]] == [(None, False), (12.0, False), (3.0, True)]


def test_uptime_of_sixty_days_is_shown_in_words_too(client: Client, tenant: Tenant) -> None:
    today = timezone.now().date()
    with system_transaction():
        for days, online in ((0, 3600), (1, 86_000), (2, 86_400)):
            FleetOnlineDay.objects.create(
                **{"tenant": tenant, "day": today - timedelta(days=days), "stations": 1, "online_s": online},
                **{"expected_s": 86_400 if days else 3600, "computed_at": timezone.now()},
            )
    strip = shown(client).context["strip"]
    assert len(strip.bars) == 60
    assert [bar.level for bar in strip.bars[-4:]] == ["none", "ok", "ok", "ok"]
    assert strip.total == "99.77 %"
    assert "99.54 %" in shown(client, "admin:overview_uptime").content.decode()


def test_what_needs_somebody_is_told_the_worst_first(client: Client, tenant: Tenant) -> None:
    broken, away, new = (make_station(tenant, name) for name in ("CP1", "CP2", "CP3"))
    bring_online(broken)
    now = timezone.now()
    with tenant_transaction(tenant.pk):
        Connector.objects.filter(charge_point=broken).update(
            status="Faulted", error_code="GroundFailure", status_at=now
        )
        ChargePoint.objects.filter(pk=away.pk).update(last_seen_at=now - timedelta(hours=2, minutes=5))
        ChargePoint.objects.filter(pk=new.pk).update(registration="Pending")
        Alert.objects.create(
            **{"tenant": tenant, "charge_point": broken, "kind": "clock", "severity": "critical", "key": "clock"},
            **{"started_at": now, "last_at": now, "detail": "Its clock is 5 h off."},
        )
        SignInAttempt.objects.create(
            **{"tenant": tenant, "identity": "NEW", "identity_key": "new", "reason": "unknown", "last_at": now},
            remote_address="10.0.0.1",
        )
    items = shown(client).context["attention"]
    assert [item.level for item in items] == ["bad", "bad", "off", "warn", "warn"]
    assert items[1].detail.startswith("GroundFailure, ")
    assert (items[2].text, items[2].detail) == ("CP2", "last seen 2 h 5 min ago")


def test_more_of_a_kind_is_counted(client: Client, tenant: Tenant) -> None:
    for number in range(8):
        station = make_station(tenant, f"CP{number}")
        with tenant_transaction(tenant.pk):
            ChargePoint.objects.filter(pk=station.pk).update(last_seen_at=datetime(2026, 11, number + 1, tzinfo=UTC))
    items = shown(client).context["attention"]
    # Those that went last come first.
    assert [item.text for item in items] == ["CP7", "CP6", "CP5", "CP4", "CP3", "3 more stations offline"]
    assert client.get(items[-1].url).status_code == 200


def test_it_takes_no_more_queries_for_a_larger_fleet(client: Client, tenant: Tenant, redis_clean: Any) -> None:
    def queries() -> int:
        redis_clean.flushdb()
        with CaptureQueriesContext(connections["default"]) as captured:
            shown(client)
        return len(captured)

    make_one(tenant, "CP0")
    client.get(reverse("admin:index"))
    before = queries()
    for number in range(1, 7):
        make_one(tenant, f"CP{number}")
    assert queries() == before
    assert before <= 75


def make_one(tenant: Tenant, identity: str) -> None:
    station = make_station(tenant, identity)
    bring_online(station)
    charge(station, 11_000)
    now = timezone.now()
    with tenant_transaction(tenant.pk):
        Site.objects.create(tenant=tenant, name=identity)
        Connector.objects.filter(charge_point=station).update(status="Faulted")
        Alert.objects.create(
            **{"tenant": tenant, "charge_point": station, "kind": "clock", "severity": "warning", "key": "clock"},
            **{"started_at": now, "last_at": now},
        )
