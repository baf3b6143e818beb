"""Answers that other gateways may need: a station that reconnects elsewhere sends its unanswered call again there.

In Redis for five minutes, and only asked in a connection's first five. May be lost: what a call does to the data
is idempotent by itself, so this spares second events and second answers, not second effects.
"""

import asyncio
import time
from typing import Any

import redis
import structlog
from django.conf import settings

from chargepoints.protocol.answers import KEPT_SECONDS
from tenants.redis_servers import connect_async

log = structlog.get_logger(__name__)

KEY = "csms:answer:{}:{}"
# A Redis that is away is left alone for this long: a call must not wait for it each time.
REST_S = 5.0


class SharedAnswers:
    """Lives on the gateway's event loop."""

    def __init__(self) -> None:
        self._redis = connect_async(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._rests_until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def find(self, charge_point_id: int, message_id: str, call_digest: str) -> str | None:
        """The answer that this very call got, from whichever gateway."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            kept: Any = await self._redis.get(KEY.format(charge_point_id, message_id))
        except (redis.RedisError, OSError) as error:
            self._rest(error)
            return None
        kept_digest, _, answer = bytes(kept or b"").decode().partition("\n")
        return answer if kept and kept_digest == call_digest else None

    def keep(self, charge_point_id: int, message_id: str, call_digest: str, answer: str) -> None:
        """Never waits."""
        if time.monotonic() < self._rests_until:
            return
        task = asyncio.create_task(self._keep(KEY.format(charge_point_id, message_id), f"{call_digest}\n{answer}"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    async def _keep(self, key: str, value: str) -> None:
        try:
            await self._redis.set(key, value, ex=int(KEPT_SECONDS))
        except (redis.RedisError, OSError) as error:
            self._rest(error)

    def _rest(self, error: Exception) -> None:
        self._rests_until = time.monotonic() + REST_S
        log.info("answers not shared for a while", error=str(error)[:100])
