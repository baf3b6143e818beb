"""Security events of stations (Security Whitepaper A04): each kept once, published once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from chargepoints.events import SecurityEventReported
from chargepoints.models import ChargePoint, SecurityEvent
from tenants.context import system_transaction, tenant_transaction
from tenants.events import publish

# Security Whitepaper §"Security events": those marked critical. Others, and a vendor's own, are not.
CRITICAL = frozenset(
    [
        *("FirmwareUpdated", "SettingSystemTime", "StartupOfTheDevice", "ResetOrReboot"),
        *("SecurityLogWasCleared", "MemoryExhaustion", "TamperDetectionActivated"),
    ]
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a station says happened. `at`: by its own clock."""

    type: str
    at: datetime
    received_at: datetime
    tech_info: str = ""


def record_event(*, tenant_id: int, charge_point_id: int, report: Report) -> bool:
    """Keep it; False where it had been kept (stations send again until they are answered)."""
    type_, tech_info = (text.replace("\0", "") for text in (report.type[:50], report.tech_info[:255]))
    with tenant_transaction(tenant_id):
        _event, created = SecurityEvent.objects.get_or_create(
            charge_point_id=charge_point_id,
            type=type_,
            at=report.at,
            tech_info=tech_info,
            defaults={"tenant_id": tenant_id, "critical": type_ in CRITICAL, "received_at": report.received_at},
        )
        if created:
            publish(
                SecurityEventReported(
                    charge_point=ChargePoint.objects.values_list("identity", flat=True).get(pk=charge_point_id),
                    at=report.at,
                    type=type_,
                    critical=type_ in CRITICAL,
                    tech_info=tech_info,
                )
            )
    return created


def forget_old_events(now: datetime) -> int:
    """Delete what was received longer ago than security events are kept; how many."""
    with system_transaction():
        old = SecurityEvent.objects.filter(received_at__lt=now - timedelta(days=settings.SECURITY_EVENT_DAYS))
        return old.delete()[0]
