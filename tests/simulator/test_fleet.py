"""The simulator against a real gateway: what it journals is what the database has."""

import asyncio
import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from chargepoints.models import ChargePoint, Command, StationConnection, Transaction
from chargepoints.services.commands import send_command
from csms.simulator.car import Car, Outlet, electrics
from csms.simulator.configuration import Configuration
from csms.simulator.ending import end_tasks
from csms.simulator.fleet import Fleet
from csms.simulator.limits import limit_w
from csms.simulator.settings import Settings
from csms.simulator.station import Station
from metering.models import Sample
from tenants.context import system_transaction
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually


@pytest.fixture
def open_tenant(tenant: Tenant) -> Tenant:
    """It accepts any tag, and wants readings every second."""
    with system_transaction():
        wanted = {"MeterValueSampleInterval": "1"}
        Tenant.objects.filter(pk=tenant.pk).update(unknown_id_tags="accept", desired_configuration=wanted)
    return tenant


def make_fleet(address: str, size: int, journal: Path | None = None, **changes: Any) -> Fleet:
    settings = Settings(
        url=address,
        tenant="acme",
        password=None,
        tags=["TAG-1", "TAG-2", "TAG-3"],
        sample_interval_s=1,
        **{"speed": 30.0, "offline_every_s": 1e8, "fault_every_s": 1e8, **changes},
    )
    return Fleet(size, settings, prefix="SIM", seed=3, journal=journal)


async def play(fleet: Fleet) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(station.run()) for station in fleet.stations]


async def end(tasks: list[asyncio.Task[None]]) -> None:
    await end_tasks(tasks)
    await asyncio.sleep(0)


def force_session(station: Station) -> None:
    """A car plugs in at once."""
    station.spawn(station.sessions.plug_in(station.connectors[0], "TAG-1"))


async def test_what_was_acknowledged_is_in_the_database(open_tenant: Tenant, gateway: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    fleet = make_fleet(gateway, 2, journal)
    tasks = await play(fleet)
    await eventually(lambda: all(station.accepted for station in fleet.stations))
    for station in fleet.stations:
        force_session(station)
    await eventually(
        lambda: all(
            station.connectors[0].register_wh > 0 and station.connectors[0].session for station in fleet.stations
        )
    )
    await eventually(lambda: stored(open_tenant, lambda: Sample.objects.filter(context=0).count() >= 6))
    for station in fleet.stations:
        for connector in station.connectors:
            station.stop(connector, "Local")
    await eventually(lambda: not any(station.queue for station in fleet.stations))
    await end(tasks)
    fleet.journal.close()
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    stops = {
        str(line["request"]["transaction_id"]): line["request"]["meter_stop"]
        for line in lines
        if line.get("action") == "StopTransaction"
    }
    rows = await stored(
        open_tenant,
        lambda: dict(Transaction.objects.filter(state="stopped").values_list("protocol_id", "meter_stop_wh")),
    )
    assert len(stops) >= 2
    assert {key: int(value) for key, value in rows.items()} == stops
    assert "2/2" in fleet.progress(1.0) or "0/2" in fleet.progress(1.0)


async def test_a_session_begun_offline_is_replayed_with_its_own_times(open_tenant: Tenant, gateway: str) -> None:
    fleet = make_fleet(gateway, 1)
    station = fleet.stations[0]
    tasks = await play(fleet)
    await eventually(lambda: station.accepted)
    station.wire.stay_away(3)
    await eventually(lambda: station.link is None)
    station.sessions.begin(station.connectors[0], "TAG-2")
    session = station.connectors[0].session
    assert session is not None
    await asyncio.sleep(0)
    station.stop(station.connectors[0], "Local")
    row = await eventually(
        lambda: stored(open_tenant, lambda: Transaction.objects.filter(id_tag="TAG-2", state="stopped").first()), 30
    )
    assert abs((row.started_at - session.started_at).total_seconds()) < 1
    assert row.start_received_at > row.started_at
    await end(tasks)


async def test_remote_start_and_stop_and_reset_are_obeyed(open_tenant: Tenant, gateway: str) -> None:
    fleet = make_fleet(gateway, 1)
    station = fleet.stations[0]
    for connector in station.connectors:
        connector.available = False
    tasks = await play(fleet)
    await eventually(lambda: station.accepted)
    station.connectors[0].available = True

    async def command(action: str, payload: dict[str, Any]) -> Command:
        def send() -> Command:
            row = ChargePoint.objects.get()
            return send_command(charge_point=row, action=action, payload=payload, requested_by="x", origin="api")

        sent = await stored(open_tenant, send)
        done: Command = await eventually(
            lambda: stored(open_tenant, lambda: Command.objects.filter(pk=sent.pk, finished_at__isnull=False).first())
        )
        return done

    assert (await command("RemoteStartTransaction", {"idTag": "TAG-3", "connectorId": 1})).state == "accepted"
    row = await eventually(lambda: stored(open_tenant, lambda: Transaction.objects.filter(id_tag="TAG-3").first()))
    await eventually(lambda: station.connectors[0].session and station.connectors[0].session.transaction_id)
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1500.0}]},
    }
    assert (await command("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})).state == "accepted"
    await eventually(lambda: station.connectors[0].power_w <= 1500)
    assert (await command("ClearChargingProfile", {"id": 1})).state == "accepted"
    assert (await command("RemoteStopTransaction", {"transactionId": int(row.protocol_id)})).state == "accepted"
    await eventually(lambda: stored(open_tenant, lambda: Transaction.objects.get(pk=row.pk).stop_reason == "Remote"))
    for action, payload, state in (
        ("UnlockConnector", {"connectorId": 1}, "accepted"),
        ("UnlockConnector", {"connectorId": 9}, "rejected"),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, "accepted"),
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}, "accepted"),
        ("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"}, "accepted"),
        ("ClearCache", {}, "accepted"),
        ("DataTransfer", {"vendorId": "x"}, "rejected"),
        ("GetLocalListVersion", {}, "accepted"),
        ("SendLocalList", {"listVersion": 1, "updateType": "Full"}, "accepted"),
        ("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "5"}, "rejected"),
        ("Reset", {"type": "Soft"}, "accepted"),
    ):
        assert (await command(action, payload)).state == state, action
    await eventually(lambda: station.link is None)
    await eventually(lambda: stored(open_tenant, lambda: StationConnection.objects.live().exists()))
    await end(tasks)


