"""Child processes that end with their parent, also when that is killed hard."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: int | IO[Any] = subprocess.PIPE,
    death_signal: int = signal.SIGTERM,
    user: str | None = None,
) -> "subprocess.Popen[str]":
    """Start a child in its own session, so that Ctrl-C reaches only us. Call from the main thread:
    the death signal follows the thread that started the child."""

    def in_child() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, death_signal)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(  # noqa: S603 (our own commands)
        list(command),
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=in_child,  # noqa: PLW1509 (set before any thread of ours holds a lock the child needs)
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def stop(process: "subprocess.Popen[str]", *, first: int = signal.SIGTERM, patience_s: float = 10) -> None:
    """Ask, wait, then kill. Returns when it is gone."""
    if process.poll() is not None:
        return
    process.send_signal(first)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists (a zombie doesn't count)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True
