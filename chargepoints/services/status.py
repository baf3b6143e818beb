"""Status of connectors and stations (OCPP 1.6 §4.9)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from chargepoints.events import SessionWarning, StatusChanged
from chargepoints.models import ChargePoint, Connector, StatusChange, Transaction
from chargepoints.services.connectors import get_connector
from chargepoints.services.reservation_rows import BROKEN
from chargepoints.services.reservation_use import end_by_status
from tenants.context import tenant_transaction
from tenants.events import publish

# A clock further ahead than this would freeze the state: such a notification counts as of its receipt.
CLOCK_TOLERANCE = timedelta(minutes=5)
AVAILABLE_WITH_SESSION = "available_with_open_session"


@dataclass(frozen=True, slots=True)
class Notification:
    """A StatusNotification in neutral form. `evse_number` 0 is the station; `at` None: it gave no time."""

    evse_number: int
    status: str
    error_code: str
    received_at: datetime
    at: datetime | None = None
    info: str = ""
    vendor_id: str = ""
    vendor_error_code: str = ""
    connector_number: int = 1
    implied: bool = False

    @property
    def effective_at(self) -> datetime:
        if self.at is None or self.at > self.received_at + CLOCK_TOLERANCE:
            return self.received_at
        return self.at


def record_status(*, tenant_id: int, charge_point_id: int, notification: Notification) -> None:
    """Keep the notification in the history; move the current state if it isn't older than that."""
    with tenant_transaction(tenant_id):
        charge_point = ChargePoint.objects.get(pk=charge_point_id)
        apply_status(charge_point, notification)


def apply_status(charge_point: ChargePoint, notification: Notification) -> None:
    """As `record_status`, inside the caller's transaction."""
    at = notification.effective_at
    StatusChange.objects.create(
        tenant_id=charge_point.tenant_id,
        charge_point=charge_point,
        evse_number=notification.evse_number,
        connector_number=notification.connector_number,
        status=notification.status,
        error_code=notification.error_code,
        info=notification.info,
        vendor_id=notification.vendor_id,
        vendor_error_code=notification.vendor_error_code,
        at=at,
        received_at=notification.received_at,
        implied=notification.implied,
    )
    if not _move_state(charge_point, notification, at):
        return
    publish(
        StatusChanged(
            charge_point=charge_point.identity,
            at=at,
            connector_id=notification.evse_number,
            status=notification.status,
            error_code=notification.error_code,
            info=notification.info,
        )
    )
    if notification.status in BROKEN:
        end_by_status(charge_point, notification.evse_number, notification.status)
    if notification.status == "Available" and notification.evse_number > 0 and not notification.implied:
        _warn_of_open_session(charge_point, notification.evse_number, at)


def _move_state(charge_point: ChargePoint, notification: Notification, at: datetime) -> bool:
    """Compare-and-set: a late, older notification doesn't overwrite. False where it lost."""
    not_newer = Q(status_at__isnull=True) | Q(status_at__lte=at)
    if notification.evse_number == 0:
        changed = ChargePoint.objects.filter(not_newer, pk=charge_point.pk).update(
            status=notification.status,
            error_code=notification.error_code,
            status_info=notification.info,
            status_at=at,
        )
        return bool(changed)
    connector = get_connector(charge_point, notification.evse_number, notification.connector_number)
    changed = Connector.objects.filter(not_newer, pk=connector.pk).update(
        status=notification.status,
        error_code=notification.error_code,
        info=notification.info,
        vendor_error_code=notification.vendor_error_code,
        status_at=at,
    )
    return bool(changed)


def _warn_of_open_session(charge_point: ChargePoint, evse_number: int, at: datetime) -> None:
    """A connector that turns Available under a running session: the stop may be lost. Said once a session."""
    open_sessions = Transaction.objects.filter(
        charge_point=charge_point, evse__number=evse_number, state=Transaction.State.ACTIVE, started_at__lt=at
    ).exclude(flags__contains=[AVAILABLE_WITH_SESSION])
    for session in open_sessions:
        session.flags.append(AVAILABLE_WITH_SESSION)
        session.save(update_fields=["flags"])
        publish(
            SessionWarning(
                charge_point=charge_point.identity,
                at=at,
                session_id=session.pk,
                transaction_id=session.protocol_id,
                warning=AVAILABLE_WITH_SESSION,
            )
        )
