"""The clocks of all stations of a process. Only those that look wrong take memory."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from metering.alerts.clock import Clock
from metering.alerts.excursion import Excursion

TOLD_EVERY = timedelta(minutes=5)
# Stations whose clock looks wrong; past it the memory starts anew.
REMEMBERED = 100_000


class _Suspect:
    __slots__ = ("clock", "told_at", "wrong")

    def __init__(self, wrong: Excursion | None = None) -> None:
        self.clock, self.wrong = Clock(), wrong
        self.told_at: datetime | None = wrong.last_at if wrong else None


class Clocks:
    """By charge point."""

    def __init__(self) -> None:
        self._suspects: dict[int, _Suspect] = {}

    def judge(
        self, charge_point_id: int, received_at: datetime, at: datetime, tolerance: timedelta
    ) -> tuple[Excursion, bool] | None:
        """What a message's newest time says: (how wrong the clock is in seconds, ahead), if that is to be told."""
        off = at - received_at
        suspect = self._suspects.get(charge_point_id) if self._suspects else None
        if -tolerance <= off <= tolerance:
            # Half-way back settles it: the time that a message takes must not make it come and go.
            if suspect is None or abs(off) > tolerance / 2:
                return None
            del self._suspects[charge_point_id]
            if suspect.wrong is None:
                return None
            return replace(suspect.wrong, ended_at=max(received_at, suspect.wrong.last_at)), off > timedelta(0)
        if suspect is None:
            if len(self._suspects) >= REMEMBERED:
                self._suspects.clear()
            suspect = self._suspects[charge_point_id] = _Suspect()
        settled = suspect.clock.judge(received_at, at, tolerance)
        if settled is None:
            return None
        suspect.wrong = _go_on(suspect.wrong, received_at, _seconds(settled), _seconds(tolerance))
        if suspect.told_at is not None and received_at - suspect.told_at < TOLD_EVERY:
            return None
        suspect.told_at = received_at
        return suspect.wrong, settled > timedelta(0)

    def adopt(self, charge_point_id: int, wrong: Excursion) -> None:
        """An alert is open for it."""
        suspect = self._suspects.get(charge_point_id)
        if suspect is None or suspect.wrong is None:
            self._suspects[charge_point_id] = _Suspect(wrong)

    def forget_told(self, open_at: set[int], before: datetime) -> None:
        """Those told whose alert is no longer open at `open_at`, and that were not heard of since."""
        for charge_point_id, suspect in list(self._suspects.items()):
            wrong = suspect.wrong
            if wrong is not None and charge_point_id not in open_at and wrong.last_at < before:
                del self._suspects[charge_point_id]


def _go_on(known: Excursion | None, at: datetime, off: Decimal, tolerance: Decimal) -> Excursion:
    if known is None:
        return Excursion(at, tolerance, True, off, off, at, raised=True)
    return replace(known, worst=max(known.worst, off), last=off, last_at=max(at, known.last_at), count=known.count + 1)


def _seconds(duration: timedelta) -> Decimal:
    return Decimal(round(abs(duration.total_seconds())))