def test_a_car_tapers_above_eighty_percent_and_ends_when_full() -> None:
    car = Car(capacity_wh=50_000, soc=0.5, max_w=11_000)
    assert car.wanted_w() == 11_000
    car.soc = 0.9
    assert 4_000 < car.wanted_w() < 7_000
    car.charge(100_000)
    assert car.soc == 1.0
    assert car.wanted_w() == 0


def test_the_meter_shows_one_consistent_picture() -> None:
    shown = electrics(11_000, Outlet(11_000, 3), 600, random.Random(1))
    assert shown.voltage_v * shown.current_a * 3 == pytest.approx(11_000, rel=0.01)
    direct = electrics(40_000, Outlet(50_000, 3, dc=True), 600, random.Random(1))
    assert direct.voltage_v > 380


def test_configuration_keys_are_accepted_rejected_or_unknown() -> None:
    keys = Configuration(2, 10)
    assert keys.change("HeartbeatInterval", "30") == "Accepted"
    assert keys.change("HeartbeatInterval", "soon") == "Rejected"
    assert keys.change("Colour", "red") == "NotSupported"
    known, unknown = keys.report(["HeartbeatInterval", "Colour"])
    assert known[0]["value"] == "30"
    assert unknown == ["Colour"]


def test_limits_follow_stack_level_kind_and_validity() -> None:
    from datetime import UTC, datetime, timedelta

    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def profile(limit: float, purpose: str = "TxDefaultProfile", **changes: Any) -> dict[str, Any]:
        return {
            "charging_profile_purpose": purpose,
            "stack_level": 0,
            "charging_profile_kind": "Relative",
            "charging_schedule": {
                "charging_rate_unit": "W",
                "charging_schedule_period": [{"start_period": 0, "limit": limit}],
            },
            **changes,
        }

    assert limit_w([], noon, noon, 3) is None
    assert limit_w([profile(5000), profile(3000, stack_level=1)], noon, noon, 3) == 3000
    assert limit_w([profile(5000), profile(3000, "ChargePointMaxProfile")], noon, noon, 3) == 3000
    gone = profile(1, stack_level=5, valid_to=(noon - timedelta(hours=1)).isoformat())
    assert limit_w([gone, profile(5000)], noon, noon, 3) == 5000
    daily = profile(7000, charging_profile_kind="Recurring", recurrency_kind="Daily")
    daily["charging_schedule"] |= {"start_schedule": "2026-11-01T11:00:00Z", "duration": 7200}
    assert limit_w([daily], noon, None, 3) == 7000
    assert limit_w([daily], noon + timedelta(hours=3), None, 3) is None
    amps = profile(16)
    amps["charging_schedule"]["charging_rate_unit"] = "A"
    assert limit_w([amps], noon, noon, 3) == 16 * 230 * 3


async def test_a_task_that_lost_its_first_cancellation_is_ended_all_the_same() -> None:
    begun = asyncio.Event()

    async def lives_on() -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(lives_on())
    await begun.wait()
    async with asyncio.timeout(30):
        await end_tasks([task])
    assert task.cancelled()
