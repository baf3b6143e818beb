"""A websocket request before the upgrade: what it says, and how it is refused."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote

from django.conf import settings

from chargepoints.metrics import SIGN_INS_REFUSED
from chargepoints.services.sign_in import Credentials

SUBPROTOCOLS = {"ocpp1.6": "1.6"}
LONGEST_PEM = 16_384
POLICY_VIOLATION = 1008


def choose_subprotocol(offered: Iterable[str]) -> tuple[str | None, str | None]:
    """(subprotocol to accept, OCPP version): the first in the station's order that we speak.

    A station that offers none at all speaks 1.6 (the field knows such); one that offers only others gets
    (None, None): the handshake is completed and the socket closed (OCPP-J 1.6 §3.1.2).
    """
    offers = list(offered)
    if not offers:
        return None, "1.6"
    for offer in offers:
        if offer in SUBPROTOCOLS:
            return offer, SUBPROTOCOLS[offer]
    return None, None


def read_credentials(scope: dict[str, Any]) -> Credentials:
    """Address, transport and credentials of a request. Forwarded headers count only from a trusted proxy."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    peer = str((scope.get("client") or ("unknown", 0))[0])
    secure = scope.get("scheme") == "wss"
    certificate = ""
    if peer in settings.TRUSTED_PROXIES:
        secure = headers.get("x-forwarded-proto", "") in {"https", "wss"}
        # Only what TLS has proven to be the client's; whose it is, and by whom signed, is for sign-in to say.
        certificate = unquote(headers.get("x-ssl-client-cert", "")) if secure else ""
        # The proxy appends the peer that it saw: the last entry is the only one it vouches for.
        peer = headers.get("x-forwarded-for", peer).split(",")[-1].strip() or peer
    return Credentials(
        remote_address=peer[:64],
        secure=secure,
        authorization=headers.get("authorization", ""),
        certificate=certificate[:LONGEST_PEM],
    )


async def refuse_upgrade(
    send: Callable[[dict[str, Any]], Awaitable[None]],
    scope: dict[str, Any],
    status: int,
    reason: str,
    retry_after_s: int | None = None,
) -> None:
    """No upgrade: an HTTP answer where the server can give one, else its default (403)."""
    SIGN_INS_REFUSED.labels(status).inc()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="OCPP"'))
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reason.encode()})
