"""Is a station's clock right? Judged by the newest time in each message against our receipt of it. Pure.

A clock ahead is certain at once: nothing is sent before it was written. One behind looks like a message that
was kept while the station was offline; but a queue that is worked off catches up, while a wrong clock stays as
far behind as it was.
"""

from collections import deque
from datetime import datetime, timedelta

# A clock is behind when so many messages over so long are all as late as each other.
MESSAGES, SPAN = 5, timedelta(minutes=4)


class Clock:
    """The latest suspicious messages of one station."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, timedelta]] = deque(maxlen=MESSAGES)

    def judge(self, received_at: datetime, at: datetime, tolerance: timedelta) -> timedelta | None:
        """How far the clock is off (negative: behind) if this message, off by more than `tolerance`, settles it."""
        off = at - received_at
        if off > tolerance:
            self._seen.clear()
            return off
        # Messages that come faster than a clock runs are a queue: of a minute only the first counts.
        if not self._seen or received_at - self._seen[-1][0] >= SPAN / MESSAGES:
            self._seen.append((received_at, off))
        offs = [seen for _, seen in self._seen]
        if len(offs) < MESSAGES or self._seen[-1][0] - self._seen[0][0] < SPAN * (MESSAGES - 1) / MESSAGES:
            return None
        return max(offs) if max(offs) - min(offs) <= tolerance / 2 else None
