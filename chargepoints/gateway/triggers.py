"""Messages that were triggered over a socket and have not come yet. In memory: a heartbeat costs no SQL.

Pure. A socket that closes takes what it waits for along; the sweep says then that it was not seen.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chargepoints.protocol.pending import OutgoingCall

# A station that never sends what it was asked for must not grow the list.
MOST = 32
TRIGGERS = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})
# Where the trigger isn't named like the message.
_MESSAGES = {"SignChargePointCertificate": "SignCertificate"}


@dataclass(frozen=True, slots=True)
class Awaited:
    """`connector` None: any will do."""

    command_id: UUID
    action: str
    connector: int | None


@dataclass(slots=True)
class TriggerWatch:
    """One per socket; false while nothing is awaited."""

    _awaited: list[Awaited] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._awaited)

    def sent(self, call: OutgoingCall) -> None:
        """A call is about to leave; a trigger is waited for from now on (its message may overtake its answer)."""
        if call.action not in TRIGGERS:
            return
        requested = str(call.payload.get("requestedMessage", ""))
        connector = call.payload.get("connectorId")
        del self._awaited[: max(0, len(self._awaited) - MOST + 1)]
        self._awaited.append(Awaited(UUID(call.message_id), _MESSAGES.get(requested, requested), connector))

    def came(self, action: str, payload: dict[str, Any]) -> list[UUID]:
        """The commands that this message fulfils; they are waited for no longer."""
        done = [
            one
            for one in self._awaited
            if one.action == action and one.connector in (None, payload.get("connectorId", one.connector))
        ]
        self._awaited = [one for one in self._awaited if one not in done]
        return [one.command_id for one in done]

    def refused(self, command_id: UUID) -> None:
        """The station will not send it."""
        self._awaited = [one for one in self._awaited if one.command_id != command_id]
