"""The whole path, with stations on real sockets: what happens at them, the rounds that it sets off, and what they hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal

import pytest

from chargepoints.models import ChargePoint, Command, IdTag
from smartcharging import tasks
from smartcharging.models import Allotment, Circuit, CircuitMember
from smartcharging.services.roots import forget_roots
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.smartcharging.rebalance.conftest import Woken
from tests.stations import Connect, Station

CAPACITY = 32.0


class Site:
    """Stations on sockets, and a worker that does what is asked for. Watches the sum that the stations hold."""

    def __init__(self, tenant: Tenant, root_id: int, woken: Woken) -> None:
        self.tenant, self._root_id, self._woken = tenant, root_id, woken
        self.stations: dict[str, Station] = {}
        self.sessions: dict[str, int] = {}
        # Each start is another one.
        self._meter = 1000
        self._worker = asyncio.create_task(self._work())

    async def only(self, *names: str) -> None:
        """The others are on another fuse: one that never came would count with all that it can take."""

        def remove() -> None:
            CircuitMember.objects.exclude(charge_point__identity__in=names).delete()

        await stored(self.tenant, remove)

    async def _work(self) -> None:
        """One round for all that was asked for meanwhile, as the worker's tasks do."""
        idle = 0
        while True:
            idle += 1
            # What is asked for later (a retry) is asked for at once here, and then too soon: a second is the minute.
            if self._woken or idle > 50:
                self._woken.clear()
                await asyncio.to_thread(tasks.rebalance, self.tenant.pk, self._root_id, "test")
                idle = 0
            await asyncio.sleep(0.02)

    def take(self, name: str, station: Station) -> Station:
        station.answers["SetChargingProfile"] = {"status": "Accepted"}
        self.stations[name] = station
        return station

    def holds(self, name: str) -> float | None:
        """A, by what the station has accepted; None: nothing limits it."""
        default = session = None
        station = self.stations[name]
        for action, payload in station.asked:
            if action != "SetChargingProfile" or station.answers.get(action) != {"status": "Accepted"}:
                continue
            profile = payload["csChargingProfiles"]
            limit = float(profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])
            if profile["chargingProfilePurpose"] == "TxDefaultProfile":
                default = limit
            elif profile.get("transactionId") == self.sessions.get(name):
                session = limit
        return default if session is None else session

    async def hold(self, **amps: float | None) -> None:
        """Wait until they hold this."""

        def held() -> bool:
            if self._worker.done():
                self._worker.result()
            return all(self.holds(name) == limit for name, limit in amps.items())

        await eventually(held)
        assert sum(self.holds(name) or 0 for name in self.stations) <= CAPACITY

    async def start(self, name: str) -> None:
        self._meter += 1
        answer = await self.stations[name].start(meterStart=self._meter)
        self.sessions[name] = answer["transactionId"]

    async def stop(self, name: str) -> None:
        await self.stations[name].stop(self.sessions.pop(name))

    async def row(self, name: str) -> Allotment:
        row: Allotment = await stored(self.tenant, lambda: Allotment.objects.get(member__charge_point__identity=name))
        return row

    async def close(self) -> None:
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)


@pytest.fixture
async def site(tenant: Tenant, woken: Woken, gateway: str) -> AsyncIterator[Site]:
    def build() -> int:
        root = Circuit.objects.create(tenant=tenant, name="Car park", capacity=Decimal(str(CAPACITY)), hold_s=0)
        IdTag.objects.create(tenant=tenant, token="TAG", token_key="tag", max_active_transactions=None)
        for name in ("A", "B", "C"):
            station = ChargePoint.objects.create(
                tenant=tenant, identity=name, identity_key=name.lower(), security_profile=0
            )
            CircuitMember.objects.create(tenant=tenant, circuit=root, charge_point=station, evse_number=1)
        return root.pk

    root_id = await stored(tenant, build)
    forget_roots()
    site = Site(tenant, root_id, woken)
    yield site
    await site.close()


async def test_two_cars_a_third_one_leaves_and_one_vanishes(site: Site, connect: Connect) -> None:
    async with AsyncExitStack() as stack:
        vanishing = AsyncExitStack()
        for name in ("A", "B"):
            site.take(name, await stack.enter_async_context(connect(f"/ocpp/acme/{name}")))
        site.take("C", await vanishing.enter_async_context(connect("/ocpp/acme/C")))
        await site.hold(A=0, B=0, C=0)
        await site.start("A")
        await site.hold(A=32, B=0, C=0)
        await site.start("B")
        await site.hold(A=16, B=16, C=0)
        await site.start("C")
        await site.hold(A=10.6, B=10.6, C=10.6)
        await site.stop("A")
        await site.hold(A=0, B=16, C=16)
        await vanishing.aclose()
        await site.stop("B")
        await site.start("A")
        # What the one that has vanished may still be taking is nobody else's.
        await site.hold(A=16, B=0)


async def test_a_session_is_given_its_limit_after_the_answer_to_its_start(site: Site, connect: Connect) -> None:
    await site.only("A")
    async with connect("/ocpp/acme/A") as station:
        site.take("A", station)
        await site.hold(A=0)
        await site.start("A")
        await site.hold(A=32)
        tx = [payload for action, payload in station.asked if action == "SetChargingProfile"][-1]
        assert tx["csChargingProfiles"]["transactionId"] == site.sessions["A"]


async def test_a_reboot_is_answered_with_the_default_and_the_sessions_limit(site: Site, connect: Connect) -> None:
    await site.only("A")
    async with connect("/ocpp/acme/A") as station:
        site.take("A", station)
        await station.boot()
        await site.hold(A=0)
        await site.start("A")
        await site.hold(A=32)
        station.asked.clear()
        await station.boot()
        await site.hold(A=32)
        purposes = {
            payload["csChargingProfiles"]["chargingProfilePurpose"]
            for action, payload in station.asked
            if action == "SetChargingProfile"
        }
        assert purposes == {"TxDefaultProfile", "TxProfile"}


async def test_a_station_that_does_not_answer_keeps_its_share_from_the_others(site: Site, connect: Connect) -> None:
    await site.only("A", "B")
    async with connect("/ocpp/acme/A") as first, connect("/ocpp/acme/B") as second:
        site.take("A", first)
        site.take("B", second)
        await site.hold(A=0, B=0)
        await site.start("A")
        await site.hold(A=32)
        del first.answers["SetChargingProfile"]
        await site.start("B")
        await eventually(lambda: stored(site.tenant, lambda: Command.objects.filter(state="sent").exists()))
        assert float((await site.row("A")).worst_a) == 32
        assert site.holds("B") == 0
