"""What stations report is compared with what they should hold: mended thrice, then told."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState
from chargepoints.services.commands import finish_command
from metering.models import Alert
from smartcharging.models import ChargingProfile, ScheduleCheck
from smartcharging.services import settling
from smartcharging.services.drift import check_schedules
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import make_session
from tests.smartcharging.profile_rows.fleet import a_profile, again, answer, install, leave, make_fleet, send

State, Result = ChargingProfile.State, ScheduleCheck.Result


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    """Charging with a default of 10 A."""
    row = make_fleet(tenant, 1)[0]
    make_session(row, started_at=timezone.now() - timedelta(minutes=5))
    install(tenant, row, a_profile(limit=10))
    return row


def asked(tenant: Tenant) -> Command | None:
    with tenant_transaction(tenant.pk):
        return Command.objects.filter(action="GetCompositeSchedule", state=CommandState.QUEUED).first()


def report(tenant: Tenant, limit: float | None, unit: str = "A", **changes: Any) -> None:
    """The station's answer to the question that waits; None: it says that nothing limits it."""
    command = asked(tenant)
    assert command is not None
    leave(tenant, command.pk)
    reply: dict[str, Any] = {"status": "Accepted", "connectorId": 1, "scheduleStart": timezone.now().isoformat()}
    if limit is not None:
        periods = [{"startPeriod": 0, "limit": limit}]
        reply["chargingSchedule"] = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods, "duration": 3600}
    finish_command(tenant_id=tenant.pk, command_id=command.pk, state=CommandState.ACCEPTED, reply={**reply, **changes})


def check_of(tenant: Tenant) -> ScheduleCheck:
    with tenant_transaction(tenant.pk):
        return ScheduleCheck.objects.get()


def let_time_pass(tenant: Tenant, minutes: int) -> None:
    """For the checks and for the profiles, whose changes are waited for."""
    ago = timedelta(minutes=minutes)
    with tenant_transaction(tenant.pk):
        for row in ScheduleCheck.objects.all():
            ScheduleCheck.objects.filter(pk=row.pk).update(checked_at=row.checked_at - ago)


def settle_mend(tenant: Tenant) -> None:
    """The station takes what is sent again."""
    with tenant_transaction(tenant.pk):
        waiting = list(
            Command.objects.filter(action="SetChargingProfile", state=CommandState.QUEUED).values_list("pk", flat=True)
        )
    for pk in waiting:
        answer(tenant, pk)


def test_a_station_is_asked_once_an_hour(tenant: Tenant, station: ChargePoint) -> None:
    assert check_schedules() == 1
    command = asked(tenant)
    assert command is not None
    assert command.payload == {"connectorId": 1, "duration": 14400, "chargingRateUnit": "A"}
    report(tenant, 10)
    assert check_of(tenant).result == Result.EQUAL
    assert check_of(tenant).reported == [{"start": 0, "limit": "10", "phases": None}]
    assert check_schedules() == 0
    let_time_pass(tenant, 61)
    assert check_schedules() == 1


def test_soon_after_a_boot(tenant: Tenant, station: ChargePoint) -> None:
    check_schedules()
    report(tenant, 10)
    let_time_pass(tenant, 5)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(last_boot_at=timezone.now())
    assert check_schedules() == 0
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(last_boot_at=timezone.now() - timedelta(minutes=1))
    assert check_schedules() == 1


@pytest.mark.parametrize("change", [{"send_unasked": False}, {"registration": "Pending"}])
def test_fragile_and_waiting_stations_are_not_asked(
    tenant: Tenant, station: ChargePoint, change: dict[str, Any]
) -> None:
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(**change)
    assert check_schedules() == 0


def test_stations_without_profiles_and_offline_ones_are_not_asked(tenant: Tenant) -> None:
    make_fleet(tenant, 2)
    make_fleet(tenant, 1, online=False, prefix="AWAY")
    assert check_schedules() == 0


def test_a_difference_is_mended_thrice_then_told_and_resolved(tenant: Tenant, station: ChargePoint) -> None:
    check_schedules()
    report(tenant, 32)
    row = check_of(tenant)
    assert (row.result, row.mends, row.detail) == (
        Result.DIFFERS,
        0,
        "10.0 A expected from 0 s on, 32.0 A reported.",
    )
    for mend in (1, 2, 3):
        let_time_pass(tenant, 3)
        assert check_schedules() == 1
        report(tenant, 32)
        assert check_of(tenant).mends == mend
        settle_mend(tenant)
    with tenant_transaction(tenant.pk):
        assert not Alert.objects.exists()
        assert ChargingProfile.objects.filter(state=State.INSTALLED).count() == 1
        assert ChargingProfile.objects.filter(state=State.REPLACED).count() == 3
    let_time_pass(tenant, 61)
    assert check_schedules() == 1
    report(tenant, 32)
    with tenant_transaction(tenant.pk):
        alert = Alert.objects.get()
    assert (alert.kind, alert.status, alert.evse_number) == (Alert.Kind.SCHEDULE, "open", 1)
    assert alert.detail == "10.0 A expected from 0 s on, 32.0 A reported."
    let_time_pass(tenant, 61)
    check_schedules()
    report(tenant, 10)
    with tenant_transaction(tenant.pk):
        assert Alert.objects.get().status == "resolved"
    assert (check_of(tenant).result, check_of(tenant).mends) == (Result.EQUAL, 0)


