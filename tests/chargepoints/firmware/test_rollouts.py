"""Rollouts: waves that follow one another, stop on failures, and survive crashes."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    Command,
    FirmwareFile,
    FirmwareRollout,
    FirmwareUpdate,
)
from chargepoints.services.firmware_updates import settle_updates
from chargepoints.services.rollouts import (
    Group,
    InvalidRollout,
    Plan,
    WrongState,
    advance_rollout,
    advance_rollouts,
    cancel_rollout,
    create_rollout,
    pause_rollout,
    resume_rollout,
)
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.api.conftest import make_station
from tests.chargepoints.firmware.rows import (
    RolloutState,
    add,
    again,
)

pytestmark = pytest.mark.usefixtures("db", "redis_clean")


@pytest.fixture
def fleet(tenant: Tenant) -> list[ChargePoint]:
    """CP1 to CP5 of Voltaic, with 1.0."""
    stations = [make_station(tenant, f"CP{number}") for number in range(1, 6)]
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(vendor="Voltaic", model="Wall", firmware_version="1.0", tags=["depot"])
    return stations


def roll(tenant: Tenant, group: Group | None = None, **plan: Any) -> FirmwareRollout:
    with tenant_transaction(tenant.pk):
        return create_rollout(
            firmware=FirmwareFile.objects.get(),
            group=group or Group(tags=("depot",)),
            plan=Plan(**{"name": "Autumn", "wave_size": 2, **plan}),
            actor="alice",
            origin="api",
        )


def states(rollout: FirmwareRollout) -> list[str]:
    with tenant_transaction(rollout.tenant_id):
        rows = FirmwareUpdate.objects.filter(rollout=rollout).order_by("charge_point__identity_key")
        return list(rows.values_list("state", flat=True))


def say(rollout: FirmwareRollout, identity: str, state: str) -> None:
    with tenant_transaction(rollout.tenant_id):
        FirmwareUpdate.objects.filter(rollout=rollout, charge_point__identity=identity).update(state=state)


def test_waves_follow_one_another_to_the_end(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    rollout = roll(tenant)
    assert states(rollout) == ["waiting"] * 5
    assert advance_rollouts(timezone.now()) == 1
    assert states(rollout) == ["sent", "sent", "waiting", "waiting", "waiting"]
    say(rollout, "CP1", "installed")
    assert advance_rollouts(timezone.now()) == 0
    say(rollout, "CP2", "failed")
    assert advance_rollouts(timezone.now()) == 1
    assert states(rollout) == ["installed", "failed", "sent", "sent", "waiting"]
    for identity in ("CP3", "CP4"):
        say(rollout, identity, "installed")
    advance_rollouts(timezone.now())
    say(rollout, "CP5", "installed")
    assert advance_rollouts(timezone.now()) == 1
    rollout = again(rollout)
    assert (rollout.state, rollout.current_wave) == (RolloutState.FINISHED, 3)
    assert rollout.finished_at is not None
    with tenant_transaction(tenant.pk):
        told = OutboxEvent.objects.filter(event_type="firmware.rollout").order_by("id")
        assert [event.data["state"] for event in told] == ["running", "finished"]


def test_too_many_failures_stop_it(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    rollout = roll(tenant, allowed_failures=0)
    advance_rollouts(timezone.now())
    say(rollout, "CP1", "failed")
    assert advance_rollouts(timezone.now()) == 1
    # CP2 is offline: its command had not been sent, and is taken back.
    assert states(rollout) == ["failed", "cancelled", "cancelled", "cancelled", "cancelled"]
    assert (again(rollout).state, again(rollout).detail) == (RolloutState.STOPPED, "1 failed; 0 are allowed.")
    with tenant_transaction(tenant.pk):
        assert Command.objects.filter(state="cancelled").count() == 1
        with pytest.raises(WrongState):
            resume_rollout(rollout=rollout, actor="alice", origin="api")


def test_a_station_that_stays_away_fails_with_its_wave(
    tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]
) -> None:
    rollout = roll(tenant, wave_hours=2, allowed_failures=5)
    now = timezone.now()
    advance_rollouts(now)
    with tenant_transaction(tenant.pk):
        assert all(now + timedelta(hours=2) == command.expires_at for command in Command.objects.all())
    assert settle_updates(now + timedelta(hours=1)) == 0
    assert settle_updates(now + timedelta(hours=2, seconds=1)) == 2
    advance_rollouts(now + timedelta(hours=3))
    assert states(rollout) == ["failed", "failed", "sent", "sent", "waiting"]


def test_pause_resume_and_cancel(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    rollout = roll(tenant)
    advance_rollouts(timezone.now())
    pause_rollout(rollout=rollout, actor="alice", origin="api")
    say(rollout, "CP1", "installed")
    say(rollout, "CP2", "installed")
    assert advance_rollouts(timezone.now()) == 0
    resume_rollout(rollout=rollout, actor="alice", origin="api")
    assert advance_rollouts(timezone.now()) == 1
    say(rollout, "CP3", "running")
    with tenant_transaction(tenant.pk):
        Command.objects.filter(charge_point__identity="CP3").update(state="accepted")
    cancel_rollout(rollout=rollout, actor="alice", origin="api")
    # What CP3 has begun can't be stopped.
    assert states(rollout) == ["installed", "installed", "running", "cancelled", "cancelled"]
    assert advance_rollouts(timezone.now()) == 0
    for change in (pause_rollout, resume_rollout, cancel_rollout):
        with pytest.raises(WrongState):
            change(rollout=rollout, actor="alice", origin="api")


def test_two_workers_begin_a_wave_once(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    rollout = roll(tenant, wave_size=5)

    def work(_: int) -> bool:
        try:
            return advance_rollout(tenant_id=tenant.pk, rollout_id=rollout.pk, now=timezone.now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(work, range(8)))
    assert done.count(True) == 1
    with tenant_transaction(tenant.pk):
        assert Command.objects.count() == 5


def test_a_crash_amid_a_wave_leaves_it_to_begin_again(
    tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chargepoints.services import rollouts

    sent: list[Any] = []
    rollout, real = roll(tenant), rollouts.send_update  # type: ignore[attr-defined]

    def dies(**given: Any) -> None:
        if sent:
            raise KeyboardInterrupt
        sent.append(given)
        real(**given)

    with monkeypatch.context() as patched:
        patched.setattr(rollouts, "send_update", dies)
        with pytest.raises(KeyboardInterrupt):
            advance_rollouts(timezone.now())
    assert states(rollout) == ["waiting"] * 5
    advance_rollouts(timezone.now())
    assert states(rollout)[:3] == ["sent", "sent", "waiting"]
    with tenant_transaction(tenant.pk):
        assert Command.objects.count() == 2


def test_it_begins_at_its_time(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    rollout = roll(tenant, start_at=timezone.now() + timedelta(hours=1))
    assert advance_rollouts(timezone.now()) == 0
    assert advance_rollouts(timezone.now() + timedelta(hours=2)) == 1
    assert states(rollout)[0] == "sent"


def test_who_has_the_version_is_left_out(tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]) -> None:
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(identity="CP2").update(firmware_version="2.0")
    assert len(states(roll(tenant))) == 4
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(firmware_version="2.0")
    with pytest.raises(InvalidRollout, match="All of these have this version"):
        roll(tenant)


@pytest.mark.parametrize(
    ("group", "plan", "field"),
    [
        (Group(), {}, "chargePointIds"),
        (Group(charge_points=("CP1", "NOBODY")), {}, "chargePointIds"),
        (Group(site="Nowhere"), {}, "filter"),
        (Group(charge_points=("CP1",)), {"signed": True}, "signed"),
        (Group(charge_points=("CP1",)), {"install_at": timezone.now()}, "installTime"),
    ],
)
def test_refused_rollouts(
    tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint], group: Group, plan: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRollout) as refused:
        roll(tenant, group, **plan)
    assert list(refused.value.errors) == [field]


def test_another_makers_station_is_never_offered_it(tenant: Tenant, fleet: list[ChargePoint]) -> None:
    add(tenant, vendor="Voltaic")
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(identity="CP1").update(vendor="Ampere")
    with pytest.raises(InvalidRollout, match="not for CP1"):
        roll(tenant, Group(charge_points=("CP1", "CP2")))
    assert len(states(roll(tenant))) == 4


def test_another_tenants_stations_are_not_found(
    tenant: Tenant, other_tenant: Tenant, firmware: FirmwareFile, fleet: list[ChargePoint]
) -> None:
    make_station(other_tenant, "THEIRS")
    with pytest.raises(InvalidRollout, match="There is no charge point THEIRS"):
        roll(tenant, Group(charge_points=("THEIRS",)))
