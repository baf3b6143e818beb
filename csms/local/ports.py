"""TCP ports on the loopback interface."""

import secrets
import socket

from csms.local.problem import StartProblem

HOST = "127.0.0.1"
# Below those that systems give to outgoing connections: one of these could be taken before its server listens.
SETTLED = range(15_000, 32_000)
TRIES = 20


def is_free(port: int) -> bool:
    """Whether a server could listen on it now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(preferred: int | None) -> int:
    """`preferred` if it is free, else any free port."""
    if preferred and is_free(preferred):
        return preferred
    for _ in range(TRIES):
        settled = secrets.choice(SETTLED)
        if is_free(settled):
            return settled
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, what: str, variable: str) -> None:
    """StartProblem where another program has it."""
    if not is_free(port):
        raise StartProblem(f"Port {port} for the {what} is in use by another program: set {variable} to a free one.")
