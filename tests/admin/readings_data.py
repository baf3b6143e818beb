"""A station that has charged: readings as they lie in the database, hours and days as they were summed up."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connections

from chargepoints.models import ChargePoint
from metering.models import Bucket, BucketStatistics, Period, Series
from metering.readings import ENERGY, POWER
from tenants.context import SYSTEM_ALIAS, system_transaction, tenant_transaction

MINUTE = timedelta(minutes=1)
INSERT = """
INSERT INTO metering_sample (series_id, at, tenant_id, transaction_id, received_at, context, value)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
UNITS = {POWER: "W", ENERGY: "Wh", "Current.Import": "A", "Voltage": "V", "SoC": "Percent", "Temperature": "Celsius"}


def make_series(station: ChargePoint, measurand: str = POWER, **fields: Any) -> Series:
    """A series of EVSE 1."""
    given = {"evse_number": 1, "phase": "", "location": "Outlet", "unit": UNITS.get(measurand, ""), **fields}
    with system_transaction():
        return Series.objects.create(tenant_id=station.tenant_id, charge_point=station, measurand=measurand, **given)


def add_samples(
    series: Series, *values: tuple[datetime, float | Decimal], transaction_id: int | None = None, context: int = 0
) -> None:
    """(time, value) each."""
    rows = [(series.pk, at, series.tenant_id, transaction_id, at, context, Decimal(str(value))) for at, value in values]
    with system_transaction(), connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.executemany(INSERT, rows)


def every(
    step: timedelta, start: datetime, end: datetime, value: Callable[[int], float]
) -> list[tuple[datetime, float]]:
    """(time, value(number)) from start to end, the latter exclusive."""
    count = -((start - end) // step)
    return [(start + number * step, value(number)) for number in range(count)]


def add_statistics(series: Series, start: datetime, *, period: Period = Period.HOUR, low: float, high: float) -> None:
    """Two values, the higher one last."""
    with system_transaction():
        BucketStatistics.objects.create(
            tenant_id=series.tenant_id,
            series=series,
            period=period,
            start=start,
            minimum=Decimal(str(low)),
            maximum=Decimal(str(high)),
            total=Decimal(str(low + high)),
            count=2,
            last=Decimal(str(high)),
            last_at=start + timedelta(minutes=59),
        )


def add_bucket(
    station: ChargePoint, start: datetime, end: datetime, energy_wh: float, *, period: Period, **fields: Any
) -> None:
    """Energy of EVSE 1."""
    given = {"evse_number": 1, "energy_source": "register", "max_power_w": Decimal(11000), **fields}
    with system_transaction():
        Bucket.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            period=period,
            start=start,
            end=end,
            energy_wh=Decimal(str(energy_wh)),
            power_sum_w=Decimal(70000),
            power_count=10,
            sample_count=120,
            computed_at=end,
            **given,
        )


def make_busy(station: ChargePoint, now: datetime, *, session_id: int | None = None) -> None:
    """Two hours of charging up to now, one reading a minute: power, currents and voltages by phase, SoC, register."""
    start = now - timedelta(hours=2)
    add_samples(make_series(station), *every(MINUTE, start, now, lambda n: 11000 - 40 * n), transaction_id=session_id)
    add_samples(
        make_series(station, ENERGY),
        *every(MINUTE, start, now, lambda n: 1000 + 160 * n),
        transaction_id=session_id,
    )
    for index, phase in enumerate(("L1", "L2", "L3")):
        current, voltage = (make_series(station, name, phase=phase) for name in ("Current.Import", "Voltage"))
        add_samples(current, *every(MINUTE, start, now, lambda n, i=index: 16 - i - n / 60), transaction_id=session_id)  # type: ignore[misc]
        add_samples(voltage, *every(MINUTE, start, now, lambda n, i=index: 230 + i + n % 3), transaction_id=session_id)  # type: ignore[misc]
    soc = make_series(station, "SoC", location="EV")
    add_samples(soc, *every(MINUTE, start, now, lambda n: 20 + n / 2), transaction_id=session_id)
    body = make_series(station, "Temperature", location="Body")
    add_samples(body, *every(MINUTE, start, now, lambda n: 25 + n / 10), transaction_id=session_id)


def rows_in_scope(station: ChargePoint) -> int:
    """How many series the station has."""
    with tenant_transaction(station.tenant_id):
        return Series.objects.filter(charge_point=station).count()
