"""Answers kept for five minutes, so that a CALL sent again gets the one that it missed."""

import hashlib
from collections import OrderedDict

import structlog

from chargepoints.protocol.framing import Call

log = structlog.get_logger(__name__)

KEPT_SECONDS = 300.0
# What an entry costs beside its texts, roughly.
OVERHEAD_BYTES = 500
# What comes again under these gets the same answer by its nature; storing it would only cost. A station that counts its
# message ids anew after a reset boots under the same id: that is another boot, and it sets its clock by the answer.
REPEATABLE = {"Heartbeat", "MeterValues", "BootNotification"}


def digest(call_text: str) -> str:
    """Tells a resent call from another call under the same message id."""
    return hashlib.blake2b(call_text.encode(), digest_size=12).hexdigest()


class RecentAnswers:
    """Answers by (charge point, message id); bounded in number and in bytes, the oldest go first."""

    def __init__(self, limit: int = 20_000, limit_bytes: int = 32 * 1024 * 1024) -> None:
        self._limit, self._limit_bytes, self._bytes = limit, limit_bytes, 0
        self._kept: OrderedDict[tuple[int, str], tuple[float, str, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, charge_point_id: int, call: Call, call_digest: str, now: float) -> str | None:
        """The stored answer to this very call, if it isn't older than five minutes."""
        kept = self._kept.get((charge_point_id, call.message_id))
        if kept is None or kept[0] + KEPT_SECONDS < now:
            return None
        if kept[1] != call_digest:
            log.info("message id used again for another call", action=call.action, message_id=call.message_id[:64])
            return None
        return kept[2]

    def keep(self, charge_point_id: int, call: Call, call_digest: str, answer: str, now: float) -> None:
        """Store an answer that is about to leave, in place of an older one under the same id."""
        key = (charge_point_id, call.message_id)
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= _size(key, before)
        self._kept[key] = entry = (now, call_digest, answer)
        self._bytes += _size(key, entry)
        while self._kept and self._has_too_much(now):
            self._bytes -= _size(*self._kept.popitem(last=False))

    def _has_too_much(self, now: float) -> bool:
        oldest = next(iter(self._kept.values()))[0]
        return len(self._kept) > self._limit or self._bytes > self._limit_bytes or oldest + KEPT_SECONDS < now


def _size(key: tuple[int, str], entry: tuple[float, str, str]) -> int:
    return len(key[1]) + len(entry[2]) + OVERHEAD_BYTES
