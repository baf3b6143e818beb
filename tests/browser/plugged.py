"""A scripted station beside a browser: in a thread of its own, for Playwright keeps the test's.

It does what a station does when it is told: it charges after a remote start, ends the session after a remote stop,
keeps the configuration that it is given.
"""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Self

from websockets.exceptions import InvalidStatus

from tests.stations import PATIENCE_S, Station, connect_to

ACCEPTED = ("RemoteStartTransaction", "RemoteStopTransaction", "ChangeConfiguration", "Reset")
METER_START_WH, METER_STOP_WH = 1000, 8500
AGAIN_S = 0.5


def now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class PluggedStation:
    """One connector. `address`: the server's (http://...), `path`: /ocpp/TENANT/IDENTITY. Use it with `with`."""

    def __init__(self, address: str, path: str) -> None:
        self._address, self._path = address.replace("http", "ws", 1), path
        self.configuration = {"HeartbeatInterval": "300", "MeterValueSampleInterval": "60"}
        self.resets: list[str] = []
        self._station: Station | None = None
        self._session = 0
        self._loop = asyncio.new_event_loop()
        self._ready, self._left, self._begun = threading.Event(), asyncio.Event(), asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        # It may be turned away for a while before it is let in.
        assert self._ready.wait(2 * PATIENCE_S), "the station didn't come online"
        self._check()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join(PATIENCE_S)
        self._check()

    def measure(self, power_w: int) -> None:
        """Tell of the session's power, and wait until that is taken."""
        self._do(self._tell_power(power_w))

    def show_status(self, status: str, error: str = "NoError") -> None:
        """Tell of the connector's status, and wait until that is taken."""
        self._do(self._tell_status(status, error))

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()
            self._loop.close()

    async def _live(self) -> None:
        async with AsyncExitStack() as connected:
            station = self._station = await self._enter(connected)
            station.answers |= {action: {"status": "Accepted"} for action in ACCEPTED}
            self._tell_configuration()
            await station.boot()
            await self._tell_status("Available")
            self._ready.set()
            obeying = asyncio.create_task(self._obey(station))
            await asyncio.wait([obeying, asyncio.create_task(self._left.wait())], return_when=asyncio.FIRST_COMPLETED)
            if not obeying.cancel():
                obeying.result()

    async def _enter(self, connected: AsyncExitStack) -> Station:
        """Turned away, it comes again, as stations do: a gateway sees at its next beat that the tables were emptied."""
        end = self._loop.time() + PATIENCE_S
        while True:
            try:
                station: Station = await connected.enter_async_context(connect_to(self._address, self._path))
            except InvalidStatus as refused:
                if refused.response.status_code != 503 or self._loop.time() > end:
                    raise
                await asyncio.sleep(AGAIN_S)
            else:
                return station

    async def _obey(self, station: Station) -> None:
        seen = 0
        while True:
            await station.news.wait()
            station.news.clear()
            while seen < len(station.asked):
                action, payload = station.asked[seen]
                seen += 1
                await self._react(station, action, payload)

    async def _react(self, station: Station, action: str, payload: dict[str, Any]) -> None:
        if action == "RemoteStartTransaction":
            await self._tell_status("Preparing")
            begun = await station.start(idTag=payload["idTag"], meterStart=METER_START_WH, timestamp=now_text())
            self._session = begun["transactionId"]
            self._begun.set()
            await self._tell_status("Charging")
        elif action == "RemoteStopTransaction":
            await station.stop(self._session, meterStop=METER_STOP_WH, timestamp=now_text(), reason="Remote")
            await self._tell_status("Available")
        elif action == "ChangeConfiguration":
            self.configuration[payload["key"]] = payload["value"]
            self._tell_configuration()
        elif action == "Reset":
            self.resets.append(payload["type"])

    def _tell_configuration(self) -> None:
        assert self._station is not None
        keys = [{"key": key, "readonly": False, "value": value} for key, value in self.configuration.items()]
        self._station.answers["GetConfiguration"] = {"configurationKey": keys, "unknownKey": []}

    async def _tell_status(self, status: str, error: str = "NoError") -> None:
        assert self._station is not None
        await self._station.call(
            "StatusNotification", connectorId=1, status=status, errorCode=error, timestamp=now_text()
        )

    async def _tell_power(self, power_w: int) -> None:
        assert self._station is not None
        # The server's pages may know of the session before the station has its number.
        await self._begun.wait()
        sampled = {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"}
        reading = {"timestamp": now_text(), "sampledValue": [sampled]}
        await self._station.call("MeterValues", connectorId=1, transactionId=self._session, meterValue=[reading])
