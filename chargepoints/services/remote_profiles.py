"""The charging profile that a remote start brings along. Smart charging sits above this app, checks and keeps it."""

from collections.abc import Callable
from typing import Any

from chargepoints.models import ChargePoint, Command

# (field, name of the reason, sentence)
Problem = tuple[str, str, str]
# (station, connector or 0, profile as it is sent) -> why it can't be sent.
Check = Callable[[ChargePoint, int, Any], list[Problem]]
Keep = Callable[[Command], None]
_check: Check | None = None
_keep: Keep | None = None


def register_start_profiles(check: Check, keep: Keep) -> None:
    """`check` says why it can't be sent; `keep(command)` stores it in the command's transaction."""
    global _check, _keep
    _check, _keep = check, keep


def check_start_profile(charge_point: ChargePoint, connector_id: int, profile: Any) -> list[Problem]:
    """Empty: it may be sent."""
    return [] if _check is None else _check(charge_point, connector_id, profile)


def keep_start_profile(command: Command) -> None:
    """The session that this remote start begins charges by it."""
    if _keep is not None:
        _keep(command)
