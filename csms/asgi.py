"""The one ASGI application: HTTP, charge point websockets, and the gateway's start and end."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csms.settings")
django_application = get_asgi_application()

from chargepoints.consumers import ChargePointConsumer  # noqa: E402  (needs the app registry)
from chargepoints.gateway.runtime import get_gateway, stop_gateway  # noqa: E402
from csms.body_limit import limit_body  # noqa: E402
from csms.dashboard import board_socket  # noqa: E402
from csms.lifespan import run_shutdown, run_startup  # noqa: E402

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
charge_point_application = ChargePointConsumer.as_asgi()
# Websockets of the back office's pages; all others are charge points'.
page_sockets = {board_socket.PATH: board_socket.board_socket}
http_application = limit_body(django_application)  # type: ignore[arg-type]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Route by scope type. Every process serves every route; the split is a deployment's choice."""
    kind = scope["type"]
    if kind == "websocket":
        await page_sockets.get(scope["path"], charge_point_application)(scope, receive, send)
    elif kind == "lifespan":
        await _lifespan(receive, send)
    else:
        await http_application(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            if os.environ.get("CSMS_EAGER_GATEWAY") == "1":
                await get_gateway()
            await run_startup()
            await send({"type": "lifespan.startup.complete"})
        else:
            await run_shutdown()
            await stop_gateway()
            await send({"type": "lifespan.shutdown.complete"})
            return
