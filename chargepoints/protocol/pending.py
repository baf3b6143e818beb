"""Our CALLs to one station: strictly one outstanding, the rest wait by priority. Pure: no clock, no socket."""

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class OutgoingCall:
    """A CALL to be sent. `message_id` is the command's id."""

    message_id: str
    action: str
    payload: dict[str, Any]
    timeout_s: float
    priority: int = 5


class PendingCalls:
    """The queue and the one outstanding call of a socket."""

    __slots__ = ("_order", "_queue", "_waiting", "outstanding")

    def __init__(self) -> None:
        self.outstanding: OutgoingCall | None = None
        self._queue: list[tuple[int, int, OutgoingCall]] = []
        self._waiting: set[Hashable] = set()
        self._order = 0

    def offer(self, call: OutgoingCall) -> bool:
        """Queue a call; False where it is queued or outstanding already (told twice)."""
        if call.message_id in self._waiting or (self.outstanding and self.outstanding.message_id == call.message_id):
            return False
        self._order += 1
        self._waiting.add(call.message_id)
        heapq.heappush(self._queue, (call.priority, self._order, call))
        return True

    def take_next(self) -> OutgoingCall | None:
        """The next call to send, now outstanding; None while one is outstanding or none waits."""
        if self.outstanding is not None or not self._queue:
            return None
        self.outstanding = heapq.heappop(self._queue)[2]
        self._waiting.discard(self.outstanding.message_id)
        return self.outstanding

    def settle(self, message_id: str) -> OutgoingCall | None:
        """The outstanding call that this id answers (or that is given up); None for an id nobody asked with."""
        if self.outstanding is None or self.outstanding.message_id != message_id:
            return None
        settled, self.outstanding = self.outstanding, None
        return settled
