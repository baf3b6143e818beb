"""Our calls over one socket: take from the queue, send one, match the answer, end in a defined state."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from chargepoints.context import StationContext
from chargepoints.gateway.commands import GroupedCommands
from chargepoints.gateway.patience import insist
from chargepoints.gateway.threads import DatabaseThreads
from chargepoints.gateway.triggers import TriggerWatch
from chargepoints.metrics import COMMANDS
from chargepoints.models import Command, CommandState
from chargepoints.protocol.errors import OcppError
from chargepoints.protocol.framing import CallError, CallResult, encode_call
from chargepoints.protocol.pending import OutgoingCall, PendingCalls
from chargepoints.protocol.registry import registry
from chargepoints.protocol.validation import validate_reply
from chargepoints.services.commands import finish_command, state_of_reply
from chargepoints.services.outcomes import message_came
from tenants.outbound import NO_ANSWER

log = structlog.get_logger(__name__)

Send = Callable[[str, str, str], Awaitable[None]]


class CommandOutbox:
    """The sending side of a socket. Inbound calls share no lock with it."""

    def __init__(
        self, context: StationContext, commands: GroupedCommands, threads: DatabaseThreads, send: Send
    ) -> None:
        self._context, self._commands, self._threads, self._send = context, commands, threads, send
        self._pending = PendingCalls()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looking = False
        self._look_again = False
        self._closed = False
        # Made when nothing more is to be sent; set when nothing is under way any more.
        self._still: asyncio.Event | None = None
        self.triggers = TriggerWatch()

    def look_for_commands(self) -> None:
        """Something may wait in the table; many hints at once cost one look."""
        if self._closed or self._still is not None:
            return
        if self._looking:
            self._look_again = True
            return
        self._looking = True
        self._spawn(self._look())

    def take_commands(self, rows: Iterable[Command]) -> None:
        """What waits in the table, read for many stations at once: it spares a look of our own."""
        if self._closed or self._still is not None:
            return
        if self._looking:
            self._look_again = True
            return
        self._offer(rows)
        self._spawn(self._send_next())

    def action_of(self, message_id: str) -> str:
        """The action that an answer with this id belongs to ("" if none is awaited)."""
        outstanding = self._pending.outstanding
        return outstanding.action if outstanding is not None and outstanding.message_id == message_id else ""

    def answered(self, frame: CallResult | CallError) -> None:
        """A CALLRESULT or CALLERROR came in. One that nobody asked for is logged, never fatal."""
        call = self._pending.settle(frame.message_id)
        if call is None:
            log.info("answer that nobody waits for", message_id=frame.message_id[:64])
            self._spawn(self._note_late(frame))
            return
        self._stop_timer()
        # A look under way may have read the table before something more urgent came: it reads again.
        self._look_again = True
        self._spawn(self._finish(call, frame))

    def note_message(self, action: str, payload: dict[str, Any]) -> None:
        """A message came and was answered: it may be what we have asked for."""
        if command_ids := self.triggers.came(action, payload):
            self._spawn(
                self._threads.run(
                    message_came, tenant_id=self._context.tenant_id, command_ids=command_ids, action=action
                )
            )

    def close(self) -> None:
        """The socket is gone; what was sent is failed by the caller, what was queued stays in the table."""
        self._closed = True
        self._stop_timer()

    async def rest(self) -> None:
        """Send nothing more; return when what was sent is answered and written."""
        self._still = asyncio.Event()
        self._look_if_still()
        await self._still.wait()

    def _look_if_still(self) -> None:
        if self._still is not None and not self._tasks and self._pending.outstanding is None:
            self._still.set()

    async def finished(self) -> None:
        """Wait for what is being written: an answer that came just before the end counts (a reset's, for one)."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # The row keeps its state; the sweep ends it, or the next beat finds it again.
            log.warning("command step failed", error=str(task.exception())[:200])
        self._look_if_still()

    async def _look(self) -> None:
        try:
            while True:
                self._look_again = False
                context = self._context
                rows = await self._commands.queued(context.tenant_id, context.charge_point_id)
                self._offer(rows)
                if self._look_again and not self._closed:
                    continue
                await self._send_next()
                if not self._look_again:
                    return
        finally:
            self._looking = False

    def _offer(self, rows: Iterable[Command]) -> None:
        for row in rows:
            self._pending.offer(OutgoingCall(str(row.pk), row.action, row.payload, float(row.timeout_s), row.priority))

    async def _send_next(self) -> None:
        while not self._closed and self._still is None and (call := self._pending.take_next()) is not None:
            try:
                claimed = await self._commands.claim(
                    tenant_id=self._context.tenant_id,
                    command_id=UUID(call.message_id),
                    connection_id=self._context.connection_id,
                )
            except Exception:
                # Nothing has left. What is queued still, the next look finds; what was claimed after all, the sweep ends.
                self._pending.settle(call.message_id)
                raise
            if not claimed:
                # Cancelled, expired, or taken by the gateway that the station moved to.
                self._pending.settle(call.message_id)
                continue
            if self._closed:
                return
            self._timer = asyncio.get_running_loop().call_later(call.timeout_s, self._give_up, call)
            self.triggers.sent(call)
            await self._send(encode_call(call.message_id, call.action, call.payload), call.message_id, call.action)
            return

    def _give_up(self, call: OutgoingCall) -> None:
        if self._pending.settle(call.message_id) is not None:
            self._spawn(self._end(call, CommandState.TIMED_OUT, "", NO_ANSWER % {"timeout_s": f"{call.timeout_s:.0f}"}))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _finish(self, call: OutgoingCall, frame: CallResult | CallError) -> None:
        if isinstance(frame, CallError):
            await self._end(call, CommandState.FAILED, frame.code, frame.description)
            return
        try:
            reply = validate_reply(self._context.version, call.action, frame.payload, lenient=self._context.lenient)
        except OcppError as error:
            await self._end(call, CommandState.FAILED, error.code, error.description, reply=frame.payload)
            return
        await self._end(call, state_of_reply(reply.payload), "", "", reply=reply.payload)
        for handler in registry.replies.get((self._context.version, call.action), ()):
            await self._threads.run(handler, self._context, call.payload, reply.payload)

    async def _end(
        self,
        call: OutgoingCall,
        state: CommandState,
        error_code: str,
        error_description: str,
        *,
        reply: dict[str, object] | None = None,
    ) -> None:
        COMMANDS.labels(call.action, state).inc()
        if state != CommandState.ACCEPTED:
            self.triggers.refused(UUID(call.message_id))
        write = partial(
            self._commands.finish,
            tenant_id=self._context.tenant_id,
            command_id=UUID(call.message_id),
            action=call.action,
            state=state,
            reply=reply,
            error_code=error_code,
            error_description=error_description,
        )
        try:
            # The station has answered, and won't again.
            await insist(write, gives_up=lambda: self._closed)
        finally:
            # By what waits now: something more urgent may have been asked for since.
            self.look_for_commands()

    async def _note_late(self, frame: CallResult | CallError) -> None:
        """An answer after the time-out is kept beside the command."""
        try:
            command_id = UUID(frame.message_id)
        except ValueError:
            return
        reply = frame.payload if isinstance(frame, CallResult) else {"errorCode": frame.code}
        await self._threads.run(
            finish_command,
            tenant_id=self._context.tenant_id,
            command_id=command_id,
            state=CommandState.TIMED_OUT,
            reply=reply,
        )
