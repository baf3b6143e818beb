"""Small files of the data directory, written so that a crash leaves the old one or the new one."""

import errno
import json
import os
from pathlib import Path
from typing import Any

from csms.local.problem import StartProblem


def read_json(path: Path) -> dict[str, Any]:
    """The object in the file; {} where there is none or it is broken."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write with mode 0600 and rename into place."""
    write_private(path, json.dumps(content, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def make_data_dir(path: Path) -> None:
    """The directory, or StartProblem for one that can't be made or written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".probe"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        raise StartProblem(explain(error, path)) from error


def explain(error: OSError, path: Path) -> str:
    """An operating system error about the data directory, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"There is no space left for the data directory {path}: free some or point CSMS_DATA_DIR elsewhere."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"The data directory {path} can't be written by this user: point CSMS_DATA_DIR elsewhere."
    return f"The data directory {path} can't be used: {error.strerror}."
