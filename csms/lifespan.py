"""What a serving process starts and ends beside the gateway. Servers without lifespan events start lazily."""

import asyncio

from django.conf import settings

from chargepoints.gateway.runtime import drain_gateway
from csms.draining import drain_first
from csms.health.loop import LoopWatch
from metering.ingest.process import close_ingest

_loop_watch = LoopWatch()


async def run_startup() -> None:
    """Nothing must be up before the first message: everything else starts on first use."""
    _loop_watch.start()
    drain_first(drain_gateway)


async def run_shutdown() -> None:
    """After the sockets have closed: write out what was gathered."""
    await close_ingest()
    await _loop_watch.stop()
    if settings.TRACING:
        from csms.tracing.start import finish_tracing

        await asyncio.to_thread(finish_tracing)
