"""Where the settings come from: the environment first, then what `scripts/run` left in the data directory.

`manage.py` beside a running instance needs no environment, because the runner writes its addresses and
keys to `<data dir>/runtime.json` (mode 0600).
"""

import json
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(os.environ.get("CSMS_DATA_DIR") or BASE_DIR / ".data")


def _recorded() -> dict[str, str]:
    try:
        recorded = json.loads((DATA_DIR / "runtime.json").read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in recorded.items()} if isinstance(recorded, dict) else {}


# A real server named in the environment is never mixed with addresses of the embedded one.
_RECORD = {} if os.environ.get("DATABASE_URL") and os.environ.get("DATABASE_SYSTEM_URL") else _recorded()


def env(name: str, default: str = "") -> str:
    """The value of environment variable `name`, else `default` (an empty value counts as unset)."""
    return os.environ.get(name) or default


def env_int(name: str, default: int) -> int:
    """A whole number from the environment; a wrong one stops the start with the variable's name."""
    raw = env(name)
    try:
        return int(raw) if raw else default
    except ValueError:
        raise SystemExit(f"{name} must be a whole number, not {raw!r}") from None


def env_bool(name: str, *, default: bool) -> bool:
    """`1/true/yes/on` or `0/false/no/off` from the environment."""
    raw = env(name).strip().lower()
    if not raw:
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise SystemExit(f"{name} must be true or false, not {raw!r}")


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated list from the environment, blanks stripped."""
    return [item.strip() for item in env(name, default).split(",") if item.strip()]


def runtime(name: str) -> str:
    """The environment variable `NAME` (`CSMS_NAME` for keys), else what the runner recorded, else empty."""
    variable = name.upper() if name.endswith("_url") else f"CSMS_{name.upper()}"
    return env(variable) or _RECORD.get(name, "")
