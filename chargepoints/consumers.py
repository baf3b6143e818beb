"""ChargePointConsumer: the websocket of one charge point (OCPP.md "Connection" and "Framing").

It carries frames between the socket and the protocol code; what messages mean is decided elsewhere.
"""

import asyncio
import contextlib
import functools
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from prometheus_client import Counter, Histogram

from chargepoints.context import LookUpFailed, StationContext
from chargepoints.gateway.door import TurnedAway, retry_after
from chargepoints.gateway.handshake import choose_subprotocol, read_credentials, refuse_upgrade
from chargepoints.gateway.message_log import line_of
from chargepoints.gateway.outbox import CommandOutbox
from chargepoints.gateway.runtime import GatewayRuntime, get_gateway
from chargepoints.metrics import BAD_FRAMES, HANDLER_SECONDS, MESSAGES
from chargepoints.models import Command
from chargepoints.models.message_log import LoggedMessage
from chargepoints.protocol.answers import KEPT_SECONDS, REPEATABLE, digest
from chargepoints.protocol.dispatcher import run_after
from chargepoints.protocol.errors import spell
from chargepoints.protocol.framing import BadFrame, Call, CallError, CallResult, decode, encode_error
from chargepoints.protocol.limits import FrameRate
from chargepoints.selectors import find_transaction_id
from chargepoints.services.connections import Claim
from chargepoints.services.entering import Entered, EntryRequest
from chargepoints.services.identity import parse_path
from chargepoints.services.sign_in import SignedIn, SignInRefused
from chargepoints.tracing import answer
from tenants.services.usage import MESSAGES as MESSAGES_OF_TENANT
from tenants.services.usage import count

log = structlog.get_logger(__name__)

Kind = LoggedMessage.Kind
Receive = Callable[[], Awaitable[dict[str, Any]]]
# Calls that wait for their turn; past this the socket isn't read on (TCP pushes back).
WAITING_CALLS = 32
# A station has less patience than that; past it nobody reads the answer.
ENTRY_S = 20.0
# A silent database is not waited for any longer when a message names a session that the socket has not met.
LOOK_UP_S = 3.0
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, POLICY, TOO_BIG = 1000, 1001, 1002, 1003, 1008, 1009
SERVICE_RESTART = 1012


@functools.cache
def _measures(action: str, result: str) -> tuple[Counter, Histogram]:
    """Finding them costs as much as counting. Bounded: known actions, and our own error codes."""
    return MESSAGES.labels(action, result), HANDLER_SECONDS.labels(action)


