"""How fast samples become hours, days, weeks and months, next to a bare `date_trunc` GROUP BY of the same rows.

`scripts/bench aggregate --connectors 1000 --days 30`: starts its own PostgreSQL, fills it with readings of energy and
power once a minute, in the order in which they would have arrived, and then aggregates all of it, once more (nothing
changes), one single hour as the hourly task does, and late readings of some stations.
"""

import argparse
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil

from csms.local.testing import start_services

DAY = timedelta(days=1)
FILL = """
INSERT INTO metering_sample (tenant_id, series_id, at, context, value, transaction_id, received_at)
SELECT s.tenant_id, s.id, m.at + s.charge_point_id %% 60 * interval '1 second', 0,
       -- Ten hours of charging with 7 to 11 kW, fourteen of rest.
       CASE WHEN s.measurand LIKE 'Energy%%' THEN
            round(5000000 + %(day)s * 90000 + LEAST(extract(epoch FROM m.at - %(begin)s) / 3600, 10) * 9000)
            ELSE CASE WHEN m.at - %(begin)s < interval '10 hours' THEN round((9000 + 2000 * random())::numeric, 1) ELSE 0 END END,
       NULL, m.at
FROM generate_series(%(begin)s, %(begin)s + interval '23 hours 59 minutes', interval '1 minute') m (at)
CROSS JOIN metering_series s
ORDER BY m.at
"""
BARE = """
SELECT count(*) FROM (
    SELECT series_id, date_trunc('hour', at), min(value), max(value), avg(value), sum(value), count(*)
    FROM metering_sample WHERE at >= %s AND at < %s GROUP BY 1, 2 OFFSET 0
) hours
"""
# The same rows where they are kept: in a table with the key of ours.
KEPT = """
CREATE TABLE bench_kept (series_id bigint, start timestamptz, minimum numeric, maximum numeric, mean numeric, total numeric,
                         count bigint, PRIMARY KEY (series_id, start))
"""
KEEP = """
INSERT INTO bench_kept
SELECT series_id, date_trunc('hour', at), min(value), max(value), avg(value), sum(value), count(*)
FROM metering_sample WHERE at >= %s AND at < %s GROUP BY 1, 2
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connectors", type=int, default=1000)
    parser.add_argument("--days", type=int, default=7)
    options = parser.parse_args()
    start_services(durable=True)
    import django

    django.setup()
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - options.days * DAY
    rows = fill(options.connectors, first, options.days)
    measure(first, options.days, rows)


def fill(connectors: int, first: datetime, days: int) -> int:
    """Rows written."""
    from django.conf import settings
    from django.db import connections

    from chargepoints.models import ChargePoint
    from metering.models import Series
    from metering.readings import ENERGY, POWER
    from tenants.context import system_transaction
    from tenants.partitions import ensure_partitions
    from tenants.services.tenants import create_tenant

    settings.METERING_SAMPLE_DAYS = days + 1
    tenant = create_tenant(slug="benchmark", name="Benchmark", timezone="Europe/Berlin")
    ensure_partitions("metering_sample", first.date(), (first + (days + 1) * DAY).date())
    with system_transaction():
        stations = ChargePoint.objects.bulk_create(
            ChargePoint(tenant=tenant, identity=f"CP-{number}", identity_key=f"cp-{number}")
            for number in range(connectors)
        )
        Series.objects.bulk_create(
            Series(tenant=tenant, charge_point=station, evse_number=1, measurand=measurand, unit=unit)
            for station in stations
            for measurand, unit in ((ENERGY, "Wh"), (POWER, "W"))
        )
    started = time.perf_counter()
    for day in range(days):
        with connections["system"].cursor() as cursor:
            cursor.execute(FILL, {"begin": first + day * DAY, "day": day})
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE metering_sample")
        cursor.execute("CHECKPOINT") if cursor.connection.info.user == "postgres" else None
    rows = connectors * 2 * 1440 * days
    print(
        f"{rows:,} samples of {connectors} connectors over {days} days, written in {time.perf_counter() - started:.0f} s"
    )
    return rows


def measure(first: datetime, days: int, rows: int) -> None:
    """Print seconds of each, and the ratios."""
    from django.db import connections

    from chargepoints.models import ChargePoint
    from metering.aggregation.runs import aggregate_between, aggregate_late_readings
    from metering.models import Bucket, DirtyRange
    from tenants.context import system_transaction

    last = first + days * DAY

    def bare(begin: datetime, end: datetime) -> None:
        with system_transaction(), connections["system"].cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '128MB'")
            cursor.execute(BARE, [begin, end])

    def bare_days() -> None:
        for day in range(days):
            bare(first + day * DAY, first + (day + 1) * DAY)

    def keep_days() -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(KEPT)
            cursor.execute("GRANT INSERT ON bench_kept TO PUBLIC")
        for day in range(days):
            with system_transaction(), connections["system"].cursor() as cursor:
                cursor.execute("SET LOCAL work_mem = '128MB'")
                cursor.execute(KEEP, [first + day * DAY, first + (day + 1) * DAY])

    def late() -> None:
        with system_transaction():
            for station in ChargePoint.objects.all()[:50]:
                DirtyRange.objects.create(
                    tenant_id=station.tenant_id,
                    charge_point=station,
                    evse_number=1,
                    first=last - DAY,
                    last=last - 20 * timedelta(hours=1),
                )
        aggregate_late_readings()

    hour = last - timedelta(hours=20)
    base = timed("bare GROUP BY, all", bare_days)
    timed("bare GROUP BY, kept", keep_days, base)
    whole = timed("aggregate, all", lambda: aggregate_between(first, last), base)
    again = timed("aggregate, all again", lambda: aggregate_between(first, last), base)
    base_hour = timed("bare GROUP BY, one hour", lambda: bare(hour, hour + timedelta(hours=1)))
    timed("aggregate, one hour", lambda: aggregate_between(hour, hour + timedelta(hours=1)), base_hour)
    timed("50 stations' late readings", late)
    with system_transaction():
        hours = Bucket.objects.filter(period=1).count()
        energy = sum(Bucket.objects.filter(period=1).values_list("energy_wh", flat=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{rows / whole[0]:,.0f} and {rows / again[0]:,.0f} samples/s; {hours:,} hours, {energy / 1000:,.0f} kWh; "
        f"{peak:.0f} MiB here"
    )
    print(
        f"bytes: {bytes_of('metering_sample', rows)} a sample, {bytes_of('metering_bucket', hours)} an hour of a connector,"
    )
    print(f"       {bytes_of('metering_bucketstatistics', 2 * hours)} an hour of a series; indexes included")


def bytes_of(table: str, rows: int) -> int:
    """Disk per row, partitions and indexes included."""
    from django.db import connections

    with connections["system"].cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(sum(pg_total_relation_size(relid)), pg_total_relation_size(%s)) FROM pg_partition_tree(%s) "
            "WHERE isleaf",
            [table, table],
        )
        return int(cursor.fetchone()[0]) // rows


def timed(name: str, act: Callable[[], Any], base: tuple[float, float] | None = None) -> tuple[float, float]:
    """(seconds, processor seconds of PostgreSQL), printed with their ratios to `base`."""
    cpu, started = server_cpu(), time.perf_counter()
    act()
    took = (time.perf_counter() - started, server_cpu() - cpu)
    ratio = f"  {took[0] / base[0]:5.2f} x the bare one, {took[1] / base[1]:5.2f} x its processor time" if base else ""
    print(f"{name:>28}: {took[0]:8.2f} s, {took[1]:8.2f} s of CPU{ratio}", flush=True)
    return took


def server_cpu() -> float:
    """Processor time of all PostgreSQL processes below this one."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True) if child.name() == "postgres"]
    return sum(one.user + one.system for one in times)


if __name__ == "__main__":
    main()
