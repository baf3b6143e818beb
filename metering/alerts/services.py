"""What people do with alerts and thresholds. Each change leaves a row in the audit trail and tells of itself."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from metering.alerts.incidents import end_alerts
from metering.alerts.words import NOT_COMPARED
from metering.events import alert_acknowledged, alert_resolved
from metering.models import Alert, Threshold
from tenants.context import tenant_transaction
from tenants.events import publish
from tenants.services.audit import record


class AlreadyHandled(Exception):
    """Someone, or the station itself, was quicker; `status` is what it is now."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


def acknowledge_alert(*, alert: Alert, actor: str, note: str = "", origin: str = "api") -> Alert:
    """A person has seen it and takes care. AlreadyHandled where it isn't open any more."""
    with tenant_transaction(alert.tenant_id):
        changed = Alert.objects.filter(pk=alert.pk, status=Alert.Status.OPEN).update(
            status=Alert.Status.ACKNOWLEDGED,
            acknowledged_at=timezone.now(),
            acknowledged_by=actor[:150],
            note=note[:500],
        )
        current = Alert.objects.select_related("charge_point").get(pk=alert.pk)
        if not changed:
            raise AlreadyHandled(current.status)
        record(actor=actor, origin=origin, action="acknowledge", target=current, changes={"note": note})
        publish(alert_acknowledged(current))
    return current


def resolve_alert(*, alert: Alert, actor: str, reason: str, origin: str = "api") -> Alert:
    """A person says that it is over. While the same excursion lasts, it isn't opened again.

    AlreadyHandled where it is resolved.
    """
    with tenant_transaction(alert.tenant_id):
        changed = (
            Alert.objects.filter(pk=alert.pk)
            .exclude(status=Alert.Status.RESOLVED)
            .update(
                status=Alert.Status.RESOLVED,
                resolved_at=timezone.now(),
                resolution=f"{actor}: {reason}"[:200],
            )
        )
        current = Alert.objects.select_related("charge_point").get(pk=alert.pk)
        if not changed:
            raise AlreadyHandled(current.status)
        record(actor=actor, origin=origin, action="resolve", target=current, changes={"reason": reason})
        publish(alert_resolved(current))
    return current


def check_threshold(threshold: Threshold) -> None:
    """In the open scope. ValidationError names the field that can't be."""
    errors: dict[str, str] = {}
    low, high = threshold.min_value, threshold.max_value
    if low is None and high is None:
        errors["max_value"] = _("Give a minimum, a maximum, or both.")
    elif low is not None and high is not None and low >= high:
        errors["max_value"] = _("The maximum must be above the minimum.")
    if threshold.hysteresis is not None:
        if threshold.hysteresis < 0:
            errors["hysteresis"] = _("The hysteresis can't be negative.")
        elif low is not None and high is not None and threshold.hysteresis >= high - low > Decimal(0):
            errors["hysteresis"] = _("The hysteresis must be smaller than the distance of the bounds.")
    if threshold.evse_number is not None and threshold.charge_point_id is None:
        errors["evse_number"] = _("A connector needs its charge point.")
    if not errors and _twins(threshold).exists():
        errors["measurand"] = _("There is a threshold of this severity for the same measurand and place already.")
    if errors:
        raise ValidationError(errors)


def save_threshold(*, threshold: Threshold, actor: str, origin: str, changes: dict[str, Any]) -> Threshold:
    """Create or change. ValidationError as of `check_threshold`."""
    with tenant_transaction(threshold.tenant_id):
        check_threshold(threshold)
        created = threshold.pk is None
        threshold.save()
        record(actor=actor, origin=origin, action="create" if created else "change", target=threshold, changes=changes)
        if not created:
            end_what_it_opened(threshold)
    return threshold


def delete_threshold(*, threshold: Threshold, actor: str, origin: str, changes: dict[str, Any]) -> None:
    """Its open alerts end."""
    with tenant_transaction(threshold.tenant_id):
        record(actor=actor, origin=origin, action="delete", target=threshold, changes=changes)
        end_what_it_opened(threshold, gone=True)
        threshold.delete()


def end_what_it_opened(threshold: Threshold, *, gone: bool = False) -> None:
    """Resolve the open alerts that a threshold, as it is now, would not have opened. In the open scope."""
    elsewhere = ~Q(measurand=threshold.measurand)
    if threshold.charge_point_id is not None:
        elsewhere |= ~Q(charge_point_id=threshold.charge_point_id)
    if threshold.evse_number is not None:
        elsewhere |= ~Q(evse_number=threshold.evse_number)
    found = Alert.objects.filter(threshold=threshold).exclude(status=Alert.Status.RESOLVED)
    if threshold.enabled and not gone:
        found = found.filter(elsewhere)
    ids = list(found.values_list("pk", flat=True))
    if ids:
        end_alerts(tenant_id=threshold.tenant_id, at=timezone.now(), resolution=NOT_COMPARED, pk__in=ids)


def _twins(threshold: Threshold) -> Any:
    return Threshold.objects.filter(
        measurand=threshold.measurand,
        charge_point_id=threshold.charge_point_id,
        evse_number=threshold.evse_number,
        severity=threshold.severity,
        ac_only=threshold.ac_only,
    ).exclude(pk=threshold.pk)
