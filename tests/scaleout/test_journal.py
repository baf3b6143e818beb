"""The stations' own journal: what chaos is measured by must not err itself."""

import json
import random
from pathlib import Path

from csms.simulator.car import Outlet
from csms.simulator.journal import Journal
from csms.simulator.link import Link
from csms.simulator.settings import Counters, Model, Settings
from csms.simulator.station import Station
from tests.e2e.journal import MemoryJournal


class Socket:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, text: str) -> None:
        self.sent.append(text)


def station_with(journal: Journal) -> Station:
    settings = Settings("ws://127.0.0.1:1", "acme", None, ["TAG"])
    return Station("SIM1", Model("V", "M", [Outlet(11_000, 3)]), settings, random.Random(1), journal, Counters())


async def test_a_call_of_the_server_is_noted_before_it_is_obeyed_and_its_answer_once_it_is_sent(tmp_path: Path) -> None:
    journal, socket = Journal(tmp_path / "journal"), Socket()
    await Link(station_with(journal), socket).route_message('[2,"m1","ClearCache",{}]')
    journal.close()
    lines = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
    assert lines == [
        {"station": "SIM1", "asked": "m1", "action": "ClearCache", "request": {}},
        {"station": "SIM1", "answered": "m1", "answer": {"status": "Accepted"}},
    ]
    assert json.loads(socket.sent[0]) == [3, "m1", {"status": "Accepted"}]


async def test_a_call_that_comes_twice_is_a_fault() -> None:
    journal = MemoryJournal()
    link = Link(station_with(journal), Socket())
    for _ in range(2):
        await link.route_message('[2,"m1","ClearCache",{}]')
    assert journal.faults == ["SIM1 was sent ClearCache m1 2 times"]
    assert len(journal.orders["m1"].answers) == 2


def test_energy_is_that_of_sessions_whose_stop_was_acknowledged() -> None:
    journal = MemoryJournal()
    start = {"connector_id": 1, "id_tag": "TAG", "meter_start": 1000, "timestamp": "2026-11-20T10:00:00.000Z"}
    journal.acknowledged("SIM1", "StartTransaction", start, {"transaction_id": 7})
    journal.acknowledged("SIM1", "StartTransaction", start | {"connector_id": 2}, {"transaction_id": 8})
    assert journal.energy_wh == 0
    stop = {"transaction_id": 7, "meter_stop": 8500, "timestamp": "2026-11-20T11:00:00.000Z"}
    journal.acknowledged("SIM1", "StopTransaction", stop, {})
    assert journal.energy_wh == 7500
