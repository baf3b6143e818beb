"""What a charging profile is, in neutral form (OCPP 1.6 §7.8, §7.13). Pure; knows no model and no message."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

Unit = Literal["A", "W"]
Purpose = Literal["station_max", "tx_default", "tx"]
Kind = Literal["absolute", "recurring", "relative"]
Recurrency = Literal["", "daily", "weekly"]

DEFAULT_PHASES = 3
DEFAULT_VOLTAGE = 230


@dataclass(frozen=True, slots=True)
class Period:
    """From `start_s` (seconds after the schedule's start) to the next period: `limit` A per phase, or W in all."""

    start_s: int
    limit: Decimal
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """`periods` begin at 0 and rise. `duration_s` None: without end (recurring: its period). `start_at` None: relative.

    `min_rate` is information (OCPP 1.6 §7.13): it changes no limit.
    """

    unit: Unit
    periods: tuple[Period, ...]
    duration_s: int | None = None
    start_at: datetime | None = None
    min_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile. `transaction_id` is the protocol's (tx only). `valid_from` inclusive, `valid_to` exclusive."""

    profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    schedule: Schedule
    recurrency: Recurrency = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile and where it lies: `evse_number` 0 is the whole station (defaults for each connector, or its maximum)."""

    evse_number: int
    profile: Profile


@dataclass(frozen=True, slots=True)
class CompositePeriod:
    """From `start_s` (after the composite's start): `limit` in the unit asked for; None: nobody limits it."""

    start_s: int
    limit: Decimal | None
    phases: int | None
