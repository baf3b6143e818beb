"""What simulated stations know: what was acknowledged to them, and what they were asked. Knows no server code."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from csms.simulator.journal import Journal

# (identity, connector, measurand, phase, when)
ReadingKey = tuple[str, int, str, str, datetime]


@dataclass
class Session:
    """A session as its station saw it, by the server's own acknowledgements. Registers in Wh."""

    identity: str
    connector: int
    id_tag: str
    started_at: datetime
    meter_start: int
    stopped_at: datetime | None = None
    meter_stop: int | None = None


@dataclass
class Order:
    """A call of the server's. `answers`: what the station said, as often as it was asked."""

    identity: str
    action: str
    request: dict[str, Any]
    asked: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)


class MemoryJournal(Journal):
    """Of a whole fleet, in memory."""

    def __init__(self) -> None:
        super().__init__(None)
        self.sessions: dict[str, Session] = {}
        self.readings: dict[ReadingKey, tuple[str, str]] = {}
        self.orders: dict[str, Order] = {}
        self.messages: Counter[str] = Counter()
        self.faults: list[str] = []

    def acknowledged(self, station: str, action: str, request: dict[str, Any], answer: dict[str, Any]) -> None:
        self.messages[action] += 1
        if action == "StartTransaction":
            self._started(station, request, str(answer["transaction_id"]))
        elif action == "StopTransaction":
            self._stopped(station, request)
        else:
            self._measured(station, request)

    def asked(self, station: str, message_id: str, action: str, request: dict[str, Any]) -> None:
        order = self.orders.setdefault(message_id, Order(station, action, request))
        order.asked += 1
        if order.asked > 1:
            self.faults.append(f"{station} was sent {action} {message_id} {order.asked} times")

    def answered(self, station: str, message_id: str, answer: dict[str, Any]) -> None:
        self.orders[message_id].answers.append(answer)

    @property
    def energy_wh(self) -> int:
        """Of all sessions that have ended."""
        return sum(one.meter_stop - one.meter_start for one in self.sessions.values() if one.meter_stop is not None)

    def _started(self, station: str, request: dict[str, Any], transaction_id: str) -> None:
        if transaction_id in self.sessions:
            self.faults.append(f"{station}: transaction id {transaction_id} was given twice")
        self.sessions[transaction_id] = Session(
            station,
            request["connector_id"],
            request["id_tag"],
            read_time(request["timestamp"]),
            request["meter_start"],
        )

    def _stopped(self, station: str, request: dict[str, Any]) -> None:
        session = self.sessions[str(request["transaction_id"])]
        session.stopped_at, session.meter_stop = read_time(request["timestamp"]), request["meter_stop"]

    def _measured(self, station: str, request: dict[str, Any]) -> None:
        for element in request["meter_value"]:
            at = read_time(element["timestamp"])
            for sample in element["sampled_value"]:
                key = (station, request["connector_id"], sample["measurand"], sample.get("phase", ""), at)
                self.readings[key] = (sample["value"], str(request["transaction_id"]))


def read_time(text: str) -> datetime:
    """As stations write it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
