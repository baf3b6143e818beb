"""How long stations were online: what sockets leave behind, and the days made of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, FleetOnlineDay, Gateway, OnlineDay, PastConnection, StationConnection
from chargepoints.services.connections import Claim, claim_connection, release_connection
from chargepoints.services.leases import end_gateway, reclaim, sweep_dead_gateways
from chargepoints.services.uptime import fold_arrival, fold_uptime, forget_old_uptime
from chargepoints.uptime_selectors import UptimeDay, uptime_days, uptime_share
from tenants.context import system_transaction, tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.api.conftest import make_station

HOUR = timedelta(hours=1)
# Three in the afternoon of a day three days ago: in the past, and within what sockets are kept for.
TODAY = timezone.now().replace(hour=15, minute=0, second=0, microsecond=0) - timedelta(days=3)


def at(hour: float, days: int = 0) -> datetime:
    return TODAY.replace(hour=0) + timedelta(hours=hour, days=days)


@pytest.fixture
def gateway(db: None) -> UUID:
    """A gateway that is alive."""
    return make_gateway(timezone.now() + timedelta(days=1))


def make_gateway(seen_at: datetime) -> UUID:
    pk = uuid4()
    with system_transaction():
        Gateway.objects.create(id=pk, host="h", pid=1, channel=str(pk), started_at=at(0), seen_at=seen_at)
    return pk


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_station(tenant)


def connect(station: ChargePoint, gateway: UUID, when: datetime) -> Claim:
    claim = Claim(station.tenant_id, station.pk, station.identity, uuid4(), gateway, "10.0.0.1", "1.6", when)
    claim_connection(claim)
    return claim


def disconnect(claim: Claim, when: datetime) -> None:
    assert release_connection(
        tenant_id=claim.tenant_id,
        charge_point_id=claim.charge_point_id,
        identity=claim.identity,
        connection_id=claim.connection_id,
        at=when,
        reason="closed (1000)",
    )


def days_of(station: ChargePoint) -> dict[date, tuple[int, int]]:
    with tenant_transaction(station.tenant_id):
        rows = OnlineDay.objects.filter(charge_point=station)
        return {row.day: (row.online_s, row.expected_s) for row in rows}


def past(station: ChargePoint) -> list[tuple[datetime, datetime, str]]:
    with tenant_transaction(station.tenant_id):
        rows = PastConnection.objects.filter(charge_point=station).order_by("ended_at")
        return [(row.connected_at, row.ended_at, row.reason) for row in rows]


def test_a_socket_that_closes_leaves_when_it_was_there_and_why(station: ChargePoint, gateway: UUID) -> None:
    disconnect(connect(station, gateway, at(8)), at(9))
    assert past(station) == [(at(8), at(9), "closed (1000)")]


def test_a_newer_socket_ends_the_older_one(station: ChargePoint, gateway: UUID) -> None:
    connect(station, gateway, at(8))
    connect(station, gateway, at(9))
    assert past(station) == [(at(8), at(9), "superseded")]


def test_a_socket_of_a_gateway_long_gone_was_online_until_its_lease_ran_out(
    station: ChargePoint, gateway: UUID, settings: Any
) -> None:
    gone = make_gateway(at(10))
    connect(station, gone, at(8))
    connect(station, gateway, at(14))
    assert past(station) == [(at(8), at(10) + timedelta(seconds=settings.GATEWAY_LEASE_SECONDS), "superseded")]


def test_what_a_dead_gateway_held_was_online_as_long_as_it_lived(station: ChargePoint) -> None:
    connect(station, make_gateway(at(10)), at(8))
    assert sweep_dead_gateways() == 1
    assert past(station) == [(at(8), at(10), "gateway lost")]


def test_a_gateway_that_ends_leaves_nothing_uncounted(station: ChargePoint, gateway: UUID) -> None:
    claim = connect(station, gateway, at(8))
    with system_transaction():
        StationConnection.objects.filter(connection_id=claim.connection_id).update(last_message_at=at(9))
    end_gateway(gateway)
    assert past(station) == [(at(8), at(9), "gateway stopped")]


def test_a_day_is_counted_from_the_first_connection_on(station: ChargePoint, gateway: UUID) -> None:
    make_station_of_tenant(station, "NEVER")
    disconnect(connect(station, gateway, at(6)), at(9))
    connect(station, gateway, at(12))
    fold_uptime(TODAY)
    assert days_of(station) == {TODAY.date(): (6 * 3600, 9 * 3600)}
    with tenant_transaction(station.tenant_id):
        fleet = FleetOnlineDay.objects.get()
    assert (fleet.stations, fleet.online_s, fleet.expected_s) == (1, 6 * 3600, 9 * 3600)


def make_station_of_tenant(station: ChargePoint, identity: str) -> ChargePoint:
    return make_station(Tenant.objects.using("system").get(pk=station.tenant_id), identity)


def test_a_fold_done_again_or_later_adds_nothing_twice(station: ChargePoint, gateway: UUID) -> None:
    disconnect(connect(station, gateway, at(6)), at(9))
    fold_uptime(at(10))
    fold_uptime(at(10))
    assert days_of(station) == {TODAY.date(): (3 * 3600, 4 * 3600)}
    fold_uptime(at(12))
    assert days_of(station) == {TODAY.date(): (3 * 3600, 6 * 3600)}


def test_days_without_a_worker_are_made_up_for(station: ChargePoint, gateway: UUID) -> None:
    claim = connect(station, gateway, at(12))
    fold_uptime(at(13))
    disconnect(claim, at(6, days=2))
    fold_uptime(at(12, days=2))
    first = TODAY.date()
    assert days_of(station) == {
        first: (12 * 3600, 12 * 3600),
        first + timedelta(days=1): (24 * 3600, 24 * 3600),
        first + timedelta(days=2): (6 * 3600, 12 * 3600),
    }


def test_a_station_that_stays_away_is_expected_every_day(station: ChargePoint, gateway: UUID) -> None:
    disconnect(connect(station, gateway, at(6)), at(12))
    fold_uptime(at(13))
    fold_uptime(at(1, days=1))
    assert days_of(station)[TODAY.date()] == (6 * 3600, 18 * 3600)
    assert days_of(station)[TODAY.date() + timedelta(days=1)] == (0, 3600)


def test_an_end_that_is_noted_days_late_mends_the_days_before(station: ChargePoint, gateway: UUID) -> None:
    claim = connect(station, gateway, at(12, days=-2))
    fold_uptime(at(13))
    # The gateway couldn't reach the database: when its row goes, the socket has been gone for a day.
    disconnect(claim, at(18, days=-1))
    fold_uptime(at(14))
    yesterday = TODAY.date() - timedelta(days=1)
    assert days_of(station)[yesterday] == (18 * 3600, 24 * 3600)
    assert days_of(station)[TODAY.date()] == (0, 14 * 3600)


def test_a_socket_swept_and_entered_again_counts_once(station: ChargePoint, gateway: UUID) -> None:
    claim = connect(station, gateway, at(6))
    disconnect(claim, at(9))
    assert reclaim(claim) == ""
    fold_uptime(at(12))
    assert days_of(station) == {TODAY.date(): (6 * 3600, 6 * 3600)}


def test_a_socket_swept_and_entered_again_is_told_of_as_online(station: ChargePoint, gateway: UUID) -> None:
    claim = connect(station, gateway, at(6))
    disconnect(claim, at(9))
    for _ in range(2):
        assert reclaim(claim) == ""
    with tenant_transaction(station.tenant_id):
        told = OutboxEvent.objects.filter(event_type__startswith="chargepoint.").order_by("pk")
        assert [row.event_type.partition(".")[2] for row in told] == ["online", "offline", "online"]


def test_days_are_those_of_the_tenants_calendar(tenant: Tenant, gateway: UUID) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(timezone="Australia/Sydney")
    station = make_station(tenant)
    begin = datetime(*TODAY.timetuple()[:3], 10, tzinfo=UTC)
    disconnect(connect(station, gateway, begin), begin + 8 * HOUR)
    fold_uptime(begin + 8 * HOUR)
    online = [online for _, (online, _) in sorted(days_of(station).items())]
    # Ten or eleven hours ahead of UTC: midnight is three or four hours after the beginning.
    assert len(online) == 2
    assert sum(online) == 8 * 3600
    assert online[0] in {3 * 3600, 4 * 3600}


def test_nothing_is_expected_of_a_rejected_station(station: ChargePoint, gateway: UUID) -> None:
    disconnect(connect(station, gateway, at(6)), at(9))
    with tenant_transaction(station.tenant_id):
        ChargePoint.objects.filter(pk=station.pk).update(registration="Rejected")
    fold_uptime(at(12))
    assert days_of(station) == {}


def test_days_and_sockets_past_keeping_go(station: ChargePoint, gateway: UUID, settings: Any) -> None:
    disconnect(connect(station, gateway, at(6)), at(9))
    fold_uptime(at(12))
    assert forget_old_uptime(at(12, days=34)) == 0
    assert forget_old_uptime(timezone.now() + timedelta(days=36)) == 1
    assert past(station) == []
    assert days_of(station) != {}
    assert forget_old_uptime(timezone.now() + timedelta(days=settings.UPTIME_DAYS + 1)) == 1
    assert days_of(station) == {}
    with tenant_transaction(station.tenant_id):
        assert not FleetOnlineDay.objects.exists()


def test_the_last_days_are_read_without_a_hole(station: ChargePoint, gateway: UUID) -> None:
    other = make_station_of_tenant(station, "CP2")
    disconnect(connect(station, gateway, at(6)), at(9))
    connect(other, gateway, at(6))
    fold_uptime(at(12))
    today = TODAY.date()
    with tenant_transaction(station.tenant_id):
        fleet = uptime_days(None, 3, today=today)
        own = uptime_days([station.pk], 3, today=today)
        both = uptime_days([station.pk, other.pk], 3, today=today)
    empty = [UptimeDay(today - timedelta(days=2), 0, 0), UptimeDay(today - timedelta(days=1), 0, 0)]
    assert fleet == both == [*empty, UptimeDay(today, 9 * 3600, 12 * 3600)]
    assert own == [*empty, UptimeDay(today, 3 * 3600, 6 * 3600)]
    assert [day.share for day in own] == [None, None, 0.5]
    assert uptime_share(fleet) == 0.75
    assert uptime_share(empty) is None


def test_a_clock_that_was_ahead_for_a_while_leaves_no_hole(station: ChargePoint, gateway: UUID) -> None:
    """A fold of three days ahead, before the clock was set right: the days until then are worked out as they pass."""
    claim = connect(station, gateway, at(12))
    fold_uptime(at(13))
    fold_uptime(at(13, days=3))
    fold_uptime(at(23.5))
    disconnect(claim, at(23.75))
    fold_uptime(at(1, days=1))
    assert days_of(station)[TODAY.date()] == (int(11.75 * 3600), 12 * 3600)
    assert days_of(station)[TODAY.date() + timedelta(days=1)] == (0, 3600)


def test_a_tenant_that_was_on_the_way_at_midnight_has_its_day_finished(
    station: ChargePoint, other_tenant: Tenant, gateway: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it arrives, the others' days have been folded meanwhile."""
    connect(make_station(other_tenant, "THERE"), gateway, at(1))
    disconnect(connect(station, gateway, at(12)), at(22))
    fold_uptime(at(22))
    with system_transaction():
        Tenant.objects.filter(pk=station.tenant_id).update(status=Tenant.Status.ERASING)
    fold_uptime(at(2, days=1))
    with system_transaction():
        Tenant.objects.filter(pk=station.tenant_id).update(status=Tenant.Status.ACTIVE)
        monkeypatch.setattr(timezone, "now", lambda: at(2, days=1))
        fold_arrival(station.tenant_id, "", "")
    assert days_of(station) == {
        TODAY.date(): (10 * 3600, 12 * 3600),
        TODAY.date() + timedelta(days=1): (0, 2 * 3600),
    }
