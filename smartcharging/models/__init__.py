"""Tables of smart charging."""

from smartcharging.models.circuit import Allotment, Circuit, CircuitMember, CircuitRound, LimitSent, Strategy
from smartcharging.models.demand import CircuitLimit, CircuitMeter, EnergyPrice, IdTagNeed, SessionNeed
from smartcharging.models.fleet_load import FleetLoad
from smartcharging.models.profile import (
    ChargingProfile,
    Kind,
    ProfileTemplate,
    Purpose,
    Recurrency,
    ScheduleCheck,
)

__all__ = [
    "Allotment",
    "ChargingProfile",
    "Circuit",
    "CircuitLimit",
    "CircuitMember",
    "CircuitMeter",
    "CircuitRound",
    "EnergyPrice",
    "FleetLoad",
    "IdTagNeed",
    "Kind",
    "LimitSent",
    "ProfileTemplate",
    "Purpose",
    "Recurrency",
    "ScheduleCheck",
    "SessionNeed",
    "Strategy",
]
