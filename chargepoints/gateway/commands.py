"""The commands table for all sockets of a process: what many of them want at once is one statement for each tenant.

A round of load management has five hundred stations send, and answer, at once: a transaction for each would take
seconds of the gateway's processor. Nothing is promised sooner than before: a claim is committed before its frame leaves.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Generic
from uuid import UUID

import structlog

from chargepoints.gateway.threads import DatabaseThreads
from chargepoints.gateway.waiting_line import Item, Result, WaitingLine
from chargepoints.models import Command, CommandState
from chargepoints.services.claims import claim_many
from chargepoints.services.command_answers import Answer, finish_many
from chargepoints.services.command_hooks import may_end_together
from chargepoints.services.commands import claim_for_sending, finish_command, queued_by_station

log = structlog.get_logger(__name__)

MOST_LOOKS, MOST_CLAIMS = 1000, 1000
# Their rows and the locks of their stations' profiles are held together: short.
MOST_ANSWERS = 100


class LinePerTenant(Generic[Item, Result]):
    """`work(tenant_id, items)` gives a result for each: a transaction is one tenant's. Lives on one event loop."""

    def __init__(self, work: Callable[[int, list[Item]], Awaitable[Sequence[Result]]], most: int) -> None:
        self._work, self._most = work, most
        self._lines: dict[int, WaitingLine[Item, Result]] = {}

    async def ask(self, tenant_id: int, item: Item) -> Result:
        """Wait for the result; who stops waiting before the turn comes has asked for nothing."""
        line = self._lines.get(tenant_id)
        if line is None:
            line = self._lines[tenant_id] = WaitingLine(partial(self._work, tenant_id), most=self._most)
        return await line.put(item)


class GroupedCommands:
    """One per gateway process; lives on its event loop. The database's errors pass."""

    def __init__(self, gateway_id: UUID, threads: DatabaseThreads) -> None:
        self._gateway_id, self._threads = gateway_id, threads
        self._looks: LinePerTenant[int, list[Command]] = LinePerTenant(self._look, MOST_LOOKS)
        self._claims: LinePerTenant[tuple[UUID, UUID], bool] = LinePerTenant(self._claim, MOST_CLAIMS)
        self._answers: LinePerTenant[Answer, bool] = LinePerTenant(self._finish, MOST_ANSWERS)

    async def queued(self, tenant_id: int, charge_point_id: int) -> list[Command]:
        """What waits for a station, in the order in which it is to be sent. Read after this call."""
        return await self._looks.ask(tenant_id, charge_point_id)

    async def claim(self, *, tenant_id: int, command_id: UUID, connection_id: UUID) -> bool:
        """queued -> sent, committed. False: cancelled, expired, or taken elsewhere."""
        if await self._claims.ask(tenant_id, (command_id, connection_id)):
            return True
        # Gone, or locked just then: a statement of its own waits for that, and holds nobody else up.
        return await self._threads.run(
            claim_for_sending,
            tenant_id=tenant_id,
            command_id=command_id,
            gateway_id=self._gateway_id,
            connection_id=connection_id,
        )

    async def finish(
        self,
        *,
        tenant_id: int,
        command_id: UUID,
        action: str,
        state: CommandState,
        reply: dict[str, Any] | None = None,
        error_code: str = "",
        error_description: str = "",
    ) -> None:
        """sent -> a final state, once, with all that follows from it. A late answer is kept beside it."""
        together = reply is not None and not error_code and may_end_together(action)
        if together and await self._answers.ask(tenant_id, Answer(command_id, state, reply or {})):
            return
        await self._threads.run(
            finish_command,
            tenant_id=tenant_id,
            command_id=command_id,
            state=state,
            reply=reply,
            error_code=error_code,
            error_description=error_description,
        )

    async def _look(self, tenant_id: int, charge_point_ids: Sequence[int]) -> list[list[Command]]:
        found = await self._threads.run(queued_by_station, tenant_id, set(charge_point_ids))
        return [found[pk] for pk in charge_point_ids]

    async def _claim(self, tenant_id: int, wanted: Sequence[tuple[UUID, UUID]]) -> list[bool]:
        claimed = await self._threads.run(claim_many, tenant_id=tenant_id, gateway_id=self._gateway_id, wanted=wanted)
        return [command_id in claimed for command_id, _ in wanted]

    async def _finish(self, tenant_id: int, answers: Sequence[Answer]) -> list[bool]:
        try:
            finished = await self._threads.run(finish_many, tenant_id=tenant_id, answers=answers)
        except Exception as error:
            # One that can't be stored must not keep the others from it: each by itself.
            log.warning("answers not stored together", answers=len(answers), error=str(error)[:200])
            finished = set()
        return [answer.command_id in finished for answer in answers]
