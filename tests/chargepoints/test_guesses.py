"""Wrong passwords again and again: the guesser waits, nobody else does."""

from contextlib import ExitStack

import pytest
import websockets

from chargepoints.gateway import guesses
from chargepoints.gateway.guesses import BURST, EVERY_S, WrongPasswords, key_of
from chargepoints.models import StationConnection
from chargepoints.services.identity import Address
from chargepoints.services.provisioning import create_charge_point
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored
from tests.stations import Connect

HERE, THERE = ("192.0.2.1", "acme", "cp1"), ("192.0.2.1", "acme", "cp2")


def test_after_ten_failures_the_eleventh_waits_and_then_one_at_a_time_is_heard() -> None:
    wrong = WrongPasswords()
    for _ in range(int(BURST)):
        assert wrong.wait_s(HERE, 0) == 0
        wrong.failed(HERE, 0)
    assert wrong.wait_s(HERE, 0) == EVERY_S
    assert wrong.wait_s(HERE, EVERY_S / 2) == pytest.approx(EVERY_S / 2)
    assert wrong.wait_s(HERE, EVERY_S) == 0
    wrong.failed(HERE, EVERY_S)
    assert wrong.wait_s(HERE, EVERY_S) == pytest.approx(EVERY_S)


def test_a_neighbour_at_the_same_address_is_heard_and_a_success_forgives() -> None:
    wrong = WrongPasswords()
    for _ in range(20):
        wrong.failed(HERE, 0)
    assert wrong.wait_s(THERE, 0) == 0
    wrong.succeeded(HERE)
    assert wrong.wait_s(HERE, 0) == 0


def test_the_memory_of_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "REMEMBERED", 3)
    wrong = WrongPasswords()
    for number in range(50):
        wrong.failed(("192.0.2.1", "acme", str(number)), 0)
    assert len(wrong._left) == 3


def test_many_wrong_at_once_do_not_keep_the_right_one_out_for_longer() -> None:
    wrong = WrongPasswords()
    for _ in range(1000):
        wrong.failed(HERE, 0)
    assert wrong.wait_s(HERE, 0) == EVERY_S


def test_those_being_looked_at_count_so_that_many_at_once_are_no_way_round() -> None:
    wrong = WrongPasswords()
    with ExitStack() as under_way:
        for _ in range(int(BURST)):
            assert wrong.wait_s(HERE, 0) == 0
            under_way.enter_context(wrong.trying(HERE))
        assert wrong.wait_s(HERE, 0) == EVERY_S
        assert wrong.wait_s(THERE, 0) == 0
    assert wrong.wait_s(HERE, 0) == 0
    assert not wrong._trying


def test_a_guesser_is_known_by_its_network_and_the_tenant_it_asks_for() -> None:
    acme, other = Address("CP1", "acme", None), Address("cp1", "other", None)
    assert key_of("2001:db8:0:1::5", acme) == key_of("2001:db8:0:1:ffff::9", Address("cp1", "acme", None))
    assert key_of("2001:db8:0:1::5", acme) != key_of("2001:db8:0:2::5", acme)
    assert key_of("::ffff:192.0.2.1", acme) == key_of("192.0.2.1", acme) != key_of("192.0.2.1", other)
    assert key_of("192.0.2.1", acme) != key_of("192.0.2.2", acme)
    assert key_of("", acme)[0] == ""


async def test_a_station_that_goes_on_guessing_is_429_with_retry_after_and_others_get_in(
    tenant: Tenant, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "BURST", 2.0)

    def make() -> list[str]:
        with tenant_transaction(tenant.pk):
            return [str(create_charge_point(identity=identity)[1]) for identity in ("CP1", "CP2")]

    mine, others = await stored(tenant, make)
    statuses = []
    for _ in range(4):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(password="wrong-wrong-wrong-wrong"):
                pass
        statuses.append(refused.value.response.status_code)
    assert statuses == [401, 401, 429, 429]
    assert int(refused.value.response.headers["Retry-After"]) >= 15
    # Not even the right one is listened to before its time.
    with pytest.raises(websockets.InvalidStatus):
        async with connect(password=mine):
            pass
    async with connect("/ocpp/acme/CP2", password=others):
        assert await stored(tenant, StationConnection.objects.live().count) == 1