def test_once_is_no_difference(tenant: Tenant, station: ChargePoint) -> None:
    check_schedules()
    report(tenant, 32)
    let_time_pass(tenant, 3)
    check_schedules()
    report(tenant, 10)
    assert check_of(tenant).result == Result.EQUAL
    with tenant_transaction(tenant.pk):
        assert not Command.objects.filter(action="SetChargingProfile", state=CommandState.QUEUED).exists()


def test_load_management_is_told_and_sends_its_own(
    tenant: Tenant, station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, str]] = []
    monkeypatch.setattr(settling, "_hooks", [lambda rows: told.extend((row.pk, row.state) for row in rows)])
    row = install(tenant, station, a_profile(limit=6), source="circuit")
    for _ in range(2):
        check_schedules()
        report(tenant, 32)
        let_time_pass(tenant, 3)
    assert (again(row).state, again(row).detail) == (
        State.DROPPED,
        "not in the schedule that the charge point reports",
    )
    assert told[-1] == (row.pk, "dropped")


def test_a_station_that_cannot_say_is_left_alone_until_it_boots(tenant: Tenant, station: ChargePoint) -> None:
    check_schedules()
    command = asked(tenant)
    assert command is not None
    leave(tenant, command.pk)
    finish_command(tenant_id=tenant.pk, command_id=command.pk, state=CommandState.FAILED, error_code="NotImplemented")
    assert (check_of(tenant).result, check_of(tenant).detail) == (Result.UNSUPPORTED, "NotImplemented")
    let_time_pass(tenant, 600)
    assert check_schedules() == 0
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(last_boot_at=timezone.now() - timedelta(minutes=1))
    assert check_schedules() == 1


def test_no_answer_is_no_difference(tenant: Tenant, station: ChargePoint) -> None:
    check_schedules()
    command = asked(tenant)
    assert command is not None
    leave(tenant, command.pk)
    finish_command(tenant_id=tenant.pk, command_id=command.pk, state=CommandState.TIMED_OUT)
    assert (check_of(tenant).result, check_of(tenant).detail) == (Result.FAILED, "no answer")


def test_a_profile_that_was_not_answered_is_looked_for_soon(tenant: Tenant, station: ChargePoint) -> None:
    check_schedules()
    report(tenant, 10)
    row = send(tenant, station, a_profile(limit=32))
    leave(tenant, row.command_id)
    assert row.command_id is not None
    finish_command(tenant_id=tenant.pk, command_id=row.command_id, state=CommandState.TIMED_OUT)
    assert check_schedules() == 0
    let_time_pass(tenant, 3)
    assert check_schedules() == 1


def test_an_idle_station_may_report_nothing(tenant: Tenant) -> None:
    row = make_fleet(tenant, 1)[0]
    install(tenant, row, a_profile(limit=10))
    check_schedules()
    report(tenant, None)
    assert check_of(tenant).result == Result.FAILED
    make_session(row, started_at=timezone.now())
    let_time_pass(tenant, 61)
    check_schedules()
    report(tenant, None)
    assert check_of(tenant).result == Result.DIFFERS


def test_what_changed_meanwhile_is_not_judged(tenant: Tenant, station: ChargePoint) -> None:
    check_schedules()
    command = asked(tenant)
    assert command is not None
    leave(tenant, command.pk)
    install(tenant, station, a_profile(limit=16))
    periods = [{"startPeriod": 0, "limit": 10}]
    reply = {
        "status": "Accepted",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
    }
    finish_command(tenant_id=tenant.pk, command_id=command.pk, state=CommandState.ACCEPTED, reply=reply)
    assert check_of(tenant).detail == "no answer"
    assert check_of(tenant).ours == []


def test_a_single_phase_station_that_answers_in_watts_is_understood(tenant: Tenant, station: ChargePoint) -> None:
    check_schedules()
    report(tenant, 2300, "W")
    assert check_of(tenant).result == Result.EQUAL


def test_a_common_default_is_compared_at_each_connector(tenant: Tenant) -> None:
    row = make_fleet(tenant, 1)[0]
    install(tenant, row, a_profile(limit=10), 0)
    assert check_schedules() == 1
    command = asked(tenant)
    assert command is not None
    assert command.payload["connectorId"] == 1


def test_only_so_many_stations_at_once(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from smartcharging.services import drift

    monkeypatch.setattr(drift, "STATIONS_AT_ONCE", 2)
    for row in make_fleet(tenant, 3):
        install(tenant, row, a_profile())
    assert check_schedules() == 2
    assert check_schedules() == 1
    assert check_schedules() == 0
