"""A bench for aggregation: samples put straight into the table, and what they add up to."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections

from chargepoints.models import ChargePoint
from metering.aggregation.runs import aggregate_between, aggregate_late_readings
from metering.models import Bucket, BucketStatistics, DirtyRange, Period, Series
from metering.readings import ENERGY, POWER
from tenants.context import system_transaction
from tenants.models import Tenant
from tenants.partitions import ensure_partitions
from tests.metering.conftest import make_charge_point

UNITS = {ENERGY: "Wh", POWER: "W", "Energy.Active.Import.Interval": "Wh", "Voltage": "V", "SoC": "Percent"}
# Before and after the nights in which Berlin's clocks change in 2026.
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


class Bench:
    """One station at a time in which nothing else happens. `now` is set by the test."""

    def __init__(self, station: ChargePoint, now: datetime) -> None:
        self.station, self.now = station, now

    def put(
        self,
        *values: tuple[datetime, float | str],
        measurand: str = ENERGY,
        phase: str = "",
        location: str = "Outlet",
        evse_number: int = 1,
        context: int = 0,
        session: int | None = None,
        late: bool = False,
    ) -> None:
        """Samples as ingest would leave them; `late` with the mark that ingest makes."""
        with system_transaction():
            series, _ = Series.objects.get_or_create(
                tenant_id=self.station.tenant_id,
                charge_point=self.station,
                evse_number=evse_number,
                measurand=measurand,
                phase=phase,
                location=location,
                unit=UNITS.get(measurand, ""),
            )
            with connections["system"].cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO metering_sample (tenant_id, series_id, at, context, value, transaction_id, received_at) "
                    "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    [
                        (self.station.tenant_id, series.pk, at, context, Decimal(str(value)), session, at)
                        for at, value in values
                    ],
                )
            if late:
                DirtyRange.objects.create(
                    tenant_id=self.station.tenant_id,
                    charge_point=self.station,
                    evse_number=evse_number,
                    first=min(at for at, _ in values),
                    last=max(at for at, _ in values),
                )

    def aggregate(self, start: datetime, end: datetime) -> None:
        aggregate_between(start, end, now=self.now)
        aggregate_late_readings(now=self.now)

    def buckets(self, period: Period = Period.HOUR, evse_number: int = 1) -> list[Bucket]:
        with system_transaction():
            return list(
                Bucket.objects.filter(charge_point=self.station, evse_number=evse_number, period=period).order_by(
                    "start"
                )
            )

    def energy(self, period: Period = Period.HOUR, evse_number: int = 1) -> dict[datetime, float]:
        return {bucket.start: float(bucket.energy_wh) for bucket in self.buckets(period, evse_number)}

    def statistics(self, measurand: str, period: Period = Period.HOUR) -> list[BucketStatistics]:
        with system_transaction():
            return list(
                BucketStatistics.objects.filter(
                    series__charge_point=self.station, series__measurand=measurand, period=period
                ).order_by("start", "series__phase")
            )

    def rows(self) -> list[tuple[Any, ...]]:
        """All that was written, to compare two runs."""
        with system_transaction():
            buckets = Bucket.objects.order_by("charge_point", "evse_number", "period", "start").values_list()
            statistics = BucketStatistics.objects.order_by("series", "period", "start").values_list()
            return [*buckets, *statistics]


@pytest.fixture
def partitions(db: None) -> Iterator[Any]:
    """`partitions(first, last)` makes those days' partitions; they go with the test."""
    made: list[date] = []

    def make(first: date, last: date) -> None:
        with connections["system"].cursor() as cursor:
            cursor.execute("SELECT csms_partition_days('metering_sample')")
            there = {row[0] for row in cursor.fetchall()}
        ensure_partitions("metering_sample", first, last)
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        made.extend(day for day in days if day not in there)

    yield make
    for day in made:
        with connections["system"].cursor() as cursor:
            cursor.execute("SELECT csms_drop_partition('metering_sample', %s)", [day])


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_charge_point(tenant)


@pytest.fixture
def bench(station: ChargePoint, partitions: Any) -> Bench:
    """A quiet day: 10 November 2026, looked at from its evening."""
    partitions(date(2026, 11, 6), date(2026, 11, 12))
    return Bench(station, datetime(2026, 11, 10, 20, tzinfo=UTC))


def at(text: str, day: int = 10, month: int = 11) -> datetime:
    """`at("09:30")` of the quiet day, UTC."""
    hour, minute, *second = (int(part) for part in text.split(":"))
    return datetime(2026, month, day, hour, minute, second[0] if second else 0, tzinfo=UTC)


def every(start: datetime, step: timedelta, values: Iterable[float | str]) -> list[tuple[datetime, float | str]]:
    return [(start + step * index, value) for index, value in enumerate(values)]


BERLIN = ZoneInfo("Europe/Berlin")
