"""A charge point that a test scripts: a real client, on the `ocpp` package and `websockets`.

The package's own validator holds every message of ours against the schema; no server code is used here.
What follows an answer (a StartTransaction after a remote start, say) is said by the test.
"""

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import websockets
from ocpp.exceptions import NotImplementedError as OcppNotImplemented
from ocpp.messages import Call, validate_payload
from ocpp.v16 import ChargePoint
from ocpp.v16 import call as messages

# A machine that is busy with other things is no failure.
DEADLINE_S = 60
# Typed with the package's enums; they take the plain words of the specification as well.
call: Any = messages
Payload = dict[str, Any]
# A payload as it goes over the wire, or a function of the request's payload.
Answer = Payload | Callable[[Payload], Payload]


def at(**offset: float) -> str:
    """Now, or `minutes=-5` from now, as stations write it."""
    return (datetime.now(UTC) + timedelta(**offset)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Wire:
    """The socket, and every frame that crossed it: (">" to us or "<" to the station, frame)."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.frames: list[tuple[str, list[Any]]] = []

    async def recv(self) -> str:
        text: str = await self.socket.recv()
        self.frames.append(("<", json.loads(text)))
        return text

    async def send(self, text: str) -> None:
        self.frames.append((">", json.loads(text)))
        await self.socket.send(text)


class ScriptedStation(ChargePoint):
    """Answers from `answers`, by action; what it isn't told to answer is NotImplemented."""

    def __init__(self, identity: str, socket: Any) -> None:
        self.wire = Wire(socket)
        super().__init__(identity, self.wire, response_timeout=DEADLINE_S)
        self.answers: dict[str, Answer] = {"GetConfiguration": {"configurationKey": [], "unknownKey": []}}
        self._asked: dict[str, asyncio.Queue[Payload]] = defaultdict(asyncio.Queue)
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            await self.start()
        except websockets.ConnectionClosed:
            pass

    async def _handle_call(self, msg: Call) -> None:
        await validate_payload(msg, "1.6")
        # As it came: the package reads the numbers of some messages as Decimal.
        asked = next(frame[3] for _way, frame in reversed(self.wire.frames) if frame[1] == msg.unique_id)
        self._asked[msg.action].put_nowait(asked)
        if msg.action not in self.answers:
            raise OcppNotImplemented(details={"cause": f"{msg.action} is not scripted"})
        answer = self.answers[msg.action]
        result = msg.create_call_result(answer(asked) if callable(answer) else answer)
        await validate_payload(result, "1.6")
        await self._send(result.to_json())

    # --- the wire ---

    async def was_asked(self, action: str) -> Payload:
        """The payload of our next call of this action, oldest first; waits for it."""
        return await asyncio.wait_for(self._asked[action].get(), DEADLINE_S)

    def was_not_asked(self, action: str) -> bool:
        return self._asked[action].empty()

    async def tell(self, message: Any) -> Any:
        """A call of the `ocpp` package; its result. Raises the package's error for a CALLERROR."""
        return await self.call(message, suppress=False)

    @property
    def last_reply(self) -> Payload:
        """Our last CALLRESULT, as it came over the wire."""
        return next(frame[2] for way, frame in reversed(self.wire.frames) if way == "<" and frame[0] == 3)

    def power_off(self) -> None:
        """The connection breaks without a word."""
        self.wire.socket.transport.abort()

    async def hang_up(self) -> None:
        await self.wire.socket.close()

    async def closed(self) -> int:
        """Wait for the end; the close code."""
        await asyncio.wait_for(self.wire.socket.wait_closed(), DEADLINE_S)
        return int(self.wire.socket.close_code)

    # --- what many cases have in common ---

    async def boot(self, **fields: Any) -> Any:
        """Its result, once we have read its configuration: nothing of ours is then on its way."""
        booted = await self.tell(
            call.BootNotification(**{"charge_point_vendor": "Acme", "charge_point_model": "One", **fields})
        )
        if booted.status == "Accepted":
            await self.was_asked("GetConfiguration")
        return booted

    async def is_now(self, status: str, *connectors: int, error_code: str = "NoError") -> None:
        """StatusNotification, for connector 1 unless others are named."""
        for connector_id in connectors or (1,):
            await self.tell(
                call.StatusNotification(connector_id=connector_id, error_code=error_code, status=status, timestamp=at())
            )

    async def authorize(self, id_tag: str) -> str:
        """The verdict."""
        answer = await self.tell(call.Authorize(id_tag=id_tag))
        return str(answer.id_tag_info["status"])

    async def start_session(self, id_tag: str, **changes: Any) -> Any:
        fields = {"connector_id": 1, "meter_start": 1000, "timestamp": at(), **changes}
        return await self.tell(call.StartTransaction(id_tag=id_tag, **fields))

    async def stop_session(self, transaction_id: int, **changes: Any) -> Any:
        fields = {"meter_stop": 8500, "timestamp": at(), **changes}
        return await self.tell(call.StopTransaction(transaction_id=transaction_id, **fields))

    async def charge(self, id_tag: str, **changes: Any) -> int:
        """The tool's state "Charging": plugged in, identified, started. The transaction's id."""
        connector_id = changes.get("connector_id", 1)
        await self.is_now("Preparing", connector_id)
        assert await self.authorize(id_tag) == "Accepted"
        started = await self.start_session(id_tag, **changes)
        assert started.id_tag_info["status"] == "Accepted"
        await self.is_now("Charging", connector_id)
        return int(started.transaction_id)

    async def meter(self, transaction_id: int | None, wh: int, timestamp: str | None = None) -> None:
        sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        values = [{"timestamp": timestamp or at(), "sampled_value": [sample]}]
        await self.tell(call.MeterValues(connector_id=1, transaction_id=transaction_id, meter_value=values))


@asynccontextmanager
async def dial(
    gateway: str,
    identity: str = "CP1",
    *,
    password: str | bytes | None = None,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[ScriptedStation]:
    """A connected station of tenant `acme`; `password` signs in with HTTP Basic."""
    headers = dict(headers or {})
    if password is not None:
        raw = password.encode() if isinstance(password, str) else password
        headers["Authorization"] = "Basic " + base64.b64encode(identity.encode() + b":" + raw).decode()
    options = {"subprotocols": ["ocpp1.6"], "open_timeout": DEADLINE_S, "ping_interval": None, **options}
    address = f"{gateway}/ocpp/acme/{identity}"
    async with websockets.connect(address, additional_headers=headers, max_size=None, **options) as socket:
        station = ScriptedStation(identity, socket)
        try:
            yield station
        finally:
            station._reader.cancel()
