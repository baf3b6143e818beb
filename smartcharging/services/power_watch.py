"""Power that changes wakes a circuit: in the gateway, as readings are written, on the event loop.

Compared in memory with what last woke, for connectors on circuits only; for all others a message costs one look into a
dictionary. Which connectors those are is read now and then, in a thread.
"""

import asyncio
import time
from typing import Any

import structlog

from chargepoints.gateway.threads import DatabaseThreads
from metering.ingest.message import MeterMessage
from smartcharging.services.roots import FRESH_S, known_roots, roots_of
from smartcharging.services.wake import wake_now

log = structlog.get_logger(__name__)

# A change of less is noise of the meter: 2 A on a phase.
BAND_A = 2.0
BAND_W = 460.0
BANDS = {"Current.Import": BAND_A, "Power.Active.Import": BAND_W}
Place = tuple[int, int]


class PowerWatch:
    """One per process."""

    def __init__(self) -> None:
        # By tenant: when its connectors were last asked for, and by connector what last woke.
        self._asked: dict[int, float] = {}
        self._last: dict[tuple[int, int, str, str], float] = {}
        self._threads: DatabaseThreads | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, messages: list[MeterMessage]) -> None:
        """Take stored readings; never waits."""
        now = time.monotonic()
        woken: set[tuple[int, int]] = set()
        for message in messages:
            tenant_id = message.tenant_id
            if now - self._asked.get(tenant_id, -FRESH_S) >= FRESH_S:
                self._asked[tenant_id] = now
                self._spawn(roots_of, tenant_id)
            roots = known_roots(tenant_id)
            if roots is None or not roots.by_connector:
                continue
            root_id = roots.by_connector.get((message.charge_point_id, message.evse_number))
            if root_id is not None and self._moved(message):
                woken.add((tenant_id, root_id))
        for tenant_id, root_id in woken:
            self._spawn(wake_now, tenant_id=tenant_id, root_id=root_id, cause="power")

    async def close(self) -> None:
        """What was begun is finished."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._threads is not None:
            self._threads.close()

    def _moved(self, message: MeterMessage) -> bool:
        moved = False
        for kind, _, _, value, _, _ in message.readings:
            band = BANDS.get(kind.measurand)
            if band is None or kind.location != "Outlet":
                continue
            key = (message.charge_point_id, message.evse_number, kind.measurand, kind.phase)
            taken, last = float(value), self._last.get(key)
            if last is None or abs(taken - last) >= band:
                self._last[key] = taken
                moved = True
        return moved

    def _spawn(self, function: Any, *args: Any, **kwargs: Any) -> None:
        if self._threads is None:
            self._threads = DatabaseThreads(1, "power")
        task = asyncio.create_task(self._run(function, args, kwargs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, function: Any, args: Any, kwargs: Any) -> None:
        assert self._threads is not None  # noqa: S101 (made by `_spawn`)
        try:
            await self._threads.run(function, *args, **kwargs)
        except Exception as error:
            log.warning("power is looked at by the minute for now", error=str(error)[:200])
