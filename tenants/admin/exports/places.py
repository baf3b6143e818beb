"""How many exports a process makes at a time: they take a core while they run, and pages are to stay quick."""

import threading

from django.conf import settings

# `__del__` may run while the lock is held by the same thread.
_taking = threading.RLock()
_taken = 0


class NoPlace(Exception):
    """As many exports run in this process as may."""


class Place:
    """One of EXPORTS_AT_ONCE. Let go of when the last byte is sent, and at the latest with the answer that holds it."""

    _held = False

    def __init__(self) -> None:
        """Raises NoPlace."""
        global _taken
        with _taking:
            if _taken >= settings.EXPORTS_AT_ONCE:
                raise NoPlace
            _taken += 1
            self._held = True

    def let_go(self) -> None:
        """As often as one likes: it counts once."""
        global _taken
        with _taking:
            if self._held:
                self._held = False
                _taken -= 1

    def __del__(self) -> None:
        # Nobody ever read the answer: the client had gone.
        self.let_go()
