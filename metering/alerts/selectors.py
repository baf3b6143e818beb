"""Reads of alerts. Callers hold the scope."""

from django.db.models import Case, IntegerField, QuerySet, Value, When

from metering.models import Alert, Severity

UNRESOLVED = (Alert.Status.OPEN, Alert.Status.ACKNOWLEDGED)
SEVERITY_RANK = {Severity.INFO.value: 0, Severity.WARNING.value: 1, Severity.CRITICAL.value: 2}
_RANK = Case(
    *[When(severity=name, then=Value(number)) for name, number in SEVERITY_RANK.items()],
    default=Value(0),
    output_field=IntegerField(),
)


def alerts() -> QuerySet[Alert]:
    """All, with their stations, newest first."""
    return Alert.objects.select_related("charge_point")


def inbox() -> QuerySet[Alert]:
    """Open before acknowledged before resolved; in each the worst and then the newest first."""
    return alerts().annotate(
        rank=_RANK,
        turn=Case(
            When(status=Alert.Status.OPEN, then=Value(0)),
            When(status=Alert.Status.ACKNOWLEDGED, then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        ),
    )


def open_count(tenant_id: int, *, most: int) -> int:
    """Alerts of the tenant that nobody has acknowledged; counted up to `most`."""
    return Alert.objects.filter(tenant_id=tenant_id, status=Alert.Status.OPEN).order_by()[:most].count()


def worst_open(limit: int = 5) -> list[Alert]:
    """Open alerts, the worst and newest first; but for stations offline or faulted, which show by themselves."""
    found = alerts().filter(status=Alert.Status.OPEN).exclude(kind__in=[Alert.Kind.OFFLINE, Alert.Kind.FAULT])
    return list(found.order_by(_RANK.desc(), "-opened_at", "-pk")[:limit])
