"""Passwords are rotated by beat: few at a time, online, without a session, once a day, as the tenant has set it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, StationConnection
from chargepoints.services import rotation_schedule
from chargepoints.services.configuration_keys import PASSWORD_KEY
from chargepoints.services.provisioning import set_password
from chargepoints.services.rotation_schedule import rotate_due_passwords
from chargepoints.services.security_settings import change_settings
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import bring_online, make_session, make_station
from tests.chargepoints.test_connection import refused, stored
from tests.chargepoints.test_password_rotation import OLD, key_sent
from tests.chargepoints.test_password_rotation import make_station as make_password_station
from tests.conftest import eventually
from tests.stations import Connect

DAYS = 90


@pytest.fixture(autouse=True)
def every_90_days(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        change_settings(tenant.pk, {"password_rotation_days": DAYS}, actor="alice", origin="api")


def old_station(tenant: Tenant, identity: str = "CP1", **fields: Any) -> ChargePoint:
    """Online, with a password that is a day too old."""
    station = make_station(tenant, identity)
    bring_online(station)
    since = timezone.now() - timedelta(days=DAYS + 1)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=station.pk).update(**{"password_hash": "x", "password_set_at": since} | fields)
    return station


def asked(tenant: Tenant) -> list[str]:
    with tenant_transaction(tenant.pk):
        sent = Command.objects.filter(action="ChangeConfiguration", payload__key=PASSWORD_KEY)
        return sorted(sent.values_list("charge_point__identity", flat=True))


def test_only_passwords_past_their_days_are_rotated(tenant: Tenant) -> None:
    old_station(tenant, "OLD")
    old_station(tenant, "YOUNG", password_set_at=timezone.now() - timedelta(days=DAYS - 1))
    old_station(tenant, "NEVER", password_set_at=None)
    assert rotate_due_passwords(timezone.now()) == 1
    assert asked(tenant) == ["OLD"]
    with tenant_transaction(tenant.pk):
        entry = AuditEntry.objects.get(action="rotate password")
        assert (entry.actor, entry.changes["rotated_after_days"]) == ("system", DAYS)


def test_one_that_never_changed_counts_from_its_making(tenant: Tenant) -> None:
    old_station(tenant, password_set_at=None, created_at=timezone.now() - timedelta(days=DAYS + 1))
    assert rotate_due_passwords(timezone.now()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"security_profile": 0},
        {"security_profile": 3},
        {"password_hash": ""},
        {"registration": "Pending"},
        {"send_unasked": False},
    ],
    ids=str,
)
def test_stations_that_are_not_to_be_touched_are_not(tenant: Tenant, fields: dict[str, Any]) -> None:
    old_station(tenant, **fields)
    assert rotate_due_passwords(timezone.now()) == 0
    assert asked(tenant) == []


def test_it_waits_while_the_station_is_offline_or_charges(tenant: Tenant) -> None:
    charging = old_station(tenant, "BUSY")
    session = make_session(charging)
    old_station(tenant, "AWAY")
    with system_transaction():
        StationConnection.objects.filter(charge_point__identity="AWAY").delete()
    assert rotate_due_passwords(timezone.now()) == 0
    with tenant_transaction(tenant.pk):
        type(session).objects.update(state="stopped")
    assert rotate_due_passwords(timezone.now()) == 1
    assert asked(tenant) == ["BUSY"]


def test_a_session_that_begins_between_look_and_command_is_left_alone(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = old_station(tenant)
    look = rotation_schedule._due

    def looked_then_started(*args: datetime) -> Any:
        found = list(look(*args).values_list("pk", flat=True))
        make_session(station)
        return ChargePoint.objects.filter(pk__in=found)

    monkeypatch.setattr(rotation_schedule, "_due", looked_then_started)
    assert rotate_due_passwords(timezone.now()) == 0
    assert asked(tenant) == []


def test_a_run_takes_a_few_the_oldest_first(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation_schedule, "MOST_AT_ONCE", 2)
    for number in range(3):
        old_station(tenant, f"CP{number}", password_set_at=timezone.now() - timedelta(days=200 - number))
    assert rotate_due_passwords(timezone.now()) == 2
    assert asked(tenant) == ["CP0", "CP1"]
    assert rotate_due_passwords(timezone.now()) == 1


def test_each_is_asked_once_a_day(tenant: Tenant) -> None:
    old_station(tenant)
    now = timezone.now()
    assert rotate_due_passwords(now) == 1
    with tenant_transaction(tenant.pk):
        Command.objects.update(state="rejected", finished_at=now)
    assert rotate_due_passwords(now) == 0
    assert rotate_due_passwords(now + timedelta(days=1, minutes=1)) == 1


def test_one_that_took_its_key_is_not_asked_again(tenant: Tenant) -> None:
    old_station(tenant)
    now = timezone.now()
    assert rotate_due_passwords(now) == 1
    with tenant_transaction(tenant.pk):
        Command.objects.update(state="accepted", finished_at=now)
    assert rotate_due_passwords(now + timedelta(days=3)) == 0


@pytest.mark.parametrize("off", ["setting", "tenant"])
def test_nothing_happens_where_it_is_off(tenant: Tenant, off: str) -> None:
    old_station(tenant)
    with system_transaction():
        if off == "tenant":
            Tenant.objects.filter(pk=tenant.pk).update(status=Tenant.Status.SUSPENDED)
    if off == "setting":
        with tenant_transaction(tenant.pk):
            change_settings(tenant.pk, {"password_rotation_days": None}, actor="alice", origin="api")
    assert rotate_due_passwords(timezone.now()) == 0


def test_a_password_set_by_hand_is_young_again(tenant: Tenant) -> None:
    station = old_station(tenant)
    with tenant_transaction(tenant.pk):
        set_password(ChargePoint.objects.get(pk=station.pk))
    assert rotate_due_passwords(timezone.now()) == 0


async def test_073_the_station_comes_back_with_the_new_password(tenant: Tenant, connect: Connect) -> None:
    row = await make_password_station(tenant)
    since = timezone.now() - timedelta(days=DAYS + 1)
    await stored(tenant, lambda: ChargePoint.objects.filter(pk=row.pk).update(created_at=since))
    async with connect(password=OLD) as station:
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        assert await asyncio.to_thread(rotate_due_passwords, timezone.now()) == 1
        new = await key_sent(station)
        await eventually(lambda: stored(tenant, lambda: Command.objects.filter(state="accepted").exists()))
    async with connect(password=new):
        kept = await stored(tenant, ChargePoint.objects.get)
        assert kept.password_set_at is not None
        assert kept.next_password_hash == ""
    assert await refused(connect(password=OLD)) == 401
    assert await asyncio.to_thread(rotate_due_passwords, timezone.now()) == 0
