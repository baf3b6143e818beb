"""The thresholds that every tenant starts with; rows like any other, to be changed or removed."""

from decimal import Decimal
from typing import Any

from metering.models import Threshold
from tenants.models import Tenant

DEFAULTS: list[dict[str, Any]] = [
    {"measurand": "Power.Active.Import", "max_value": Decimal(50000)},
    {"measurand": "Temperature", "min_value": Decimal(-10), "max_value": Decimal(70), "severity": "critical"},
    {"measurand": "Voltage", "min_value": Decimal(207), "max_value": Decimal(253)},
    {"measurand": "Current.Import", "max_value": Decimal(80), "severity": "critical"},
]


def create_default_thresholds(tenant: Tenant) -> None:
    """In the open scope, for a tenant that has none."""
    Threshold.objects.bulk_create([Threshold(tenant=tenant, **values) for values in DEFAULTS])
