"""Passwords that were wrong: who goes on guessing is turned away before anything is looked up for it.

By address, tenant and identity, in this process's memory: another gateway counts for itself, and a restart forgets. So a station
behind the same address is not kept out by its neighbour, and one whose password has been mended waits for half a minute at
most. Those that are being looked at count as if they were wrong: many at once are no way round. Pure: the time is given.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from chargepoints.services.identity import Address
from tenants.visitors import network_of

# So many at once, and then one in so many seconds.
BURST = 10.0
EVERY_S = 30.0
# Of whom it is remembered; those who failed longest ago make room.
REMEMBERED = 20_000

Key = tuple[str, str, str]


def key_of(remote_address: str, address: Address) -> Key:
    """Who tries. Identities are found in any case; stations of two tenants may share one, and their carrier's address."""
    return network_of(remote_address), address.tenant_slug or "", address.identity.lower()


class WrongPasswords:
    """A token bucket for each key that was wrong lately."""

    def __init__(self) -> None:
        # Tokens left, and when that was so.
        self._left: OrderedDict[Key, tuple[float, float]] = OrderedDict()
        self._trying: Counter[Key] = Counter()

    def wait_s(self, key: Key, now: float) -> float:
        """How long until the next try is heard; 0 for nearly everybody."""
        tokens = max(0.0, self._tokens(key, now) - self._trying[key])
        return 0.0 if tokens >= 1 else (1 - tokens) * EVERY_S

    @contextmanager
    def trying(self, key: Key) -> Iterator[None]:
        """While a password is looked at."""
        self._trying[key] += 1
        try:
            yield
        finally:
            self._trying[key] -= 1
            if not self._trying[key]:
                del self._trying[key]

    def failed(self, key: Key, now: float) -> None:
        """It was wrong once more."""
        tokens = self._tokens(key, now)
        # Never below none: whoever is right after all waits for one, however many were wrong together.
        self._left[key] = (max(0.0, tokens - 1), now)
        self._left.move_to_end(key)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)

    def succeeded(self, key: Key) -> None:
        """The password was right: what went before was a mistake."""
        self._left.pop(key, None)

    def _tokens(self, key: Key, now: float) -> float:
        tokens, at = self._left.get(key, (BURST, now))
        return min(BURST, tokens + (now - at) / EVERY_S)
