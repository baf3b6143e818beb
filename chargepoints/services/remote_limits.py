"""Limits that a remote start asks for. Metering sits above this app, keeps them and registers here."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from chargepoints.models import Command


@dataclass(frozen=True, slots=True)
class LimitValues:
    """Energy (Wh), duration (s) and cost (tenant's currency, with tax) of a session; None: no limit."""

    max_energy_wh: Decimal | None = None
    max_duration_s: int | None = None
    max_cost: Decimal | None = None


KeepLimits = Callable[[Command, LimitValues], None]
_keep: KeepLimits | None = None


def register_keep_limits(keep: KeepLimits) -> None:
    """`keep(command, limits)` stores them in the open tenant transaction, that of the command."""
    global _keep
    _keep = keep


def keep_limits(command: Command, limits: LimitValues) -> None:
    """Store what the session that this remote start begins is limited to. RuntimeError where nobody would enforce it."""
    if _keep is None:
        raise RuntimeError("session limits need the metering app")
    _keep(command, limits)
