"""Errors that stations report of themselves (StatusNotification). Pure."""

from datetime import datetime

from metering.alerts.incidents import Incident
from metering.models import Alert, Severity

NO_ERROR = "NoError"
# OCPP 1.6 §7.6: danger, or money at stake; what hinders nobody; the rest is a warning.
CRITICAL = frozenset(
    {
        "GroundFailure",
        "HighTemperature",
        "InternalError",
        "OverCurrentFailure",
        "OverVoltage",
        "PowerMeterFailure",
        "PowerSwitchFailure",
    }
)
HARMLESS = frozenset({"LocalListConflict", "WeakSignal"})


def is_error(code: str) -> bool:
    return code not in ("", NO_ERROR)


def severity_of(code: str) -> str:
    if code in CRITICAL:
        return Severity.CRITICAL
    return Severity.INFO if code in HARMLESS else Severity.WARNING


def fault_key(evse_number: int, code: str) -> str:
    return f"fault:{evse_number}:{code}"


def fault_incident(charge_point_id: int, evse_number: int, code: str, info: str, at: datetime) -> Incident:
    """EVSE 0 is the station as a whole."""
    return Incident(
        charge_point_id=charge_point_id,
        key=fault_key(evse_number, code),
        kind=Alert.Kind.FAULT,
        severity=severity_of(code),
        started_at=at,
        last_at=at,
        evse_number=evse_number or None,
        detail=f"{code}: {info}" if info else code,
    )
