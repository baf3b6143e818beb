"""The gateway of this process: its sockets, its lease, and the ear on the channel layer.

There is one channel per process, not per socket: a Redis restart then costs one subscription, an idle
socket nothing, and a charge point can connect while Redis is away (commands arrive by the beat instead).
"""

import asyncio
import os
import socket as sockets
import time
import uuid
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from channels.layers import get_channel_layer
from django.conf import settings

from chargepoints.gateway.commands import GroupedCommands
from chargepoints.gateway.door import Door
from chargepoints.gateway.garbage import calm_collector
from chargepoints.gateway.local import set_local_delivery
from chargepoints.gateway.message_log import MessageLog
from chargepoints.gateway.shared_answers import SharedAnswers
from chargepoints.gateway.threads import DatabaseThreads
from chargepoints.gateway.waiting_line import WaitingLine
from chargepoints.metrics import SOCKETS
from chargepoints.models import Command
from chargepoints.protocol.answers import RecentAnswers
from chargepoints.services.closing import NOT_VALID, SUPERSEDED
from chargepoints.services.commands import queued_by_station, stations_with_queue
from chargepoints.services.connections import Claim, Superseded
from chargepoints.services.leases import (
    end_gateway,
    held_connections,
    reclaim,
    release_left_over,
    renew_lease,
    touch_connections,
)
from chargepoints.services.suspension import inactive_tenants
from tenants.databases.each import AWAY
from tenants.databases.fence import TenantMoving
from tenants.services import usage

log = structlog.get_logger(__name__)

# Rows and sockets are compared every so many beats, and after any beat that failed.
COMPARE_EVERY = 5
# So many superseded sockets are told of in one message.
TOLD_TOGETHER = 500
# Messages that are being handled, and answers that stations owe, are waited for so long when the process is to end.
DRAIN_S = 5.0


class StationSocket(Protocol):
    """What the gateway needs of a consumer."""

    claim: Claim
    last_message_at: datetime

    async def dismiss(self, reason: str) -> None: ...

    async def drain(self, patience_s: float) -> None: ...

    async def close_suspended(self, *, comes_back: bool) -> None: ...

    def look_for_commands(self) -> None: ...

    def take_commands(self, rows: Iterable[Command]) -> None: ...


