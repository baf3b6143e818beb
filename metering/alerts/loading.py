"""What the watch needs from the database: rules, tolerances, and the alerts that are open. Runs in a thread."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal

from metering.alerts.rules import Rule
from metering.models import Alert, MeteringSettings, Threshold
from tenants.context import in_database, system_transaction
from tenants.databases.placement import database_of

USUAL_TOLERANCE = timedelta(seconds=MeteringSettings().clock_tolerance_seconds)


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert of the watch's own kinds that isn't resolved."""

    charge_point_id: int
    key: str
    kind: str
    evse_number: int | None
    transaction_id: int | None
    threshold_id: int | None
    measurand: str
    phase: str
    unit: str
    limit_value: Decimal | None
    worst_value: Decimal | None
    last_value: Decimal | None
    started_at: datetime
    last_at: datetime
    count: int


@dataclass(slots=True)
class Loaded:
    """Of one tenant."""

    rules: list[Rule] = field(default_factory=list)
    clock_tolerance: timedelta = USUAL_TOLERANCE
    open_alerts: list[OpenAlert] = field(default_factory=list)


def load_tenants(tenant_ids: Iterable[int]) -> dict[int, Loaded]:
    """By tenant; also of tenants that have nothing."""
    by_database: defaultdict[str, list[int]] = defaultdict(list)
    for tenant_id in tenant_ids:
        by_database[database_of(tenant_id)].append(tenant_id)
    loaded: dict[int, Loaded] = {}
    for database, ids in by_database.items():
        with in_database(database):
            loaded |= _load(ids)
    return loaded


def _load(ids: list[int]) -> dict[int, Loaded]:
    loaded: defaultdict[int, Loaded] = defaultdict(Loaded)
    with system_transaction():
        thresholds = Threshold.objects.filter(tenant_id__in=ids).order_by("id")
        for tenant_id, *row in thresholds.values_list(
            "tenant_id",
            *("id", "measurand", "charge_point_id", "evse_number", "min_value", "max_value"),
            *("hysteresis", "minimum_duration_s", "severity", "enabled", "ac_only"),
        ):
            loaded[tenant_id].rules.append(Rule(*row))
        tolerances = MeteringSettings.objects.filter(tenant_id__in=ids)
        for tenant_id, seconds in tolerances.values_list("tenant_id", "clock_tolerance_seconds"):
            loaded[tenant_id].clock_tolerance = timedelta(seconds=seconds)
        alerts = Alert.objects.filter(
            tenant_id__in=ids,
            status__in=[Alert.Status.OPEN, Alert.Status.ACKNOWLEDGED],
            kind__in=[Alert.Kind.THRESHOLD, Alert.Kind.REGISTER, Alert.Kind.CLOCK],
        )
        for tenant_id, *row in alerts.order_by("pk").values_list("tenant_id", *(one.name for one in fields(OpenAlert))):
            loaded[tenant_id].open_alerts.append(OpenAlert(*row))
    return {tenant_id: loaded[tenant_id] for tenant_id in ids}
