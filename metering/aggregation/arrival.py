"""A tenant that comes from another database (tenants.databases): its hours between the two databases' notes.

Each database notes until when all hours have been summed up. What the tenant's old place had not done yet, and the new one
believes to be done, is marked like readings that come late.
"""

from datetime import datetime, timedelta

from django.conf import settings

from metering.aggregation.runs import aggregated_until
from metering.models import DirtyRange, Series
from tenants.context import in_database, system_transaction


def mark_unsummed_hours(tenant_id: int, source: str, target: str) -> None:
    """In a system transaction of the target, which has all of the tenant's rows."""
    here = aggregated_until()
    if here is None:
        # It begins with its oldest reading.
        return
    with in_database(source), system_transaction():
        there = aggregated_until()
    first = _earliest(here) if there is None else there
    if first >= here:
        # What was done already is done again, with the same result.
        return
    meters = (
        Series.objects.filter(tenant_id=tenant_id).order_by().values_list("charge_point_id", "evse_number").distinct()
    )
    DirtyRange.objects.bulk_create(
        [
            DirtyRange(tenant_id=tenant_id, charge_point_id=station, evse_number=evse, first=first, last=here)
            for station, evse in meters
        ],
        batch_size=5000,
    )


def _earliest(here: datetime) -> datetime:
    """As long as readings are kept."""
    return here - timedelta(days=settings.METERING_SAMPLE_DAYS)
