"""Passwords that were wrong: who goes on guessing is turned away before anything is looked up for it.

By address and identity, in this process's memory: another gateway counts for itself, and a restart forgets. So a station
behind the same address is not kept out by its neighbour, and one whose password has been mended waits for half a minute at
most. Pure: the time is given.
"""

from collections import OrderedDict

# So many at once, and then one in so many seconds.
BURST = 10.0
EVERY_S = 30.0
# Of whom it is remembered; those who failed longest ago make room.
REMEMBERED = 20_000

Key = tuple[str, str]


class WrongPasswords:
    """A token bucket for each (remote address, identity) that was wrong lately."""

    def __init__(self) -> None:
        # Tokens left, and when that was so.
        self._left: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: Key, now: float) -> float:
        """How long until the next try is heard; 0 for nearly everybody."""
        tokens = self._tokens(key, now)
        return 0.0 if tokens >= 1 else (1 - tokens) * EVERY_S

    def failed(self, key: Key, now: float) -> None:
        """It was wrong once more."""
        tokens = self._tokens(key, now)
        self._left[key] = (tokens - 1, now)
        self._left.move_to_end(key)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)

    def succeeded(self, key: Key) -> None:
        """The password was right: what went before was a mistake."""
        self._left.pop(key, None)

    def _tokens(self, key: Key, now: float) -> float:
        tokens, at = self._left.get(key, (BURST, now))
        return min(BURST, tokens + (now - at) / EVERY_S)
