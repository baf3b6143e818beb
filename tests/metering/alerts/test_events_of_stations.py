"""Security events, certificates, profiles and firmware become alerts."""

from datetime import UTC, datetime

import pytest

from chargepoints.events import (
    CertificateChanged,
    CertificateExpiring,
    FirmwareUpdateEnded,
    SecurityEventReported,
    SecurityProfileChanged,
)
from chargepoints.models import ChargePoint
from metering.models import Alert
from tenants.context import tenant_transaction
from tenants.events import Event, publish

NOW = datetime.now(UTC)


def tell(station: ChargePoint, event: Event) -> list[Alert]:
    with tenant_transaction(station.tenant_id):
        publish(event)
    with tenant_transaction(station.tenant_id):
        return list(Alert.objects.order_by("id"))


def firmware(state: str) -> FirmwareUpdateEnded:
    return FirmwareUpdateEnded(
        charge_point="CP-1",
        at=NOW,
        update_id=1,
        rollout_id=None,
        state=state,
        status="InstallationFailed" if state == "failed" else "Installed",
        version="2.0",
        detail="",
    )


def test_a_critical_security_event_opens_an_alert_once(station: ChargePoint) -> None:
    event = SecurityEventReported(
        charge_point="CP-1", at=NOW, type="TamperDetectionActivated", critical=True, tech_info="door"
    )
    (alert,) = tell(station, event)
    assert (alert.kind, alert.severity, alert.detail) == ("security", "critical", "TamperDetectionActivated: door")
    assert len(tell(station, event)) == 1


@pytest.mark.parametrize(
    ("type_", "critical"), [("StartupOfTheDevice", True), ("ResetOrReboot", True), ("SettingSystemTime", False)]
)
def test_what_every_start_brings_wakes_nobody(station: ChargePoint, type_: str, critical: bool) -> None:
    event = SecurityEventReported(charge_point="CP-1", at=NOW, type=type_, critical=critical, tech_info="")
    assert tell(station, event) == []


def test_a_failed_update_is_resolved_by_the_next_that_is_installed(station: ChargePoint) -> None:
    (alert,) = tell(station, firmware("failed"))
    assert (alert.kind, alert.status, alert.detail) == ("firmware", "open", "InstallationFailed 2.0")
    (alert,) = tell(station, firmware("installed"))
    assert alert.status == "resolved"


def test_a_certificate_that_was_not_taken_and_a_profile_that_fell_back_open_alerts(station: ChargePoint) -> None:
    certificate = CertificateChanged(charge_point="CP-1", at=NOW, state="failed", serial_number="12", detail="")
    profile = SecurityProfileChanged(charge_point="CP-1", at=NOW, profile=3, result="fellback")
    assert len(tell(station, certificate)) == 1
    assert [alert.key for alert in tell(station, profile)] == ["security:certificate", "security:profile"]


def test_a_certificate_near_its_end_opens_an_alert_that_a_new_one_resolves(station: ChargePoint) -> None:
    ending = CertificateExpiring(
        charge_point="CP-1", at=NOW, authority="", serial_number="12", ends_at=NOW, days_left=7
    )
    (alert,) = tell(station, ending)
    assert (alert.severity, "7 days" in alert.detail) == ("warning", True)
    installed = CertificateChanged(charge_point="CP-1", at=NOW, state="installed", serial_number="13", detail="")
    (alert,) = tell(station, installed)
    assert alert.status == "resolved"
