"""The thresholds that every tenant starts with; rows like any other, to be changed or removed.

Those of power, voltage and current are of an outlet on the grid: at a direct current charger they would alert all day.
"""

from decimal import Decimal
from typing import Any

from metering.models import Threshold
from tenants.models import Tenant

DEFAULTS: list[dict[str, Any]] = [
    {"measurand": "Power.Active.Import", "max_value": Decimal(50000), "ac_only": True},
    {"measurand": "Temperature", "min_value": Decimal(-10), "max_value": Decimal(70), "severity": "critical"},
    {"measurand": "Voltage", "min_value": Decimal(207), "max_value": Decimal(253), "ac_only": True},
    {"measurand": "Current.Import", "max_value": Decimal(80), "severity": "critical", "ac_only": True},
]


def create_default_thresholds(tenant: Tenant) -> None:
    """In the open scope, for a tenant that has none."""
    Threshold.objects.bulk_create([Threshold(tenant=tenant, **values) for values in DEFAULTS])
