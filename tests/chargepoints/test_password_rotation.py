"""Password rotation: both keys hold until the station has come back with the new one, and nobody sees the new one."""

import asyncio
import base64
import json
from typing import Any

import pytest

from chargepoints.models import ChargePoint, Command, CommandState, LoggedMessage
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.password_rotation import RotationRefused, rotate_password, sweep_rotations
from chargepoints.services.provisioning import create_charge_point, set_password
from tenants.models import AuditEntry, OutboxEvent, Tenant
from tests.chargepoints.test_connection import refused, stored
from tests.conftest import eventually
from tests.stations import Connect, Station

OLD = "old-password-old-password"


async def make_station(tenant: Tenant, profile: int = 1) -> ChargePoint:
    password = None if profile in (0, 3) else OLD
    created, _ = await stored(
        tenant, lambda: create_charge_point(identity="CP1", password=password, security_profile=profile)
    )
    assert isinstance(created, ChargePoint)
    return created


async def rotate(tenant: Tenant, row: ChargePoint) -> Command:
    command = await stored(tenant, lambda: rotate_password(charge_point=row, requested_by="alice", origin="api"))
    assert isinstance(command, Command)
    return command


async def key_sent(station: Station, number: int = 0) -> str:
    """The key that the station was told."""

    def keys() -> list[str]:
        return [
            payload["value"]
            for action, payload in station.asked
            if action == "ChangeConfiguration" and payload["key"] == "AuthorizationKey"
        ]

    await eventually(lambda: len(keys()) > number)
    return keys()[number]


async def ended(tenant: Tenant, command: Command) -> Command:
    async def read() -> Command | None:
        row = await stored(tenant, lambda: Command.objects.get(pk=command.pk))
        return row if row.is_final else None

    found = await eventually(read)
    assert isinstance(found, Command)
    return found


@pytest.mark.parametrize("spelling", ["text", "bytes"])
async def test_073_both_keys_hold_until_the_station_is_back_with_the_new_one(
    tenant: Tenant, connect: Connect, spelling: str
) -> None:
    row = await make_station(tenant)
    async with connect(password=OLD) as station:
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        command = await rotate(tenant, row)
        new = await key_sent(station)
        # Whitepaper: the hex spelling of 16 to 20 bytes.
        assert 16 <= len(bytes.fromhex(new)) <= 20
        assert (await ended(tenant, command)).state == CommandState.ACCEPTED
    async with connect(password=OLD):
        pass
    given = new if spelling == "text" else bytes.fromhex(new)
    async with connect(headers=basic(given)):
        pass
    assert await refused(connect(password=OLD)) == 401
    async with connect(headers=basic(given)):
        pass
    events = await stored(tenant, lambda: list(OutboxEvent.objects.filter(event_type="security.password")))
    assert [event.data for event in events] == [{"result": "done"}]


def basic(password: str | bytes) -> dict[str, str]:
    raw = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(b"CP1:" + raw).decode()}


async def test_the_new_key_is_nowhere_to_be_read(tenant: Tenant, connect: Connect) -> None:
    row = await make_station(tenant)
    async with connect(password=OLD) as station:
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        command = await rotate(tenant, row)
        new = await key_sent(station)
        assert (await ended(tenant, command)).payload == {"key": "AuthorizationKey", "value": "***"}
        audits = await stored(tenant, lambda: list(AuditEntry.objects.values_list("changes", flat=True)))
        assert audits
        assert new not in json.dumps(audits)
        kept = await stored(tenant, lambda: ChargePoint.objects.values().get())
        assert new not in str(kept)
        await eventually(
            lambda: stored(tenant, lambda: LoggedMessage.objects.filter(action="ChangeConfiguration").count() == 2)
        )
        logged = await stored(tenant, lambda: list(LoggedMessage.objects.values_list("payload", flat=True)))
        assert new not in str(logged)


