"""What a serving process starts and ends beside the gateway. Servers without lifespan events start lazily."""

from metering.ingest.process import close_ingest


async def run_startup() -> None:
    """Nothing must be up before the first message: everything starts on first use."""


async def run_shutdown() -> None:
    """After the sockets have closed: write out what was gathered."""
    await close_ingest()
