"""Answers kept for five minutes, so that a CALL sent again gets the one that it missed."""

import hashlib
from collections import OrderedDict

from chargepoints.protocol.framing import Call

KEPT_SECONDS = 300.0
# What comes again under these gets the same answer by its nature; storing it would only cost.
REPEATABLE = {"Heartbeat", "MeterValues"}


def digest(call_text: str) -> str:
    """Tells a resent call from another call under the same message id."""
    return hashlib.blake2b(call_text.encode(), digest_size=12).hexdigest()


class RecentAnswers:
    """Answers by (charge point, message id); bounded in number, the oldest go first."""

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[int, str], tuple[float, str, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, charge_point_id: int, call: Call, call_digest: str, now: float) -> str | None:
        """The stored answer to this very call, if it isn't older than five minutes."""
        kept = self._kept.get((charge_point_id, call.message_id))
        if kept is None or kept[0] + KEPT_SECONDS < now or kept[1] != call_digest:
            return None
        return kept[2]

    def keep(self, charge_point_id: int, call: Call, call_digest: str, answer: str, now: float) -> None:
        key = (charge_point_id, call.message_id)
        self._kept.pop(key, None)
        self._kept[key] = (now, call_digest, answer)
        while self._kept and (len(self._kept) > self._limit or next(iter(self._kept.values()))[0] + KEPT_SECONDS < now):
            self._kept.popitem(last=False)
