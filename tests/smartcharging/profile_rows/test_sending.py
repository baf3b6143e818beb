"""Profiles to many stations: one transaction, one message to each gateway, what is queued superseded."""

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargepoints.models import Command, CommandState
from chargepoints.services import commands as command_services
from smartcharging.models import ChargingProfile
from smartcharging.services.sending import NEW_ID, ProfileToSend, send_profiles, take_back
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, OutboxEvent, Tenant
from tests.smartcharging.profile_rows.fleet import a_profile, again, bring_online, install, leave, make_fleet, send

State = ChargingProfile.State


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What gateways hear."""
    heard: list[tuple[str, Any]] = []

    class Layer:
        async def send(self, channel: str, message: dict[str, Any]) -> None:
            heard.append((channel, message))

    monkeypatch.setattr(command_services, "get_channel_layer", Layer)
    return heard


def test_five_hundred_are_sent_with_few_queries_and_one_message(tenant: Tenant, told: list[Any]) -> None:
    fleet = make_fleet(tenant, 500)
    items = [ProfileToSend(one.pk, 1, a_profile(), source="circuit") for one in fleet]
    started = time.thread_time()
    with CaptureQueriesContext(connection) as queries:
        rows = send_profiles(tenant_id=tenant.pk, items=items, requested_by="load management", origin="system")
    took = time.thread_time() - started
    assert {row.state for row in rows} == {State.SENDING}
    assert [row.charge_point_id for row in rows] == [one.pk for one in fleet]
    assert len({row.profile_id for row in rows}) == 500
    assert len(queries) < 20
    # Ours alone, a fifth of what may pass until all limits are out; the server's share is the few queries.
    assert took < 1.5, took
    ((channel, message),) = told
    assert channel == "gateway.x!y"
    assert (message["type"], sorted(message["charge_point_ids"])) == ("commands", sorted(one.pk for one in fleet))
    with tenant_transaction(tenant.pk):
        command = rows[0].command or Command()
        assert (command.action, command.priority, command.origin) == ("SetChargingProfile", 3, "system")
        assert command.payload["connectorId"] == 1
        assert command.payload["csChargingProfiles"]["chargingProfileId"] == rows[0].profile_id
        assert not AuditEntry.objects.filter(action="SetChargingProfile").exists()


def test_each_gateway_is_told_of_its_own(tenant: Tenant, told: list[Any]) -> None:
    first, second = make_fleet(tenant, 1), make_fleet(tenant, 1, online=False, prefix="Q")
    bring_online(tenant, second, "gateway.other!z")
    items = [ProfileToSend(one.pk, 1, a_profile()) for one in (*first, *second)]
    send_profiles(tenant_id=tenant.pk, items=items, requested_by="alice", origin="system")
    assert sorted(channel for channel, _ in told) == ["gateway.other!z", "gateway.x!y"]


def test_offline_stations_come_back_rejected_without_a_command(tenant: Tenant, told: list[Any]) -> None:
    (here,), (away,) = make_fleet(tenant, 1), make_fleet(tenant, 1, online=False, prefix="AWAY")
    items = [ProfileToSend(one.pk, 1, a_profile()) for one in (away, here)]
    rows = send_profiles(tenant_id=tenant.pk, items=items, requested_by="alice", origin="system")
    assert [(row.state, row.detail, row.command_id is None) for row in rows] == [
        (State.REJECTED, "offline", True),
        (State.SENDING, "", False),
    ]


def test_what_breaks_the_schema_is_rejected_and_stops_nobody_else(tenant: Tenant, told: list[Any]) -> None:
    bad, good = make_fleet(tenant, 2)
    items = [ProfileToSend(bad.pk, 1, a_profile(limit=0.05)), ProfileToSend(good.pk, 1, a_profile())]
    first, second = send_profiles(tenant_id=tenant.pk, items=items, requested_by="alice", origin="system")
    assert first.state == State.REJECTED
    assert first.detail
    assert second.state == State.SENDING


def test_a_queued_command_is_superseded_one_that_left_is_not(tenant: Tenant, told: list[Any]) -> None:
    (station,) = make_fleet(tenant, 1)
    queued = send(tenant, station, a_profile(limit=10))
    sent = send(tenant, station, a_profile(limit=9), supersedes=queued.command_id)
    assert (again(queued).state, again(queued).detail) == (State.REJECTED, "superseded")
    leave(tenant, sent.command_id)
    send(tenant, station, a_profile(limit=8), supersedes=sent.command_id)
    assert again(sent).state == State.SENDING
    with tenant_transaction(tenant.pk):
        assert again(queued).command == Command.objects.get(state=CommandState.CANCELLED)
        assert again(sent).command == Command.objects.get(state=CommandState.SENT)


def test_each_that_is_taken_back_is_told_once_and_in_order(tenant: Tenant, told: list[Any]) -> None:
    stations = make_fleet(tenant, 3)
    rows = [send(tenant, one, a_profile(limit=10)) for one in (*stations, *stations)]
    leave(tenant, rows[0].command_id)
    wanted = [row.command_id for row in reversed(rows) if row.command_id is not None]
    with tenant_transaction(tenant.pk):
        assert (take_back(wanted), take_back(wanted)) == (5, 0)
        events = OutboxEvent.objects.filter(event_type="command.finished").order_by("pk")
        ended = [(event.charge_point, event.data["commandId"], event.data["state"]) for event in events]
    assert ended == [(row.charge_point.identity, str(row.command_id), "cancelled") for row in rows[1:]]
    assert {again(row).detail for row in rows[1:]} == {"superseded"}


def test_what_replaces_another_goes_by_its_id(tenant: Tenant, told: list[Any]) -> None:
    (station,) = make_fleet(tenant, 1)
    first = install(tenant, station, a_profile(limit=10))
    second = send(tenant, station, a_profile(limit=9))
    elsewhere = send(tenant, station, a_profile(stack_level=2))
    assert second.profile_id == first.profile_id != NEW_ID
    assert elsewhere.profile_id not in (first.profile_id, NEW_ID)
    assert send(tenant, station, a_profile(profile_id=7)).profile_id == 7


def test_what_people_send_is_in_the_audit_trail(tenant: Tenant, told: list[Any]) -> None:
    (station,) = make_fleet(tenant, 1)
    row = send(tenant, station, a_profile())
    with tenant_transaction(tenant.pk):
        entry = AuditEntry.objects.get(action="SetChargingProfile")
    assert (entry.actor, entry.changes["command"]) == ("alice", str(row.command_id))


def test_another_tenants_station_is_not_reached(tenant: Tenant, other_tenant: Tenant, told: list[Any]) -> None:
    (station,) = make_fleet(tenant, 1)
    with pytest.raises(KeyError):
        send(other_tenant, station, a_profile())
    assert told == []