class GatewayRuntime:
    """One per process that serves charge points."""

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.started_at = datetime.now(UTC)
        self.threads = DatabaseThreads(settings.GATEWAY_THREADS, "station")
        self.commands = GroupedCommands(self.id, self.threads)
        # The lease must not wait behind ten thousand sign-ins.
        self._beat_thread = DatabaseThreads(1, "lease")
        self.door = Door()
        self._superseded: WaitingLine[Superseded, None] = WaitingLine(self._tell_superseded, most=TOLD_TOGETHER)
        self.answers = RecentAnswers()
        self.shared_answers = SharedAnswers()
        self.message_log = MessageLog()
        self._sockets: dict[uuid.UUID, StationSocket] = {}
        self._by_charge_point: dict[int, uuid.UUID] = {}
        self._touched: dict[uuid.UUID, datetime] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._deliveries: set[asyncio.Task[None]] = set()
        self._channel = ""
        self._beats = 0
        self.draining = False

    async def start(self) -> None:
        """Listen and begin to hold the lease; returns once the lease is entered (PostgreSQL is needed for that)."""
        self._loop = asyncio.get_running_loop()
        layer = get_channel_layer()
        self._channel = f"gateway.{self.id.hex}!{uuid.uuid4().hex}" if layer is None else await self._new_channel()
        self.message_log.start()
        set_local_delivery(self._deliver_from_thread)
        self._tasks = [
            asyncio.create_task(self._listen(), name="gateway ear"),
            asyncio.create_task(self._beat_for_ever(), name="gateway beat"),
        ]
        while True:
            try:
                await self._renew_lease()
                calm_collector()
                return
            except Exception as error:
                log.warning("no lease yet", error=str(error)[:200])
                await asyncio.sleep(1)

    async def drain(self) -> None:
        """Nobody is let in any more; what is under way is finished, then every station is told to come back."""
        self.draining = True
        await asyncio.gather(
            *(socket.drain(DRAIN_S) for socket in list(self._sockets.values())), return_exceptions=True
        )

    async def stop(self) -> None:
        """After the sockets have closed: write out, say good-bye."""
        set_local_delivery(None)
        for task in (*self._tasks, *self._deliveries):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._deliveries, return_exceptions=True)
        await self.message_log.close()
        await self.shared_answers.close()
        try:
            async with asyncio.timeout(5):
                await self.door.close()
                await usage.hand_over(self._beat_thread.run)
                await self._beat_thread.run(end_gateway, self.id)
        except Exception as error:
            log.warning("lease left to run out", error=str(error)[:200])
        self.threads.close()
        self._beat_thread.close()

    def add(self, socket: StationSocket) -> None:
        self._sockets[socket.claim.connection_id] = socket
        self._by_charge_point[socket.claim.charge_point_id] = socket.claim.connection_id
        SOCKETS.set(len(self._sockets))

    def remove(self, socket: StationSocket) -> None:
        """Keyed by connection: a newer socket of the same station stays."""
        connection_id, charge_point_id = socket.claim.connection_id, socket.claim.charge_point_id
        self._sockets.pop(connection_id, None)
        self._touched.pop(connection_id, None)
        if self._by_charge_point.get(charge_point_id) == connection_id:
            del self._by_charge_point[charge_point_id]
        SOCKETS.set(len(self._sockets))

    def touch(self, socket: StationSocket) -> None:
        self._touched[socket.claim.connection_id] = socket.last_message_at

    async def close_connection(self, superseded: Superseded) -> None:
        """Close a superseded socket, here or in the process that listens on its channel (which is not waited for)."""
        own = self._sockets.get(superseded.connection_id)
        if own is not None:
            await own.dismiss(SUPERSEDED)
        else:
            self._superseded.put(superseded)

    async def _tell_superseded(self, superseded: list[Superseded]) -> list[None]:
        layer = get_channel_layer()
        by_channel: dict[str, list[str]] = {}
        for one in superseded:
            by_channel.setdefault(one.channel, []).append(str(one.connection_id))
        for channel, connection_ids in by_channel.items() if layer is not None else ():
            try:
                await layer.send(channel, {"type": "superseded", "connection_ids": connection_ids})
            except Exception as error:
                # The other gateway finds out when it compares its rows with its sockets.
                log.warning("older sockets not told", sockets=len(connection_ids), error=str(error)[:200])
        return [None] * len(superseded)

    def _deliver_from_thread(self, charge_point_id: int) -> bool:
        if charge_point_id not in self._by_charge_point:
            return False
        self._loop.call_soon_threadsafe(self._deliver, charge_point_id)
        return True

    def _deliver(self, charge_point_id: int) -> None:
        connection_id = self._by_charge_point.get(charge_point_id)
        if connection_id is not None:
            self._sockets[connection_id].look_for_commands()

    async def _deliver_many(self, ids: object) -> None:
        """Commands wait for many of our stations: read once for each tenant, not by each socket."""
        by_tenant: dict[int, dict[int, StationSocket]] = {}
        for charge_point_id in ids if isinstance(ids, list) else ():
            connection_id = self._by_charge_point.get(charge_point_id)
            if connection_id is not None:
                socket = self._sockets[connection_id]
                by_tenant.setdefault(socket.claim.tenant_id, {})[charge_point_id] = socket
        for tenant_id, sockets_held in by_tenant.items():
            try:
                waiting = await self.threads.run(queued_by_station, tenant_id, list(sockets_held))
            except Exception as error:
                # The next beat finds them.
                log.warning("commands for many not read", error=str(error)[:200])
                continue
            for charge_point_id, socket in sockets_held.items():
                socket.take_commands(waiting[charge_point_id])

    async def _new_channel(self) -> str:
        layer = get_channel_layer()
        assert layer is not None  # noqa: S101 (checked by the caller)
        while True:
            try:
                channel: str = await layer.new_channel("gateway")
                return channel
            except Exception as error:
                log.warning("channel layer away, commands come by the beat", error=str(error)[:200])
                return ""

    async def _listen(self) -> None:
        """Hear what other processes send to this one. Outlives any outage of Redis."""
        layer = get_channel_layer()
        while layer is not None:
            try:
                if not self._channel:
                    self._channel = await layer.new_channel("gateway")
                while True:
                    message = await layer.receive(self._channel)
                    await self._heard(message)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("channel layer lost", error=str(error)[:200])
                await asyncio.sleep(1)

    async def _heard(self, message: dict[str, object]) -> None:
        if message.get("type") == "command":
            self._deliver(int(str(message["charge_point_id"])))
        elif message.get("type") == "commands":
            self._in_background(self._deliver_many(message["charge_point_ids"]), "commands for many")
        elif message.get("type") == "close":
            await self._dismiss([message["connection_id"]], str(message.get("reason", NOT_VALID)))
        elif message.get("type") == "superseded":
            await self._dismiss(message["connection_ids"], SUPERSEDED)
        elif message.get("type") == "tenants":
            self._in_background(self._close_suspended(), "tenants looked at")

    async def _dismiss(self, connection_ids: object, reason: str) -> None:
        for connection_id in connection_ids if isinstance(connection_ids, list) else ():
            socket = self._sockets.get(uuid.UUID(str(connection_id)))
            if socket is not None:
                await socket.dismiss(reason)

    async def _close_suspended(self) -> None:
        """Tenants are suspended and deleted while their stations are connected. One query, however many sockets."""
        tenants = {socket.claim.tenant_id for socket in self._sockets.values()}
        inactive = await self._beat_thread.run(inactive_tenants, tenants) if tenants else {}
        for socket in [one for one in self._sockets.values() if one.claim.tenant_id in inactive]:
            await socket.close_suspended(comes_back=inactive[socket.claim.tenant_id])

    def _in_background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """The ear must not wait for the database."""
        task = asyncio.create_task(work, name=name)
        self._deliveries.add(task)
        task.add_done_callback(self._background_ended)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        self._deliveries.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The next beat looks again.
            log.warning("left to the next beat", work=task.get_name(), error=str(error)[:200])

    async def _renew_lease(self) -> None:
        await self._beat_thread.run(
            renew_lease,
            gateway_id=self.id,
            host=sockets.gethostname(),
            pid=os.getpid(),
            channel=self._channel,
            started_at=self.started_at,
        )

    async def _beat_for_ever(self) -> None:
        healthy = True
        while True:
            await asyncio.sleep(settings.GATEWAY_BEAT_SECONDS)
            started = time.monotonic()
            try:
                await self._beat(compare=not healthy or self._beats % COMPARE_EVERY == 0)
                healthy = True
            except Exception as error:
                healthy = False
                log.warning("gateway beat failed", error=str(error)[:200], seconds=round(time.monotonic() - started, 1))
            self._beats += 1

    async def _beat(self, *, compare: bool) -> None:
        await self._renew_lease()
        touched, self._touched = self._touched, {}
        await self._beat_thread.run(touch_connections, touched)
        for charge_point_id in await self._beat_thread.run(stations_with_queue, self.id):
            self._deliver(charge_point_id)
        if compare:
            await self._compare_rows()
            await self._close_suspended()
        await usage.hand_over(self._beat_thread.run)

    async def _compare_rows(self) -> None:
        """Mend what an outage left: sockets without a row enter again, superseded ones close; rows without one go."""
        held = await self._beat_thread.run(held_connections, self.id)
        if left_over := set(held.values()) - set(self._sockets):
            await self._beat_thread.run(release_left_over, self.id, left_over)
        missing = [
            socket
            for socket in list(self._sockets.values())
            if held.get(socket.claim.charge_point_id) != socket.claim.connection_id
        ]
        await self._reclaim(missing)

    async def _reclaim(self, missing: Iterable[StationSocket]) -> None:
        """A tenant whose database is away must not keep the others' sockets from being entered."""
        failed: dict[int, Exception] = {}
        for socket in missing:
            if socket.claim.connection_id not in self._sockets or socket.claim.tenant_id in failed:
                continue
            try:
                refused = await self._beat_thread.run(reclaim, socket.claim)
                if refused:
                    await socket.dismiss(refused)
            except TenantMoving:
                # Its sockets are closed next; the beat must get there.
                continue
            except AWAY as error:
                failed[socket.claim.tenant_id] = error
        if failed:
            raise next(iter(failed.values()))


_runtime: GatewayRuntime | None = None
_starting: asyncio.Lock | None = None


async def get_gateway() -> GatewayRuntime:
    """This process's gateway, started on first use (a web process begins none with its lifespan)."""
    global _runtime, _starting
    if _runtime is not None:
        return _runtime
    if _starting is None:
        _starting = asyncio.Lock()
    async with _starting:
        if _runtime is None:
            runtime = GatewayRuntime()
            await runtime.start()
            _runtime = runtime
    return _runtime


async def drain_gateway() -> None:
    """Let this process's gateway, if it was started, finish what it has begun and send its stations away."""
    if _runtime is not None:
        await _runtime.drain()


async def stop_gateway() -> None:
    """Stop this process's gateway, if it was started."""
    global _runtime, _starting
    runtime, _runtime, _starting = _runtime, None, None
    if runtime is not None:
        await runtime.stop()
