"""The door of a gateway: sockets come in and go in groups, and when too many come at once, some are turned away at once.

A station that waits longer than it has patience for gives up and comes again, and what was done for it was for nothing.
So one whose turn would come too late is told so before anything is done for it (503 with Retry-After), and one that has
hung up meanwhile costs nothing more. Lives on the event loop.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from chargepoints.gateway.guesses import WrongPasswords, key_of
from chargepoints.gateway.threads import DatabaseThreads
from chargepoints.gateway.waiting_line import WaitingLine
from chargepoints.metrics import (
    GUESSES_TURNED_AWAY,
    SIGN_IN_SECONDS,
    SIGN_INS_ABANDONED,
    SIGN_INS_TURNED_AWAY,
    SIGN_INS_WAITING,
)
from chargepoints.services.connections import Claim, Departure, release_all
from chargepoints.services.entering import Entered, EntryRequest, enter_alone, enter_together
from chargepoints.services.sign_in import SignInRefused

log = structlog.get_logger(__name__)

# Of one transaction. Larger ones are hardly cheaper by the piece, and the first in it waits for the last.
TOGETHER = 100
# One waits for the disk while the next is put together.
GROUPS_AT_ONCE = 2
# Those that need a transaction of their own, beside the groups.
ALONE_AT_ONCE = 2
WRONG_PASSWORD = 401
SHORTEST_RETRY_S, LONGEST_RETRY_S = 5.0, 60.0


class TurnedAway(Exception):
    """Not now, whoever it is. `retry_after`: seconds, with chance in it, lest all come again together."""

    status = 503

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after(wait_s)


class DoorIsFull(TurnedAway):
    """Its turn would come too late."""


class GuessesTooOften(TurnedAway):
    """Wrong passwords, one after the other."""

    status = 429


def retry_after(wait_s: float = 0.0) -> int:
    """Seconds after which to come again: when those who wait now are in, or as long again."""
    least = min(max(wait_s, SHORTEST_RETRY_S), LONGEST_RETRY_S)
    return round(random.uniform(least, 2 * least))  # noqa: S311 (no secret)


class Door:
    """One per gateway. Its threads are its own: messages of those inside don't wait behind those who come."""

    def __init__(self) -> None:
        self._wrong_passwords = WrongPasswords()
        self._threads = DatabaseThreads(GROUPS_AT_ONCE + ALONE_AT_ONCE, "door")
        self._together: WaitingLine[EntryRequest, Entered | None] = WaitingLine(
            self._enter_together, most=TOGETHER, at_once=GROUPS_AT_ONCE, on_unclaimed=self._unclaimed
        )
        self._alone: WaitingLine[EntryRequest, Entered | None] = WaitingLine(
            self._enter_alone, most=1, at_once=ALONE_AT_ONCE, on_unclaimed=self._unclaimed
        )
        self._leaving: WaitingLine[Departure, None] = WaitingLine(self._leave, most=TOGETHER)

    async def enter(self, request: EntryRequest) -> Entered:
        """Who it is, and the place that it holds from now on. Raises TurnedAway, SignInRefused, database errors.

        Cancelled while it waits: nothing is done. Cancelled later: what was done is undone.
        """
        who = key_of(request.credentials.remote_address, request.address)
        if wait_s := self._wrong_passwords.wait_s(who, time.monotonic()):
            GUESSES_TURNED_AWAY.inc()
            raise GuessesTooOften("too many wrong passwords", wait_s)
        try:
            with self._wrong_passwords.trying(who):
                entered = await self._turn(self._together, request)
                if entered is None:
                    entered = await self._turn(self._alone, request)
        except SignInRefused as refused:
            if refused.status == WRONG_PASSWORD:
                self._wrong_passwords.failed(who, time.monotonic())
            raise
        self._wrong_passwords.succeeded(who)
        assert entered is not None  # noqa: S101 (alone, it is let in or refused)
        return entered

    def leave(self, claim: Claim, reason: str) -> "asyncio.Future[None]":
        """Give the place up; done even if nobody waits for it any more."""
        now = datetime.now(UTC)
        departure = Departure(claim.tenant_id, claim.charge_point_id, claim.identity, claim.connection_id, now, reason)
        return asyncio.shield(self._leaving.put(departure))

    def abandon(self, entering: "asyncio.Task[Entered]") -> None:
        """Nobody waits for this `enter` any more: what has not begun is left undone, what was done is undone."""
        if not entering.done():
            entering.cancel()
            entering.add_done_callback(_look_away)
        elif not entering.cancelled() and entering.exception() is None:
            self._undo(entering.result())

    async def close(self) -> None:
        """Let those out who are leaving."""
        for line in (self._together, self._alone, self._leaving):
            await line.close()
        self._threads.close()

    async def _turn(self, line: WaitingLine[EntryRequest, Entered | None], request: EntryRequest) -> Entered | None:
        if line.wait_s > settings.GATEWAY_SIGN_IN_WAIT_SECONDS:
            SIGN_INS_TURNED_AWAY.inc()
            raise DoorIsFull("too many at once", line.wait_s)
        started = time.monotonic()
        SIGN_INS_WAITING.inc()
        place = line.put(request)
        try:
            return await place
        except asyncio.CancelledError:
            SIGN_INS_ABANDONED.inc()
            if place.done() and not place.cancelled() and place.exception() is None:
                # Its turn had just come.
                self._undo(place.result())
            raise
        finally:
            SIGN_INS_WAITING.dec()
            SIGN_IN_SECONDS.observe(time.monotonic() - started)

    async def _enter_together(self, requests: list[EntryRequest]) -> Sequence[Entered | SignInRefused | None]:
        return await self._threads.run(enter_together, requests)

    async def _enter_alone(self, requests: list[EntryRequest]) -> Sequence[Entered]:
        return [await self._threads.run(enter_alone, request) for request in requests]

    async def _leave(self, departures: list[Departure]) -> list[None]:
        try:
            await self._threads.run(release_all, departures)
        except (DatabaseError, InterfaceError, OSError) as error:
            # The rows stay until the gateway compares or its lease ends; presence heals either way.
            log.warning("places not given up", sockets=len(departures), error=str(error)[:200])
        return [None] * len(departures)

    def _unclaimed(self, _request: EntryRequest, entered: Entered | None) -> None:
        self._undo(entered)

    def _undo(self, entered: Entered | None) -> None:
        """It has hung up while it was let in."""
        if entered is not None and entered.claim is not None:
            self.leave(entered.claim, "hung up while connecting")


def _look_away(entering: "asyncio.Task[Entered]") -> None:
    """Whatever it ended with, nobody is there to be told."""
    if not entering.cancelled():
        entering.exception()
