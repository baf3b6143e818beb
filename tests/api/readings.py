"""Readings for the API's tests, as ingest would have stored them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chargepoints.models import ChargePoint
from metering.models import Sample, Series
from tenants.context import system_transaction

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)


def make_series(station: ChargePoint, measurand: str = "Voltage", **fields: Any) -> Series:
    """One measured quantity of connector 1."""
    with system_transaction():
        return Series.objects.create(
            **{
                "tenant_id": station.tenant_id,
                "charge_point": station,
                "evse_number": 1,
                "measurand": measurand,
                "unit": "V",
                **fields,
            }
        )


def make_reading(
    series: Series,
    minutes: float = 0,
    value: str = "230",
    *,
    context: Sample.Context = Sample.Context.PERIODIC,
    **fields: Any,
) -> None:
    """A reading so many minutes after NOON."""
    at = NOON + timedelta(minutes=minutes)
    with system_transaction():
        Sample.objects.create(
            series=series,
            tenant_id=series.tenant_id,
            at=at,
            context=context,
            value=Decimal(value),
            received_at=at,
            **fields,
        )
