"""Shortcut within one process: a command whose station's socket is held right here needs no channel layer."""

from collections.abc import Callable

_deliver: Callable[[int], bool] | None = None


def set_local_delivery(deliver: Callable[[int], bool] | None) -> None:
    """The running gateway's `deliver(charge_point_id) -> held here`; safe to call from any thread."""
    global _deliver
    _deliver = deliver


def deliver_locally(charge_point_id: int) -> bool:
    """Whether this process holds the socket (and has been told to look)."""
    return _deliver is not None and _deliver(charge_point_id)
