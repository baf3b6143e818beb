"""Configuration keys: what is wanted, what is reported, and who is told when."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.configuration_selectors import configuration_of, retention_days, retention_days_of_all
from chargepoints.models import ChargePoint, Command, CommandState, ConfigurationKey, StationConnection
from chargepoints.services.configuration import store_configuration
from chargepoints.services.configuration_keys import InvalidValue, check_key, check_value, same_value
from chargepoints.services.configuration_push import push_configuration, push_to_fleet
from chargepoints.services.configuration_wishes import (
    InvalidWishes,
    change_own_wishes,
    change_tenant_wishes,
    check_wishes,
    inherited_wishes,
    wishes_of,
)
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import make_station
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect, Station

INTERVAL = "MeterValueSampleInterval"


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("metervaluesampleinterval", " 030 ", "30"),
        ("LocalPreAuthorize", "True", "true"),
        ("MeterValuesSampledData", "soc, Voltage.l1-n ,SoC", "SoC,Voltage.L1-N"),
        ("StopTxnSampledData", "", ""),
        ("ConnectorPhaseRotation", "0.RST, 1.TRS", "0.RST,1.TRS"),
        ("VendorKey", " as given ", " as given "),
        ("MeterValueRetentionDays", "365", "365"),
    ],
)
def test_a_value_that_fits_its_key_is_kept_in_standard_spelling(key: str, given: str, kept: str) -> None:
    assert check_value(key, given) == kept


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MeterValueSampleInterval", "-1"),
        ("MeterValueSampleInterval", "1.5"),
        ("MeterValueSampleInterval", "86401"),
        ("MeterValueSampleInterval", "٣"),
        ("LightIntensity", "101"),
        ("LocalPreAuthorize", "yes"),
        ("MeterValuesSampledData", "Energy"),
        ("MeterValuesSampledData", "Voltage.L9"),
        ("ConnectorPhaseRotation", "1.ABC"),
        ("MeterValueRetentionDays", "0"),
        ("MeterValueRetentionDays", "366"),
        ("VendorKey", "x" * 501),
        ("VendorKey", "a\0b"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(key: str, value: str) -> None:
    with pytest.raises(InvalidValue):
        check_value(key, value)


@pytest.mark.parametrize(
    "key", ["AuthorizationKey", "authorizationkey", "SecurityProfile", "NumberOfConnectors", "", "x" * 51]
)
def test_secrets_and_what_stations_only_report_cannot_be_wished(key: str) -> None:
    with pytest.raises(InvalidValue):
        check_key(key)


def test_lists_are_the_same_in_any_order() -> None:
    assert same_value("SoC,Voltage", "voltage, SoC")
    assert not same_value("SoC", "SoC,Voltage")
    assert same_value("TRUE", "true")


def test_each_wrong_key_is_named() -> None:
    with pytest.raises(InvalidWishes) as refused:
        check_wishes({INTERVAL: "often", "AuthorizationKey": "x", "Fine": 5, "Nested": {}, "fine": "6"})
    assert set(refused.value.errors) == {INTERVAL, "AuthorizationKey", "Nested", "fine"}


def test_the_charge_point_wins_over_the_tenant_over_the_default() -> None:
    inherited = inherited_wishes({"ClockAlignedDataInterval": 300, "Vendor": True, "Bad": [1], "AuthorizationKey": "s"})
    wishes = wishes_of(inherited, {"metervaluesampleinterval": "5", INTERVAL + "x": "y"})
    shown = {wish.key: (wish.value, wish.source.value) for wish in wishes.values()}
    assert shown == {
        "MeterValuesSampledData": ("Energy.Active.Import.Register,Power.Active.Import", "default"),
        "MeterValueSampleInterval": ("5", "chargepoint"),
        "MeterValueSampleIntervalx": ("y", "chargepoint"),
        "ClockAlignedDataInterval": ("300", "tenant"),
        "StopTxnSampledData": ("Energy.Active.Import.Register", "default"),
        "MeterValueRetentionDays": ("7", "default"),
        "Vendor": ("true", "tenant"),
    }


@pytest.mark.parametrize("stored_value", [[], "text", 5, None, {"": "x"}, {INTERVAL: None}, {INTERVAL: "often"}])
def test_wishes_typed_wrong_long_ago_are_passed_over(stored_value: Any) -> None:
    assert inherited_wishes(stored_value) == inherited_wishes({})


def report(station: ChargePoint, readonly: bool = False, **values: str) -> None:
    """The station has told these keys."""
    keys = [{"key": key, "value": value, "readonly": readonly} for key, value in values.items()]
    store_configuration(
        tenant_id=station.tenant_id, charge_point_id=station.pk, keys=keys, complete=False, at=timezone.now()
    )


def test_drift_is_what_differs_and_what_someone_asked_for_in_vain(tenant: Tenant) -> None:
    station = make_station(tenant)
    report(station, MeterValueSampleInterval="900", ClockAlignedDataInterval="900", AuthorizationKey="secret-secret")
    with tenant_transaction(tenant.pk):
        change_own_wishes(station, {"Vendor": "1"}, actor="alice", origin="api")
        states = {state.key: state for state in configuration_of(ChargePoint.objects.get())}
    assert {key for key, state in states.items() if state.drift} == {INTERVAL, "Vendor"}
    assert (states[INTERVAL].value, states[INTERVAL].desired) == ("900", "60")
    assert states["StopTxnSampledData"].value is None
    assert states["AuthorizationKey"].value is None
    assert states["MeterValueRetentionDays"].value == "7"


def test_retention_follows_the_wishes(tenant: Tenant, other_tenant: Tenant) -> None:
    short, usual, foreign = make_station(tenant, "A"), make_station(tenant, "B"), make_station(other_tenant, "C")
    with tenant_transaction(tenant.pk):
        change_own_wishes(short, {"MeterValueRetentionDays": "2"}, actor="a", origin="api")
        change_tenant_wishes(tenant.pk, {"metervalueretentiondays": "30"}, actor="a", origin="api")
        assert retention_days(ChargePoint.objects.get(pk=short.pk)) == 2
    with system_transaction():
        assert retention_days_of_all() == {short.pk: 2, usual.pk: 30, foreign.pk: 7}


def test_wishes_are_audited_and_taken_back_by_null(tenant: Tenant) -> None:
    station = make_station(tenant)
    with tenant_transaction(tenant.pk):
        assert change_own_wishes(station, {INTERVAL: "5"}, actor="alice", origin="api") == {INTERVAL: "5"}
        assert change_own_wishes(station, {INTERVAL: None}, actor="alice", origin="api") == {INTERVAL: "60"}
        assert ChargePoint.objects.get().desired_configuration == {}
        changes = list(AuditEntry.objects.order_by("id").values_list("changes", flat=True))
    assert changes == [{INTERVAL: [None, "5"]}, {INTERVAL: ["5", None]}]


def test_a_partial_report_keeps_the_stations_spelling_and_forgets_what_it_does_not_know(tenant: Tenant) -> None:
    station = make_station(tenant)
    report(station, heartbeatINTERVAL="300", Gone="1")
    report(station, HeartbeatInterval="60")
    store_configuration(
        tenant_id=tenant.pk, charge_point_id=station.pk, keys=[], complete=False, at=timezone.now(), unknown=["gone"]
    )
    with tenant_transaction(tenant.pk):
        assert dict(ConfigurationKey.objects.values_list("key", "value")) == {"heartbeatINTERVAL": "60"}


# --- pushing ---


def open_station(tenant: Tenant) -> ChargePoint:
    """A known station that signs in without a password."""
    station = make_station(tenant)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(security_profile=0)
    return station


async def changes_asked(station: Station, count: int) -> list[dict[str, Any]]:
    """The ChangeConfigurations that have come, once there are `count`."""

    def asked() -> list[dict[str, Any]]:
        return [payload for action, payload in station.asked if action == "ChangeConfiguration"]

    await eventually(lambda: len(asked()) >= count)
    return asked()


async def settle(tenant: Tenant) -> None:
    """The connection is as old as a quiet one."""
    long_ago = timezone.now() - timedelta(minutes=5)
    await stored(tenant, lambda: StationConnection.objects.update(connected_at=long_ago))


async def all_ended(tenant: Tenant) -> None:
    open_commands = Command.objects.filter(state__in=[CommandState.QUEUED, CommandState.SENT])
    await eventually(lambda: stored(tenant, lambda: not open_commands.all().exists()))


def push(tenant: Tenant) -> int:
    return push_to_fleet(tenant.pk)


async def test_a_station_that_comes_back_without_a_boot_is_told_once_it_has_settled(
    tenant: Tenant, connect: Connect
) -> None:
    row = await asyncio.to_thread(open_station, tenant)
    await asyncio.to_thread(report, row, MeterValueSampleInterval="900")
    async with connect() as station:
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        assert await asyncio.to_thread(push, tenant) == 0
        await settle(tenant)
        assert await asyncio.to_thread(push, tenant) == 1
        assert await changes_asked(station, 1) == [{"key": INTERVAL, "value": "60"}]
        await all_ended(tenant)
        assert await asyncio.to_thread(push_to_fleet) == 0


async def test_a_station_never_read_is_read_first_and_once(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(open_station, tenant)
    async with connect() as station:
        await settle(tenant)
        assert await asyncio.to_thread(push, tenant) == 1
        await eventually(lambda: station.asked == [("GetConfiguration", {})])
        await all_ended(tenant)
        assert await asyncio.to_thread(push, tenant) == 0


async def test_a_refused_wish_is_not_repeated_before_the_next_boot(tenant: Tenant, connect: Connect) -> None:
    row = await asyncio.to_thread(open_station, tenant)
    await asyncio.to_thread(report, row, MeterValueSampleInterval="900")
    for _ in range(2):
        async with connect() as station:
            station.answers["ChangeConfiguration"] = {"status": "Rejected"}
            await settle(tenant)
            await asyncio.to_thread(push, tenant)
            await all_ended(tenant)
        await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))
    assert await stored(tenant, Command.objects.count) == 1
    async with connect() as station:
        station.answers["GetConfiguration"] = {
            "configurationKey": [{"key": INTERVAL, "readonly": False, "value": "900"}]
        }
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        await station.boot()
        assert await changes_asked(station, 1) == [{"key": INTERVAL, "value": "60"}]


async def test_a_wish_that_got_lost_with_the_connection_is_repeated_on_the_next(
    tenant: Tenant, connect: Connect
) -> None:
    row = await asyncio.to_thread(open_station, tenant)
    await asyncio.to_thread(report, row, MeterValueSampleInterval="900")
    async with connect() as station:
        await settle(tenant)
        await asyncio.to_thread(push, tenant)
        await changes_asked(station, 1)
    await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))
    async with connect() as station:
        long_ago = timezone.now() - timedelta(hours=1)
        await stored(tenant, lambda: Command.objects.update(created_at=long_ago))
        await settle(tenant)
        await asyncio.to_thread(push, tenant)
        await changes_asked(station, 1)


async def test_two_pushes_at_once_ask_once(tenant: Tenant, connect: Connect) -> None:
    row = await asyncio.to_thread(open_station, tenant)
    await asyncio.to_thread(report, row, MeterValueSampleInterval="900")
    async with connect():
        pushes = [asyncio.to_thread(push_configuration, tenant_id=tenant.pk, charge_point_id=row.pk) for _ in range(4)]
        assert sorted(await asyncio.gather(*pushes)) == [0, 0, 0, 1]


async def test_nothing_is_pushed_to_stations_that_want_silence_or_wait_for_an_operator(
    tenant: Tenant, connect: Connect
) -> None:
    row = await asyncio.to_thread(open_station, tenant)
    await asyncio.to_thread(report, row, MeterValueSampleInterval="900")
    async with connect():
        await settle(tenant)
        await stored(tenant, lambda: ChargePoint.objects.update(send_unasked=False))
        assert await asyncio.to_thread(push, tenant) == 0
        await stored(tenant, lambda: ChargePoint.objects.update(send_unasked=True, registration="Pending"))
        assert await asyncio.to_thread(push, tenant) == 0
        await stored(tenant, lambda: ChargePoint.objects.update(registration="Accepted"))
        await asyncio.to_thread(report, row, True, MeterValueSampleInterval="900")
        assert await asyncio.to_thread(push, tenant) == 0


async def test_a_change_back_is_asked_again(tenant: Tenant, connect: Connect) -> None:
    """60 was asked on this connection; then 10; then 60 is wanted again."""
    row = await asyncio.to_thread(open_station, tenant)
    await asyncio.to_thread(report, row, MeterValueSampleInterval="900")

    def wish(value: str | None) -> None:
        change_own_wishes(row, {INTERVAL: value}, actor="alice", origin="api")
        push_configuration(tenant_id=tenant.pk, charge_point_id=row.pk)

    async with connect() as station:
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        for number, value in enumerate(["60", "10", "60"], 1):
            await asyncio.to_thread(wish, value)
            asked = await changes_asked(station, number)
            await eventually(lambda value=value: stored(tenant, lambda: ConfigurationKey.objects.get().value == value))
    assert [one["value"] for one in asked] == ["60", "10", "60"]


async def test_the_tenants_change_reaches_its_stations_through_the_task(
    tenant: Tenant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chargepoints import tasks

    queued: list[int] = []
    monkeypatch.setattr(tasks.push_wishes, "delay", queued.append)
    row = await asyncio.to_thread(open_station, tenant)
    await asyncio.to_thread(report, row, MeterValueSampleInterval="60")
    async with connect() as station:
        await settle(tenant)
        await asyncio.to_thread(change_tenant_wishes, tenant.pk, {INTERVAL: "15"}, actor="alice", origin="api")
        assert queued == [tenant.pk]
        assert await asyncio.to_thread(tasks.push_wishes, *queued) == 1
        assert await changes_asked(station, 1) == [{"key": INTERVAL, "value": "15"}]
