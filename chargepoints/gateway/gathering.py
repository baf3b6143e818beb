"""What many sockets ask for in one turn of the loop, done at once; what is asked for meanwhile goes with the next.

As the sample writer does with readings: alone nobody waits, and in a crowd the statements grow instead of their number.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

A = TypeVar("A")
R = TypeVar("R")


@dataclass(slots=True)
class _Waiting(Generic[A, R]):
    asked: A
    answer: "asyncio.Future[R]"


class Gathering(Generic[A, R]):
    """Lives on one event loop. `act(tenant_id, asked)` gives an answer for each, in their order; its errors are
    everybody's."""

    def __init__(self, act: Callable[[int, Sequence[A]], Awaitable[Sequence[R]]], most: int) -> None:
        self._act, self._most = act, most
        self._waiting: dict[int, list[_Waiting[A, R]]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}

    async def ask(self, tenant_id: int, asked: A) -> R:
        """Wait for the answer."""
        one: _Waiting[A, R] = _Waiting(asked, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(tenant_id, []).append(one)
        if tenant_id not in self._running:
            # Whoever asks in this turn of the loop has asked before the task begins.
            self._running[tenant_id] = asyncio.create_task(self._run(tenant_id), name="gathered work")
        return await one.answer

    async def _run(self, tenant_id: int) -> None:
        try:
            while waiting := self._waiting.pop(tenant_id, None):
                for start in range(0, len(waiting), self._most):
                    await self._answer(tenant_id, waiting[start : start + self._most])
        finally:
            del self._running[tenant_id]

    async def _answer(self, tenant_id: int, waiting: list[_Waiting[A, R]]) -> None:
        try:
            answers = await self._act(tenant_id, [one.asked for one in waiting])
        except Exception as error:
            for one in waiting:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        for one, answer in zip(waiting, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)
