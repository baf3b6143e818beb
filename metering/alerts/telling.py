"""From what was seen to incidents, and from open alerts back to what was seen. Pure."""

from datetime import datetime, timedelta
from decimal import Decimal

from metering.alerts.excursion import Excursion
from metering.alerts.incidents import Incident
from metering.alerts.loading import OpenAlert
from metering.alerts.rules import Rule
from metering.alerts.words import BACK, CLOCK_RIGHT, RISEN, span
from metering.models import Alert, Severity
from metering.readings import Kind
from tenants.stored_words import stored

AHEAD = stored("The clock is %(off)s ahead.")
BEHIND = stored("The clock is %(off)s behind.")

# Charge point, EVSE number, what is measured.
Series = tuple[int, int, Kind]
CLOCK_KEY = "clock"
_OUTLET = "Outlet"


def threshold_incident(
    series: Series, rule: Rule, excursion: Excursion, session: int | None, resolution: str = BACK
) -> Incident:
    kind = series[2]
    return _incident(
        series,
        excursion,
        key=_threshold_prefix(rule.id, series[1], kind.measurand, kind.phase) + kind.location,
        kind=Alert.Kind.THRESHOLD,
        severity=rule.severity,
        threshold_id=rule.id,
        session=session,
        resolution=resolution,
    )


def register_incident(series: Series, fall: Excursion, session: int | None) -> Incident:
    kind = series[2]
    return _incident(
        series,
        fall,
        key=_register_prefix(series[1], kind.measurand, kind.phase) + kind.location,
        kind=Alert.Kind.REGISTER,
        severity=Severity.WARNING,
        session=session,
        resolution=RISEN,
    )


def clock_incident(charge_point_id: int, wrong: Excursion, *, ahead: bool) -> Incident:
    """`wrong`: in seconds, from our first receipt of a wrong time to the last."""
    off = span(timedelta(seconds=float(wrong.last)))
    return Incident(
        charge_point_id=charge_point_id,
        key=CLOCK_KEY,
        kind=Alert.Kind.CLOCK,
        severity=Severity.WARNING,
        started_at=wrong.started_at,
        last_at=wrong.last_at,
        unit="s",
        limit_value=wrong.bound,
        worst_value=wrong.worst,
        last_value=wrong.last,
        # What it was when it ended says nothing.
        detail="" if wrong.ended_at else (AHEAD if ahead else BEHIND) % {"off": off},
        count=wrong.count,
        resolved_at=wrong.ended_at,
        resolution=CLOCK_RIGHT if wrong.ended_at else "",
    )


def superseded(alert: OpenAlert, at: datetime, resolution: str) -> Incident:
    """An open alert that nothing will be compared with any more."""
    return Incident(
        charge_point_id=alert.charge_point_id,
        key=alert.key,
        kind=alert.kind,
        severity=Severity.WARNING,
        started_at=alert.started_at,
        last_at=alert.last_at,
        last_value=alert.last_value,
        count=alert.count,
        resolved_at=max(at, alert.last_at),
        resolution=resolution,
    )


def series_of(alert: OpenAlert) -> Series:
    """The series that a threshold's or register's alert is about."""
    evse = alert.evse_number or 0
    prefix = (
        _register_prefix(evse, alert.measurand, alert.phase)
        if alert.kind == Alert.Kind.REGISTER
        else _threshold_prefix(alert.threshold_id or 0, evse, alert.measurand, alert.phase)
    )
    kind = Kind(alert.measurand, alert.phase, alert.key.removeprefix(prefix), alert.unit)
    return alert.charge_point_id, evse, kind


def excursion_of(alert: OpenAlert) -> Excursion:
    """The excursion that the alert was opened for, as far as it was told."""
    bound, worst = alert.limit_value or Decimal(0), alert.worst_value or Decimal(0)
    last = worst if alert.last_value is None else alert.last_value
    above = worst > bound
    return Excursion(alert.started_at, bound, above, worst, last, alert.last_at, alert.count, raised=True)


def _incident(
    series: Series,
    excursion: Excursion,
    *,
    key: str,
    kind: str,
    severity: str,
    session: int | None,
    resolution: str,
    threshold_id: int | None = None,
) -> Incident:
    charge_point_id, evse_number, measured = series
    return Incident(
        charge_point_id=charge_point_id,
        key=key,
        kind=kind,
        severity=severity,
        started_at=excursion.started_at,
        last_at=excursion.last_at,
        evse_number=evse_number,
        transaction_id=session,
        threshold_id=threshold_id,
        measurand=measured.measurand,
        phase=measured.phase,
        unit=measured.unit,
        limit_value=excursion.bound,
        worst_value=excursion.worst,
        last_value=excursion.last,
        detail="" if measured.location == _OUTLET else measured.location,
        count=excursion.count,
        resolved_at=excursion.ended_at,
        resolution=resolution if excursion.ended_at else "",
    )


# At most 120 characters with the location (Alert.key).
def _threshold_prefix(threshold_id: int, evse_number: int, measurand: str, phase: str) -> str:
    return f"t:{threshold_id}:{evse_number}:{measurand}:{phase}:"


def _register_prefix(evse_number: int, measurand: str, phase: str) -> str:
    return f"r:{evse_number}:{measurand}:{phase}:"
