"""What other apps tell of: errors and their end, stations back. In the gateway, after the commit.

A process that dies in between misses it: the sweeps find what is left (`sweeps`).
"""

from chargepoints.events import (
    CertificateChanged,
    CertificateExpiring,
    ChargePointConnected,
    FirmwareUpdateEnded,
    SecurityEventReported,
    SecurityProfileChanged,
    StatusChanged,
)
from chargepoints.models import ChargePoint, Transaction
from metering.alerts.faults import fault_incident, fault_key, is_error
from metering.alerts.incidents import Incident, end_alerts, record_incidents
from metering.alerts.rules import ends_with_session
from metering.alerts.words import INSTALLED, NO_ERROR, OTHER_ERROR, RECONNECTED, RENEWED, SESSION_ENDED
from metering.models import Alert, Severity
from tenants.context import current_tenant_id, tenant_transaction
from tenants.events import Event, receives, receives_many
from tenants.stored_words import stored

NOT_TAKEN = stored("Certificate not taken: %(why)s")
ENDS_SOON = stored("Its certificate %(serial)s ends in %(days)s days.")
NOT_RAISED = stored("Did not move to security profile %(profile)s.")

EXPIRING = "security:certificate_expiring"
# Critical by the whitepaper's list, and part of every start.
ROUTINE = frozenset({"StartupOfTheDevice", "ResetOrReboot"})


@receives(StatusChanged)
def status_changed(event: StatusChanged) -> None:
    """An error opens an alert; the next NoError, or another error, resolves it."""
    tenant_id = current_tenant_id()
    evse_number, error = event.connector_id, is_error(event.error_code)
    with tenant_transaction(tenant_id):
        charge_point = ChargePoint.objects.only("pk").filter(identity=event.charge_point).first()
        if charge_point is None:
            return
        end_alerts(
            tenant_id=tenant_id,
            at=event.at,
            resolution=OTHER_ERROR if error else NO_ERROR,
            exclude_keys=[fault_key(evse_number, event.error_code)],
            kind=Alert.Kind.FAULT,
            charge_point_id=charge_point.pk,
            evse_number=evse_number or None,
        )
        if error:
            incident = fault_incident(charge_point.pk, evse_number, event.error_code, event.info, event.at)
            record_incidents(tenant_id=tenant_id, incidents=[incident])


@receives_many(ChargePointConnected)
def charge_points_connected(events: list[ChargePointConnected]) -> None:
    """Thousands come back at once after an outage."""
    end_alerts(
        tenant_id=current_tenant_id(),
        at=max(event.at for event in events),
        resolution=RECONNECTED,
        kind=Alert.Kind.OFFLINE,
        charge_point__identity__in=[event.charge_point for event in events],
    )


@receives(SecurityEventReported)
def security_event(event: SecurityEventReported) -> None:
    """Critical ones, but for those that every start brings. A person resolves them."""
    if event.critical and event.type not in ROUTINE:
        detail = f"{event.type}: {event.tech_info}" if event.tech_info else event.type
        _tell(event, Alert.Kind.SECURITY, f"security:{event.type}", Severity.CRITICAL, detail)


@receives(CertificateChanged)
def certificate_changed(event: CertificateChanged) -> None:
    """A station that did not take its certificate can't come back under profile 3 once the old one ends."""
    if event.state == "failed":
        detail = NOT_TAKEN % {"why": event.detail or event.serial_number}
        _tell(event, Alert.Kind.SECURITY, "security:certificate", Severity.WARNING, detail)
    elif event.state == "installed":
        end_alerts(
            tenant_id=current_tenant_id(),
            at=event.at,
            resolution=RENEWED,
            kind=Alert.Kind.SECURITY,
            key=EXPIRING,
            charge_point__identity=event.charge_point,
        )


@receives(CertificateExpiring)
def certificate_expiring(event: CertificateExpiring) -> None:
    """Of a station; an authority's end is told by the event alone, and stands on its page."""
    detail = ENDS_SOON % {"serial": event.serial_number, "days": event.days_left}
    severity = Severity.CRITICAL if event.days_left <= 1 else Severity.WARNING
    _tell(event, Alert.Kind.SECURITY, EXPIRING, severity, detail)


@receives(SecurityProfileChanged)
def security_profile_changed(event: SecurityProfileChanged) -> None:
    if event.result in ("fellback", "late"):
        detail = NOT_RAISED % {"profile": event.profile}
        _tell(event, Alert.Kind.SECURITY, "security:profile", Severity.WARNING, detail)


@receives(FirmwareUpdateEnded)
def firmware_update_ended(event: FirmwareUpdateEnded) -> None:
    """A failed update opens an alert, the next one that is installed resolves it."""
    tenant_id = current_tenant_id()
    if event.state == "failed":
        detail = " ".join(part for part in (event.status, event.version, event.detail) if part)
        _tell(event, Alert.Kind.FIRMWARE, "firmware", Severity.WARNING, detail)
    elif event.state == "installed":
        end_alerts(
            tenant_id=tenant_id,
            at=event.at,
            resolution=INSTALLED,
            kind=Alert.Kind.FIRMWARE,
            charge_point__identity=event.charge_point,
        )


def _tell(event: Event, kind: str, key: str, severity: str, detail: str) -> None:
    tenant_id = current_tenant_id()
    with tenant_transaction(tenant_id):
        charge_point = ChargePoint.objects.only("pk").filter(identity=event.charge_point).first()
        if charge_point is None:
            return
        incident = Incident(
            charge_point_id=charge_point.pk,
            key=key,
            kind=kind,
            severity=severity,
            started_at=event.at,
            last_at=event.at,
            detail=detail[:500],
        )
        record_incidents(tenant_id=tenant_id, incidents=[incident])


def session_ended(session: Transaction) -> None:
    """Power, current and a sag end with the session, and so does its silence. In the transaction of the end."""
    assert session.stopped_at is not None  # noqa: S101 (it has ended)
    of_session = [Alert.Kind.THRESHOLD, Alert.Kind.SILENT]
    found = Alert.objects.filter(
        charge_point_id=session.charge_point_id, transaction_id=session.pk, kind__in=of_session
    ).exclude(status=Alert.Status.RESOLVED)
    ended = [
        pk
        for pk, kind, measurand, worst, limit in found.values_list(
            "pk", "kind", "measurand", "worst_value", "limit_value"
        )
        if kind == Alert.Kind.SILENT or ends_with_session(measurand, above=(worst or 0) > (limit or 0))
    ]
    if ended:
        end_alerts(tenant_id=session.tenant_id, at=session.stopped_at, resolution=SESSION_ENDED, pk__in=ended)
