"""What clients and commands meet while PostgreSQL is away."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError

from chargepoints.gateway import patience
from chargepoints.gateway.patience import insist
from tenants.api.exceptions import handle_exception


def test_a_request_is_told_to_come_back_and_not_that_it_failed() -> None:
    answer = handle_exception(OperationalError("connection refused"), {"request": SimpleNamespace(path="/api/v1/x")})
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert "refused" not in str(answer.data)
    assert answer.data["errors"][0]["code"] == "unavailable"


class Database:
    """Away for so many writes."""

    def __init__(self, away: int) -> None:
        self.away, self.writes = away, 0

    async def write(self) -> None:
        self.writes += 1
        if self.writes <= self.away:
            raise OperationalError("connection refused")


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_S", 0.0)


async def test_a_stations_answer_is_written_once_the_database_is_back() -> None:
    database = Database(away=3)
    await insist(database.write, gives_up=lambda: False)
    assert database.writes == 4


async def test_an_answer_is_given_up_with_the_socket_and_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(away=10**9)
    with pytest.raises(OperationalError):
        await insist(database.write, gives_up=lambda: database.writes >= 3)
    assert database.writes == 3
    monkeypatch.setattr(patience, "LONGEST_S", 0.02)
    with pytest.raises(OperationalError):
        await asyncio.wait_for(insist(database.write, gives_up=lambda: False), 10)


async def test_what_is_no_outage_is_not_tried_again() -> None:
    calls: list[Any] = []

    async def write() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await insist(write, gives_up=lambda: False)
    assert len(calls) == 1
