"""The line before a door: groups in the order of coming, stepping out, and how long the wait will be."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chargepoints.gateway.waiting_line import WaitingLine


class Clerk:
    """Serves groups when it is told to; a name in capitals is refused, by itself."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.unclaimed: list[str] = []
        self.may_go_on = asyncio.Event()
        self.fails = False

    async def serve(self, names: list[str]) -> list[str | Exception]:
        self.groups.append(names)
        await self.may_go_on.wait()
        if self.fails:
            raise OSError("away")
        return [LookupError(name) if name.isupper() else f"hello {name}" for name in names]


@pytest.fixture
async def clerk() -> AsyncIterator[Clerk]:
    one = Clerk()
    yield one
    one.may_go_on.set()


def line_of(clerk: Clerk, most: int = 3) -> WaitingLine[str, str]:
    return WaitingLine(clerk.serve, most=most, on_unclaimed=lambda name, _result: clerk.unclaimed.append(name))


async def begun(clerk: Clerk, groups: int = 1) -> None:
    while len(clerk.groups) < groups:
        await asyncio.sleep(0)


async def test_who_comes_while_a_group_is_under_way_is_in_the_next_one(clerk: Clerk) -> None:
    line = line_of(clerk)
    places = [line.put(name) for name in "abcdef"]
    await begun(clerk)
    clerk.may_go_on.set()
    assert await asyncio.gather(*places) == [f"hello {name}" for name in "abcdef"]
    assert clerk.groups == [["a"], ["b", "c", "d"], ["e", "f"]]


async def test_nothing_is_done_for_one_who_steps_out(clerk: Clerk) -> None:
    line = line_of(clerk)
    first, second, third = (line.put(name) for name in "abc")
    await begun(clerk)
    assert len(line) == 2
    second.cancel()
    clerk.may_go_on.set()
    await asyncio.gather(first, third)
    assert clerk.groups == [["a"], ["c"]]
    assert not clerk.unclaimed


async def test_what_was_done_for_one_who_has_gone_is_handed_back(clerk: Clerk) -> None:
    line = line_of(clerk)
    place = line.put("a")
    await begun(clerk)
    place.cancel()
    clerk.may_go_on.set()
    await line.close()
    assert clerk.unclaimed == ["a"]


async def test_a_refusal_is_one_callers_and_a_failure_is_everybodys(clerk: Clerk) -> None:
    line = line_of(clerk)
    clerk.may_go_on.set()
    await line.put("first")
    good, bad = line.put("a"), line.put("B")
    assert await good == "hello a"
    with pytest.raises(LookupError):
        await bad
    clerk.fails = True
    for outcome in await asyncio.gather(line.put("c"), line.put("d"), return_exceptions=True):
        assert isinstance(outcome, OSError)
    clerk.fails = False
    assert await line.put("e") == "hello e"


async def test_the_wait_grows_with_the_line_and_while_a_group_hangs(clerk: Clerk) -> None:
    line = line_of(clerk, most=1)
    assert line.wait_s == 0
    line.put("a")
    await begun(clerk)
    short = [line.put("b") for _ in range(10)]
    before = line.wait_s
    long = [line.put("c") for _ in range(990)]
    assert line.wait_s > 10 * before
    for place in (*short, *long):
        place.cancel()
    await asyncio.sleep(0.02)
    assert len(line) == 0
    # Nobody waits, but the one who is being served has been for all that while.
    assert line.wait_s >= 0.02