@pytest.mark.parametrize(
    "answer",
    [{"status": "Rejected"}, {"status": "NotSupported"}, None],
    ids=["rejected", "not supported", "call error"],
)
async def test_a_refused_key_is_dropped(tenant: Tenant, connect: Connect, answer: Any) -> None:
    row = await make_station(tenant)
    async with connect(password=OLD) as station:
        if answer is not None:
            station.answers["ChangeConfiguration"] = answer
        command = await rotate(tenant, row)
        new = await key_sent(station)
        if answer is None:
            await station.send(f'[4,"{station.asked_ids[-1]}","InternalError","",{{}}]')
            await ended(tenant, command)
            assert await asyncio.to_thread(sweep_rotations) == 1
        await eventually(lambda: stored(tenant, lambda: not ChargePoint.objects.get().next_password_hash))
    assert await refused(connect(password=new)) == 401
    async with connect(password=OLD):
        pass


async def test_where_the_answer_is_lost_the_same_key_is_sent_again(tenant: Tenant, connect: Connect) -> None:
    row = await make_station(tenant)
    async with connect(password=OLD) as station:
        command = await rotate(tenant, row)
        new = await key_sent(station)
        with pytest.raises(RotationRefused):
            await rotate(tenant, row)
    await ended(tenant, command)
    assert await asyncio.to_thread(sweep_rotations) == 0
    async with connect(password=OLD) as station:
        station.answers["ChangeConfiguration"] = {"status": "Rejected"}
        second = await rotate(tenant, row)
        assert await key_sent(station) == new
        await ended(tenant, second)
    # The first attempt may have been taken: the refusal of the second doesn't lock the station out.
    async with connect(password=new):
        pass
    assert await refused(connect(password=OLD)) == 401


async def test_a_password_set_by_hand_ends_a_rotation(tenant: Tenant, connect: Connect) -> None:
    row = await make_station(tenant)
    async with connect(password=OLD) as station:
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        await rotate(tenant, row)
        new = await key_sent(station)
        chosen = await stored(tenant, lambda: set_password(ChargePoint.objects.get()))
    assert await refused(connect(password=new)) == 401
    async with connect(password=chosen):
        pass


async def test_a_station_without_a_password_is_given_one(tenant: Tenant, connect: Connect) -> None:
    row = await make_station(tenant, profile=0)
    async with connect() as station:
        station.answers["ChangeConfiguration"] = {"status": "Accepted"}
        await rotate(tenant, row)
        new = await key_sent(station)
    async with connect():
        pass
    async with connect(password=new):
        kept = await stored(tenant, ChargePoint.objects.get)
        assert kept.password_hash
        assert not kept.next_password_hash


async def test_no_key_is_made_for_an_offline_station_or_one_with_certificates(tenant: Tenant) -> None:
    row = await make_station(tenant)
    with pytest.raises(StationOffline):
        await rotate(tenant, row)
    kept = await stored(tenant, ChargePoint.objects.get)
    assert not kept.next_password_hash
    await stored(tenant, lambda: ChargePoint.objects.update(security_profile=3))
    with pytest.raises(RotationRefused):
        await rotate(tenant, row)


@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey ", "SecurityProfile"])
async def test_keys_that_decide_on_sign_in_are_not_sent_by_hand(tenant: Tenant, connect: Connect, key: str) -> None:
    row = await make_station(tenant)
    async with connect(password=OLD) as station:
        with pytest.raises(OcppError) as caught:
            await stored(
                tenant,
                lambda: send_command(
                    charge_point=row,
                    action="ChangeConfiguration",
                    payload={"key": key, "value": "0123456789abcdef"},
                    requested_by="alice",
                    origin="api",
                ),
            )
        assert caught.value.details["errors"][0]["path"] == "key"
        await station.call("Heartbeat")
        assert station.asked == []
        assert await stored(tenant, lambda: not Command.objects.exists())


async def test_a_root_that_no_station_should_trust_is_not_sent_by_any_way(tenant: Tenant, connect: Connect) -> None:
    row = await make_station(tenant)
    async with connect(password=OLD) as station:
        with pytest.raises(OcppError) as caught:
            await stored(
                tenant,
                lambda: send_command(
                    charge_point=row,
                    action="InstallCertificate",
                    payload={"certificateType": "CentralSystemRootCertificate", "certificate": "x"},
                    requested_by="alice",
                    origin="api",
                ),
            )
        assert caught.value.details["errors"][0]["path"] == "certificate"
        await station.call("Heartbeat")
        assert station.asked == []
