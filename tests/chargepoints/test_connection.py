"""Who may connect, and what becomes of sockets (OCPP.md "Connection")."""

import asyncio
from typing import Any

import pytest
import websockets

from chargepoints.models import ChargePoint, Registration, SignInAttempt, StationConnection
from chargepoints.services.provisioning import create_charge_point
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.conftest import eventually
from tests.stations import Connect


def in_tenant(tenant: Tenant, read: Any) -> Any:
    with tenant_transaction(tenant.pk):
        return read()


async def stored(tenant: Tenant, read: Any) -> Any:
    return await asyncio.to_thread(in_tenant, tenant, read)


async def refused(connecting: Any) -> int:
    """The HTTP status of a refused upgrade."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with connecting:
            pass
    return int(caught.value.response.status_code)


@pytest.mark.parametrize("path", ["/ocpp/acme/CP1", "/ocpp/acme/CP1/", "/ocpp/ACME/CP1", "/ocpp/acme_CP1", "/acme_CP1"])
async def test_a_station_finds_its_tenant_by_path_or_prefix(tenant: Tenant, connect: Connect, path: str) -> None:
    async with connect(path):
        live = await stored(tenant, lambda: StationConnection.objects.live().select_related("charge_point").get())
        assert live.charge_point.identity in {"CP1", "acme_CP1"}
    await eventually(lambda: stored(tenant, lambda: not StationConnection.objects.exists()))


async def test_an_identity_is_percent_decoded_and_matched_without_case(tenant: Tenant, connect: Connect) -> None:
    await stored(tenant, lambda: create_charge_point(identity="Post:7", security_profile=0))
    async with connect("/ocpp/acme/post%3A7"):
        assert await stored(tenant, lambda: ChargePoint.objects.get().identity) == "Post:7"


@pytest.mark.parametrize(
    "path", ["/ocpp/nowhere/CP1", "/ocpp/acme/a%20b", "/ocpp/acme/" + "x" * 49, "/ocpp/a/b/c", "/x/y"]
)
async def test_a_path_that_names_no_station_is_404(tenant: Tenant, connect: Connect, path: str) -> None:
    assert await refused(connect(path)) == 404


async def test_an_unknown_identity_is_refused_counted_and_bounded(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(set_policy, tenant, unknown_charge_points="reject")
    for _ in range(2):
        assert await refused(connect("/ocpp/acme/STRANGER")) == 404
    attempt = await stored(tenant, SignInAttempt.objects.get)
    assert (attempt.identity, attempt.count, attempt.reason) == ("STRANGER", 2, "unknown")


async def test_an_unknown_identity_may_wait_for_an_operator(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(set_policy, tenant, unknown_charge_points="pending")
    async with connect() as station:
        assert (await station.boot())["status"] == "Pending"
        answer = await station.frame(
            "StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        )
        assert answer[2] == "SecurityError"
        await stored(tenant, lambda: ChargePoint.objects.update(registration=Registration.ACCEPTED))
        assert (await station.boot())["status"] == "Accepted"
        await station.call("Heartbeat")


@pytest.mark.parametrize("spelling", ["text", "hex"])
async def test_085_basic_password_is_taken_as_text_or_hex(tenant: Tenant, connect: Connect, spelling: str) -> None:
    password = "0123456789abcdef0123456789abcdef"
    await stored(tenant, lambda: create_charge_point(identity="CP1", password=password))
    given = {"text": password, "hex": password.encode().hex(), "bytes": bytes.fromhex(password).decode("latin-1")}[
        spelling
    ]
    if spelling == "bytes":
        pytest.skip("covered by the unit test: HTTP headers can't carry these bytes through this client")
    async with connect(password=given) as station:
        assert (await station.boot())["status"] == "Accepted"


@pytest.mark.parametrize("password", [None, "wrong-wrong-wrong-wrong"])
async def test_a_wrong_password_is_401_before_the_upgrade(
    tenant: Tenant, connect: Connect, password: str | None
) -> None:
    await stored(tenant, lambda: create_charge_point(identity="CP1"))
    assert await refused(connect(password=password)) == 401
    assert await stored(tenant, SignInAttempt.objects.count) == 1


async def test_both_passwords_hold_until_the_station_has_come_back_with_the_new_one(
    tenant: Tenant, connect: Connect
) -> None:
    from chargepoints.services.passwords import hash_password

    old, new = "old-password-old-password", "new-password-new-password"
    await stored(tenant, lambda: create_charge_point(identity="CP1", password=old))
    await stored(tenant, lambda: ChargePoint.objects.update(next_password_hash=hash_password(new.encode())))
    for password in (old, new):
        async with connect(password=password):
            pass
    assert await refused(connect(password=old)) == 401


async def test_086_a_station_of_profile_2_is_refused_without_tls(tenant: Tenant, connect: Connect) -> None:
    _station, password = await stored(tenant, lambda: create_charge_point(identity="CP1", security_profile=2))
    assert await refused(connect(password=password)) == 403


def test_a_forwarded_header_counts_only_from_a_trusted_proxy(settings: Any) -> None:
    from chargepoints.gateway.handshake import read_credentials

    headers = [
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-for", b"198.51.100.9, 203.0.113.5"),
        (b"x-ssl-client-cert", b"-----BEGIN%20CERTIFICATE-----%0A"),
    ]
    scope = {"client": ("127.0.0.1", 1), "scheme": "ws", "headers": headers}
    stranger = read_credentials(scope)
    assert (stranger.secure, stranger.certificate, stranger.remote_address) == (False, "", "127.0.0.1")
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    trusted = read_credentials(scope)
    assert (trusted.secure, trusted.remote_address) == (True, "203.0.113.5")
    assert trusted.certificate == "-----BEGIN CERTIFICATE-----\n"


async def test_a_suspended_tenants_stations_are_refused(tenant: Tenant, connect: Connect) -> None:
    await asyncio.to_thread(set_policy, tenant, status="suspended")
    assert await refused(connect()) == 403


async def test_the_limit_of_charge_points_holds_for_stations_that_come_by_themselves(
    tenant: Tenant, connect: Connect
) -> None:
    await asyncio.to_thread(set_policy, tenant, max_charge_points=1)
    async with connect("/ocpp/acme/CP1"):
        assert await refused(connect("/ocpp/acme/CP2")) == 403


async def test_088_the_first_common_subprotocol_in_the_stations_order_is_taken(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect(subprotocols=["ocpp9.9", "ocpp1.6"]) as station:
        assert station.socket.subprotocol == "ocpp1.6"


async def test_088_no_common_subprotocol_completes_the_handshake_and_closes(tenant: Tenant, connect: Connect) -> None:
    async with connect(subprotocols=["ocpp9.9"]) as station:
        assert station.socket.subprotocol is None
        assert await station.closed() == 1002


async def test_a_newer_socket_closes_the_older_and_keeps_the_place(tenant: Tenant, connect: Connect) -> None:
    async with connect() as first, connect() as second:
        assert await first.closed() == 1008
        await second.boot()
        await eventually(lambda: stored(tenant, lambda: StationConnection.objects.live().count() == 1))
        # The old socket's close must not have touched the new one's row.
        await second.call("Heartbeat")
        assert await stored(tenant, lambda: StationConnection.objects.live().count()) == 1


async def test_binary_frames_close_with_1003(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.socket.send(b"\x00\x01")
        assert await station.closed() == 1003


async def test_frames_over_the_limit_close_with_1009(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.send('[2,"1","Heartbeat",{"x":"' + "x" * 70_000 + '"}]')
        assert await station.closed() == 1009


async def test_a_flood_of_frames_closes_with_1008(tenant: Tenant, connect: Connect, settings: Any) -> None:
    settings.GATEWAY_FRAME_BURST, settings.GATEWAY_FRAMES_PER_SECOND = 5, 1
    async with connect() as station:
        for _ in range(20):
            await station.send("")
        assert await station.closed() == 1008


async def test_a_boot_is_not_needed_after_a_reconnect(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await station.boot()
    async with connect() as station:
        assert "currentTime" in await station.call("Heartbeat")


def set_policy(tenant: Tenant, **fields: Any) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(**fields)
