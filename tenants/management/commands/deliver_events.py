"""`manage.py deliver_events`: sends events to webhooks and MQTT until it is told to stop. Any number of these may run."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from tenants.delivery import delivery_began
from tenants.delivery.mqtt import publish_feed
from tenants.delivery.webhooks import deliver


class Command(BaseCommand):
    """SIGTERM and SIGINT let what is being sent finish."""

    help = "Send events to webhooks and MQTT until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        delivery_began.send(sender=type(self))
        asyncio.run(_run())


async def _run() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await asyncio.gather(deliver(stop), publish_feed(stop))