class ChargePointConsumer(AsyncConsumer):
    """One socket. Calls are handled one after the other, answers to our calls at once.

    No subscription to the channel layer: the process has one ear (gateway.runtime).
    """

    gateway: GatewayRuntime
    claim: Claim
    context: StationContext
    outbox: CommandOutbox

    def __init__(self) -> None:
        self._connected = False
        self._closing = False
        self._draining = False
        self._calls: deque[tuple[Call, str, datetime]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._drained: asyncio.Event | None = None
        # What comes while it waits to be let in.
        self._ahead: asyncio.Future[dict[str, Any]] | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """Frame after frame. Channels' own loop, which can listen to a channel too, makes a task and a wait of each."""
        self.scope, self.base_send, self._receive = scope, send, receive
        try:
            while True:
                ahead, self._ahead = self._ahead, None
                await self.dispatch(await (receive() if ahead is None else ahead))
        except StopConsumer:
            return
        finally:
            if self._ahead is not None:
                self._ahead.cancel()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Straight to the method: Channels' own would hop to a thread for every frame (DESIGN §6)."""
        kind = message["type"]
        if kind == "websocket.receive":
            await self._received(message)
        elif kind == "websocket.connect":
            await self._connect()
        elif kind == "websocket.disconnect":
            await self._disconnected(message)

    # --- connect ---

    async def _connect(self) -> None:
        address = parse_path((self.scope.get("raw_path") or self.scope["path"].encode()).decode("latin-1"))
        if address is None:
            await self._refuse(404, "no such path")
            return
        subprotocol, version = choose_subprotocol(self.scope.get("subprotocols", []))
        try:
            async with asyncio.timeout(ENTRY_S):
                self.gateway = await get_gateway()
                if self.gateway.draining:
                    raise TurnedAway("restarting")
                credentials = read_credentials(self.scope)
                request = EntryRequest(address, credentials, version or "", uuid.uuid4(), self.gateway.id)
                entered = await self._wait_to_enter(request)
        except SignInRefused as refused:
            await self._refuse(refused.status, refused.reason, retry_after() if refused.status == 503 else None)
        except TurnedAway as away:
            await self._refuse(away.status, str(away), away.retry_after)
        except (DatabaseError, InterfaceError, TimeoutError, OSError) as error:
            log.warning("sign-in impossible", identity=address.identity, error=str(error)[:200])
            await self._refuse(503, "try again later", retry_after())
        else:
            if entered is not None:
                await self._come_in(entered, subprotocol)

    async def _wait_to_enter(self, request: EntryRequest) -> Entered | None:
        """Who it is, once it may come in; None where it has hung up meanwhile: then nothing more is done for it."""
        entering, entered = asyncio.ensure_future(self.gateway.door.enter(request)), None
        ahead = self._ahead = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait({entering, ahead}, return_when=asyncio.FIRST_COMPLETED)
            if entering.done() or ahead.result()["type"] != "websocket.disconnect":
                come = await entering
                if self.gateway.draining:
                    # Too late to be drained with those inside: nobody would wait for its answers.
                    raise TurnedAway("restarting")
                entered = come
            return entered
        finally:
            if entered is None:
                self.gateway.door.abandon(entering)

    async def _come_in(self, entered: Entered, subprotocol: str | None) -> None:
        if entered.claim is None:
            await self._accept(None)
            await self._close(PROTOCOL_ERROR, "no OCPP version in common")
            return
        self._take_up(entered.signed_in, entered.claim)
        if entered.superseded is not None:
            await self.gateway.close_connection(entered.superseded)
        await self._accept(subprotocol)
        self.outbox.look_for_commands()

    async def _accept(self, subprotocol: str | None) -> None:
        try:
            await self.send({"type": "websocket.accept", "subprotocol": subprotocol})
        except OSError:
            # Its end is the next that is read, and gives the place up.
            log.info("hung up while connecting")

    def _take_up(self, signed_in: SignedIn, claim: Claim) -> None:
        """It holds the charge point's place: from now on it is one of the gateway's sockets."""
        self.claim = claim
        self.context = StationContext(
            tenant_id=signed_in.tenant_id,
            tenant_slug=signed_in.tenant_slug,
            charge_point_id=signed_in.charge_point_id,
            identity=signed_in.identity,
            version=claim.ocpp_version,
            lenient=not signed_in.strict,
            accepted=signed_in.accepted,
            connection_id=claim.connection_id,
            look_up_transaction=self._look_up_transaction,
        )
        self.outbox = CommandOutbox(self.context, self.gateway.commands, self.gateway.threads, self._send_call)
        self.last_message_at, self._log_messages = claim.at, signed_in.log_messages
        self._rate = FrameRate(settings.GATEWAY_FRAMES_PER_SECOND, settings.GATEWAY_FRAME_BURST, time.monotonic())
        self._connected = True
        self.gateway.add(self)

    async def _look_up_transaction(self, protocol_id: str) -> tuple[int, int] | None:
        context = self.context
        try:
            async with asyncio.timeout(LOOK_UP_S):
                return await self.gateway.threads.run(
                    find_transaction_id, context.tenant_id, context.charge_point_id, protocol_id
                )
        except (DatabaseError, InterfaceError, TimeoutError, OSError) as error:
            raise LookUpFailed(str(error)) from error

    async def _refuse(self, status: int, reason: str, retry_after_s: int | None = None) -> None:
        self._closing = True
        await refuse_upgrade(self.send, self.scope, status, reason, retry_after_s)

    # --- frames ---

    async def _received(self, message: dict[str, Any]) -> None:
        if self._closing or not self._connected:
            return
        text = message.get("text")
        if text is None:
            await self._close(UNSUPPORTED, "OCPP-J is text")
            return
        if not self._rate.allow(time.monotonic()):
            await self._close(POLICY, "too many messages")
            return
        # A character is at most four bytes; only a text in between must be measured.
        if len(text) * 4 > settings.GATEWAY_MAX_FRAME_BYTES and len(text.encode()) > settings.GATEWAY_MAX_FRAME_BYTES:
            await self._close(TOO_BIG, "frame too big")
            return
        now = datetime.now(UTC)
        self.last_message_at = now
        self.gateway.touch(self)
        if not text.strip():
            return
        count(self.claim.tenant_id, MESSAGES_OF_TENANT)
        try:
            frame = decode(text)
        except BadFrame as bad:
            await self._answer_bad_frame(bad, text, now)
            return
        if isinstance(frame, Call):
            await self._take_call(frame, text, now)
        else:
            self._take_answer(frame, text, now)

    async def _take_call(self, call: Call, text: str, now: datetime) -> None:
        if self._draining:
            # Unanswered here, the station asks the gateway that it comes to next.
            return
        self._calls.append((call, text, now))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        elif len(self._calls) >= WAITING_CALLS:
            self._drained = asyncio.Event()
            await self._drained.wait()

    def _take_answer(self, frame: CallResult | CallError, text: str, now: datetime) -> None:
        kind = Kind.RESULT if isinstance(frame, CallResult) else Kind.ERROR
        code = frame.code if isinstance(frame, CallError) else ""
        self._log(now, "in", kind, frame.message_id, self.outbox.action_of(frame.message_id), text, code, "")
        self.outbox.answered(frame)

    async def _work(self) -> None:
        """Handle waiting calls in order, then end: an idle socket has no task."""
        while self._calls:
            call, text, now = self._calls.popleft()
            await self._handle(call, text, now)
            if self._drained is not None and len(self._calls) < WAITING_CALLS // 2:
                self._drained.set()
                self._drained = None

    async def _handle(self, call: Call, text: str, now: datetime) -> None:
        context, started = self.context, time.perf_counter()
        context.received_at = now
        repeatable = call.action in REPEATABLE
        call_digest = "" if repeatable else digest(text)
        stored = None if repeatable else await self._stored_answer(call, call_digest, now)
        if stored is not None:
            self._log(now, "in", Kind.CALL, call.message_id, call.action, text, "", "sent again: answered as before")
            await self._send_text(stored)
            self._log_answer(stored, call, "")
            return
        outcome = await answer(call, context, self.gateway.threads.run)
        # Logged with what was mended; the line carries the time of receipt.
        self._log(now, "in", Kind.CALL, call.message_id, call.action, text, "", "; ".join(outcome.violations))
        if outcome.reply is not None and not repeatable:
            self.gateway.answers.keep(context.charge_point_id, call, call_digest, outcome.text, time.monotonic())
            self.gateway.shared_answers.keep(context.charge_point_id, call.message_id, call_digest, outcome.text)
        await self._send_text(outcome.text)
        self._log_answer(outcome.text, call, outcome.error_code)
        if self.outbox.triggers and not outcome.error_code:
            self.outbox.note_message(call.action, outcome.payload)
        known = outcome.reply is not None or outcome.error_code not in {"NotImplemented", "NotSupported"}
        counter, histogram = _measures(call.action if known else "unknown", outcome.error_code or "ok")
        counter.inc()
        histogram.observe(time.perf_counter() - started)
        if outcome.after:
            await run_after(outcome, context, self.gateway.threads.run)

    async def _stored_answer(self, call: Call, call_digest: str, now: datetime) -> str | None:
        """The answer that this very call got within five minutes, here or at the gateway that the station came from."""
        charge_point_id = self.context.charge_point_id
        stored = self.gateway.answers.find(charge_point_id, call, call_digest, time.monotonic())
        if stored is None and (now - self.claim.at).total_seconds() < KEPT_SECONDS:
            stored = await self.gateway.shared_answers.find(charge_point_id, call.message_id, call_digest)
        return stored

    async def _answer_bad_frame(self, bad: BadFrame, text: str, now: datetime) -> None:
        BAD_FRAMES.inc()
        code = spell(bad.code, self.context.version)
        message_id = bad.message_id or ""
        self._log(now, "in", Kind.MALFORMED, message_id, "", text, code, bad.description)
        if bad.message_id is not None and bad.answerable:
            reply = encode_error(bad.message_id, code, bad.description, {})
            await self._send_text(reply)
            self._log(datetime.now(UTC), "out", Kind.ERROR, message_id, "", reply, code, "")

    # --- sending ---

    async def _send_call(self, text: str, message_id: str, action: str) -> None:
        self._log(datetime.now(UTC), "out", Kind.CALL, message_id, action, text, "", "")
        await self._send_text(text)

    async def _send_text(self, text: str) -> None:
        if self._closing:
            return
        try:
            await self.send({"type": "websocket.send", "text": text})
        except (RuntimeError, OSError) as error:
            # The station hung up between its message and our answer; it will send again.
            log.info("answer not sent", identity=self.context.identity, error=str(error)[:100])

    def _log_answer(self, text: str, call: Call, error_code: str) -> None:
        kind = Kind.ERROR if error_code else Kind.RESULT
        self._log(datetime.now(UTC), "out", kind, call.message_id, call.action, text, error_code, "")

    def _log(
        self, at: datetime, direction: str, kind: int, message_id: str, action: str, text: str, code: str, note: str
    ) -> None:
        if self._log_messages:
            line = line_of(self.context, at, direction, kind, message_id, action, text, code, note)
            self.gateway.message_log.add(line)

    # --- the end ---

    def look_for_commands(self) -> None:
        """A command may wait for this station."""
        self.outbox.look_for_commands()

    def take_commands(self, rows: Iterable[Command]) -> None:
        """These wait for this station."""
        self.outbox.take_commands(rows)

    async def dismiss(self, reason: str) -> None:
        """Not to be connected by this socket any longer: why, as `services.closing` names it."""
        log.info("socket dismissed", identity=self.claim.identity, reason=reason)
        await self._close(POLICY, reason)

    async def close_suspended(self, *, comes_back: bool) -> None:
        """The tenant was suspended or deleted; `comes_back`: its rows are on the way to another database."""
        if comes_back:
            await self._close(SERVICE_RESTART, "tenant being moved")
        else:
            await self._close(POLICY, "tenant suspended")

    async def drain(self, patience_s: float) -> None:
        """The process is to end: what the station has said is answered and what it was asked too, then it may come back."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._settle()
                await self.outbox.rest()
        await self._close(SERVICE_RESTART, "restarting")

    async def _close(self, code: int, reason: str) -> None:
        if self._closing:
            return
        self._closing = True
        try:
            await self.send({"type": "websocket.close", "code": code, "reason": reason})
        except (RuntimeError, OSError):
            log.debug("already closed")

    async def _disconnected(self, message: dict[str, Any]) -> None:
        self._closing = True
        if self._connected:
            self.gateway.remove(self)
            self.outbox.close()
            code = message.get("code")
            try:
                await self._settle()
                await self.outbox.finished()
            finally:
                left = self.gateway.door.leave(self.claim, f"closed ({code})" if code else "closed")
            # A server that stops cancels what takes it too long; the door sees to it all the same.
            with contextlib.suppress(asyncio.CancelledError):
                await left
        raise StopConsumer

    async def _settle(self) -> None:
        """What the station sent before it went still counts: handle it."""
        if self._drained is not None:
            self._drained.set()
        if self._worker is not None:
            await asyncio.wait({self._worker})
