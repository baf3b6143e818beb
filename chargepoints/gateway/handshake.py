"""What a websocket request says before the upgrade. Pure, but for the settings."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from django.conf import settings

from chargepoints.services.sign_in import Credentials

SUBPROTOCOLS = {"ocpp1.6": "1.6"}
LONGEST_PEM = 16_384


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
