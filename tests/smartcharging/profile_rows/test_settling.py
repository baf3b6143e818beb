"""What stations answer decides what is installed; nothing is taken for granted, and nothing stays open for ever."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, Outcome, Transaction
from chargepoints.services.commands import cancel_command, finish_command, send_command, sweep_commands
from chargepoints.services.connections import fail_sent_commands
from chargepoints.services.transactions import Start, Stop, start_transaction, stop_transaction
from smartcharging.models import ChargingProfile
from smartcharging.services import settling
from smartcharging.services.adopting import keep_remote_profile
from smartcharging.services.dropped import station_booted
from smartcharging.services.settling import on_profile_settled, settle_lost
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.api.conftest import make_session
from tests.smartcharging.profile_rows.fleet import a_profile, again, answer, install, leave, make_fleet, send

State = ChargingProfile.State


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_fleet(tenant, 1)[0]


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """What hooks are told."""
    told: list[tuple[int, str]] = []
    monkeypatch.setattr(settling, "_hooks", [])
    on_profile_settled(lambda rows: told.extend((row.pk, row.state) for row in rows))
    return told
    return told


def end_session(session: Transaction) -> None:
    now = timezone.now()
    stop = Stop(protocol_id=session.protocol_id, at=now, meter_wh=Decimal(2000), received_at=now)
    stop_transaction(tenant_id=session.tenant_id, charge_point_id=session.charge_point_id, stop=stop)


def time_out(tenant: Tenant, row: ChargingProfile, reply: dict[str, Any] | None = None) -> None:
    """With `reply`: one that comes after it."""
    finish_command(tenant_id=tenant.pk, command_id=command_of(row), state=CommandState.TIMED_OUT, reply=reply)


def command_of(row: ChargingProfile) -> UUID:
    assert row.command_id is not None
    return row.command_id


def raw(station: ChargePoint, action: str, payload: dict[str, Any]) -> Command:
    """As `POST call` sends it."""
    return send_command(charge_point=station, action=action, payload=payload, requested_by="alice", origin="api")


def test_only_an_accepted_profile_is_installed(tenant: Tenant, station: ChargePoint, settled: list[Any]) -> None:
    row = send(tenant, station, a_profile())
    assert again(row).installed_at is None
    answer(tenant, row.command_id)
    assert again(row).state == State.INSTALLED
    assert again(row).installed_at is not None
    assert settled == [(row.pk, "installed")]
    with tenant_transaction(tenant.pk):
        event = OutboxEvent.objects.get(event_type="profile.changed")
    assert event.data["purpose"] == "TxDefaultProfile"
    assert (event.charge_point, event.data["state"], event.data["connectorId"]) == (station.identity, "installed", 1)


@pytest.mark.parametrize("word", ["Rejected", "NotSupported"])
def test_a_refusal_keeps_the_stations_word(tenant: Tenant, station: ChargePoint, settled: list[Any], word: str) -> None:
    before = install(tenant, station, a_profile())
    row = send(tenant, station, a_profile(limit=9))
    answer(tenant, row.command_id, word)
    assert (again(row).state, again(row).detail) == (State.REJECTED, word)
    assert again(before).state == State.INSTALLED
    assert settled[-1] == (row.pk, "rejected")


def test_same_purpose_level_and_connector_replaces(tenant: Tenant, station: ChargePoint, settled: list[Any]) -> None:
    first = install(tenant, station, a_profile(profile_id=1))
    other_level = install(tenant, station, a_profile(profile_id=2, stack_level=3))
    second = install(tenant, station, a_profile(profile_id=4))
    assert (again(first).state, again(first).detail) == (State.REPLACED, "Replaced by 4.")
    assert again(other_level).state == again(second).state == State.INSTALLED


def test_the_same_id_replaces_wherever_it_lies(tenant: Tenant, station: ChargePoint) -> None:
    first = install(tenant, station, a_profile(profile_id=1))
    install(tenant, station, a_profile("station_max", profile_id=1, kind="absolute"), 0)
    assert again(first).state == State.REPLACED


def test_no_answer_is_said_to_be_none_and_a_late_one_counts(tenant: Tenant, station: ChargePoint) -> None:
    row = send(tenant, station, a_profile())
    leave(tenant, row.command_id)
    time_out(tenant, row)
    assert (again(row).state, again(row).detail) == (State.REJECTED, "no answer")
    time_out(tenant, row, {"status": "Accepted"})
    assert (again(row).state, again(row).detail, again(row).ended_at) == (State.INSTALLED, "", None)


def test_a_late_answer_does_not_replace_what_came_after(tenant: Tenant, station: ChargePoint) -> None:
    old = send(tenant, station, a_profile(limit=10))
    leave(tenant, old.command_id)
    time_out(tenant, old)
    new = install(tenant, station, a_profile(limit=9))
    time_out(tenant, old, {"status": "Accepted"})
    assert again(old).state == State.REPLACED
    assert again(new).state == State.INSTALLED


def test_a_lost_connection_is_settled_by_beat(tenant: Tenant, station: ChargePoint, settled: list[Any]) -> None:
    row = send(tenant, station, a_profile())
    leave(tenant, row.command_id)
    with tenant_transaction(tenant.pk):
        connection_id = Command.objects.get(pk=command_of(row)).connection_id
    assert connection_id is not None
    fail_sent_commands(tenant_id=tenant.pk, connection_id=connection_id, at=timezone.now())
    assert again(row).state == State.SENDING
    assert settle_lost() == 1
    assert (again(row).state, again(row).detail) == (State.REJECTED, "no answer")
    assert settled == [(row.pk, "rejected")]
    assert settle_lost() == 0


def test_what_never_left_was_not_sent(tenant: Tenant, station: ChargePoint) -> None:
    cancelled, unclaimed = send(tenant, station, a_profile()), send(tenant, station, a_profile(stack_level=2))
    with tenant_transaction(tenant.pk):
        assert cancel_command(Command.objects.get(pk=command_of(cancelled)), "bob")
        Command.objects.filter(pk=command_of(unclaimed)).update(created_at=timezone.now() - timedelta(hours=1))
    assert again(cancelled).detail == "not sent"
    assert sweep_commands() == 1
    assert settle_lost() == 1
    assert (again(unclaimed).state, again(unclaimed).detail) == (State.REJECTED, "not sent")


def test_an_error_is_kept_by_its_code(tenant: Tenant, station: ChargePoint) -> None:
    row = send(tenant, station, a_profile())
    leave(tenant, row.command_id)
    finish_command(
        tenant_id=tenant.pk, command_id=command_of(row), state=CommandState.FAILED, error_code="NotImplemented"
    )
    assert (again(row).state, again(row).detail) == (State.REJECTED, "NotImplemented")


def test_a_raw_profile_that_was_accepted_is_adopted(tenant: Tenant, station: ChargePoint) -> None:
    ours = install(tenant, station, a_profile())
    wanted = {
        "chargingProfileId": 12,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7.5}]},
    }
    refused = raw(station, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": wanted})
    answer(tenant, refused.pk, "Rejected")
    assert again(ours).state == State.INSTALLED
    taken = raw(station, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": wanted})
    answer(tenant, taken.pk)
    with tenant_transaction(tenant.pk):
        row = ChargingProfile.objects.get(state=State.INSTALLED)
    assert (row.profile_id, row.source, row.command_id, row.requested_by) == (12, "person", taken.pk, "alice")
    assert row.schedule["periods"][0]["limit"] == "7.5"
    assert again(ours).state == State.REPLACED


def test_a_raw_clearing_clears_what_it_means(tenant: Tenant, station: ChargePoint, settled: list[Any]) -> None:
    default = install(tenant, station, a_profile(profile_id=1))
    higher = install(tenant, station, a_profile(profile_id=2, stack_level=5))
    clearing = raw(station, "ClearChargingProfile", {"stackLevel": 5, "connectorId": 1})
    answer(tenant, clearing.pk)
    assert (again(default).state, again(higher).state) == (State.INSTALLED, State.CLEARED)
    assert settled[-1] == (higher.pk, "cleared")
    unknown = raw(station, "ClearChargingProfile", {"id": 1})
    answer(tenant, unknown.pk, "Unknown")
    assert (again(default).state, again(default).detail) == (State.DROPPED, "The charge point had no such profile.")


def test_a_session_takes_its_profiles_along(tenant: Tenant, station: ChargePoint) -> None:
    session = make_session(station, started_at=timezone.now())
    session_profile = a_profile("tx", transaction_id="1", stack_level=2)
    installed = install(tenant, station, session_profile, transaction_id=session.pk)
    default = install(tenant, station, a_profile())
    queued = send(tenant, station, a_profile("tx", transaction_id="1", stack_level=3), transaction_id=session.pk)
    left = send(tenant, station, a_profile("tx", transaction_id="1", stack_level=4), transaction_id=session.pk)
    leave(tenant, left.command_id)
    end_session(session)
    assert (again(installed).state, again(installed).detail) == (State.DROPPED, "session ended")
    assert again(default).state == State.INSTALLED
    assert again(queued).state == State.REJECTED
    finish_command(
        tenant_id=tenant.pk, command_id=command_of(left), state=CommandState.ACCEPTED, reply={"status": "Accepted"}
    )
    assert (again(left).state, again(left).detail) == (State.DROPPED, "session ended")


def test_a_boot_drops_profiles_of_sessions_that_are_over(tenant: Tenant, station: ChargePoint) -> None:
    running = make_session(station, started_at=timezone.now())
    kept = install(tenant, station, a_profile("tx", transaction_id="1", stack_level=2), transaction_id=running.pk)
    over = make_session(station, "2", state="stopped")
    gone = install(tenant, station, a_profile("tx", stack_level=3))
    with tenant_transaction(tenant.pk):
        ChargingProfile.objects.filter(pk=gone.pk).update(transaction=over)
    default = install(tenant, station, a_profile())
    station_booted(tenant_id=tenant.pk, charge_point_id=station.pk)
    assert (again(gone).state, again(gone).detail) == (State.DROPPED, "the charge point booted")
    assert again(kept).state == again(default).state == State.INSTALLED


# --- remote starts ---

START_PROFILE = {
    "chargingProfileId": 5,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
}


def remote_start(station: ChargePoint, **changes: Any) -> Command:
    return raw(station, "RemoteStartTransaction", {"idTag": "TAG", "chargingProfile": START_PROFILE, **changes})


def only_row(tenant: Tenant) -> ChargingProfile:
    with tenant_transaction(tenant.pk):
        return ChargingProfile.objects.get()


def begin(station: ChargePoint) -> Transaction:
    now = timezone.now()
    start = Start(evse_number=1, id_tag="TAG", at=now, meter_wh=Decimal(0), received_at=now)
    return start_transaction(tenant_id=station.tenant_id, charge_point_id=station.pk, start=start).transaction


def test_a_remote_starts_profile_is_its_sessions(tenant: Tenant, station: ChargePoint) -> None:
    command = remote_start(station)
    answer(tenant, command.pk)
    row = only_row(tenant)
    assert (row.state, row.source, row.evse_number, row.transaction_id) == (State.SENDING, "remote_start", 0, None)
    session = begin(station)
    row = only_row(tenant)
    assert (row.state, row.evse_number, row.transaction_id) == (State.INSTALLED, 1, session.pk)
    end_session(session)
    assert only_row(tenant).state == State.DROPPED


def test_a_session_that_begins_before_the_answer_waits_for_it(tenant: Tenant, station: ChargePoint) -> None:
    command = remote_start(station, connectorId=1)
    leave(tenant, command.pk)
    with tenant_transaction(tenant.pk):
        keep_remote_profile(command)
    begin(station)
    assert (only_row(tenant).state, only_row(tenant).transaction_id is None) == (State.SENDING, False)
    finish_command(
        tenant_id=tenant.pk, command_id=command.pk, state=CommandState.ACCEPTED, reply={"status": "Accepted"}
    )
    assert only_row(tenant).state == State.INSTALLED


def test_a_remote_start_without_a_session_leaves_no_profile(tenant: Tenant, station: ChargePoint) -> None:
    command = remote_start(station)
    answer(tenant, command.pk)
    assert settle_lost() == 0
    with tenant_transaction(tenant.pk):
        Command.objects.filter(pk=command.pk).update(outcome=Outcome.UNFULFILLED)
    assert settle_lost() == 1
    assert (only_row(tenant).state, only_row(tenant).detail) == (State.REJECTED, "no session began")


def test_a_refused_remote_start_takes_no_profile(tenant: Tenant, station: ChargePoint) -> None:
    command = remote_start(station)
    with tenant_transaction(tenant.pk):
        keep_remote_profile(command)
    answer(tenant, command.pk, "Rejected")
    assert (only_row(tenant).state, only_row(tenant).detail) == (State.REJECTED, "Rejected")
