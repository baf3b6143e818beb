"""An energy register that runs backwards: replaced, reset or broken. Pure; values in Wh, time is that of the readings."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from metering.alerts.excursion import Excursion

# What rounding and the order of messages may take off.
JITTER_WH = 100.0


class Register:
    """The state of one register series.

    A register that starts anew from zero with a session is how some stations work, and no alert. After a fall the
    alert stands until the register is back at its old height, or a person says what it was.
    """

    __slots__ = ("excursion", "highest", "session")

    def __init__(self) -> None:
        self.highest: float | None = None
        self.session: int | None = None
        self.excursion: Excursion | None = None

    def observe(self, value: float, at: datetime, session: int | None) -> Excursion | None:
        """Take a reading newer than those before; the fall to be told, begun, deeper or ended."""
        highest, known = self.highest, self.excursion
        if highest is None or value >= highest - JITTER_WH:
            self.session = session
            if highest is None or value > highest:
                self.highest = value
            if known is not None and value >= known.bound:
                self.excursion = None
                return replace(known, ended_at=at, last=_exact(value))
            return None
        anew = session != self.session and value < JITTER_WH
        self.highest, self.session = value, session
        if anew:
            return None
        fallen = _exact(value)
        if known is None:
            self.excursion = Excursion(at, _exact(highest), False, fallen, fallen, at, raised=True)
        else:
            self.excursion = replace(
                known, worst=min(known.worst, fallen), last=fallen, last_at=at, count=known.count + 1
            )
        return self.excursion


def _exact(value: float) -> Decimal:
    return Decimal(str(round(value, 3)))
