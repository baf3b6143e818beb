"""How fast the SampleWriter makes readings durable, next to a bare COPY of the same rows.

`scripts/bench writer` starts a durable PostgreSQL and Redis of its own.
Every caller waits for the commit of its message before it sends the next, as a socket does. Prints
messages/s, values/s, p50/p99 of the wait, and the processor time of this process per message.
"""

import argparse
import asyncio
import itertools
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import uvloop

from csms.local.testing import start_services, use_worker_database

MEASURANDS = (
    ("Energy.Active.Import.Register", "Wh", "", "123456"),
    ("Power.Active.Import", "kW", "", "7.36"),
    ("Current.Import", "A", "L1", "31.8"),
    ("Voltage", "V", "L1-N", "230.4"),
    ("SoC", "Percent", "", "54"),
)
_minutes = itertools.count()


@dataclass(slots=True)
class Result:
    """One run. Times in seconds."""

    messages: int
    seconds: float
    cpu: float
    waits: list[float]

    def line(self, name: str) -> str:
        waits = sorted(self.waits)
        p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
        return (
            f"{name:>14}: {self.messages / self.seconds:8,.0f} messages/s {5 * self.messages / self.seconds:9,.0f} values/s"
            f"  p50 {p50 * 1000:6.1f} ms  p99 {p99 * 1000:6.1f} ms  {self.cpu / self.messages * 1e6:6.1f} us CPU/message"
        )


def payload(at: datetime) -> list[dict[str, Any]]:
    """A five-value `meterValue` list as a station sends it."""
    return [
        {
            "timestamp": at.isoformat().replace("+00:00", "Z"),
            "sampledValue": [
                {
                    "value": value,
                    "measurand": measurand,
                    "unit": unit,
                    "location": "Outlet",
                    "context": "Sample.Periodic",
                }
                | ({"phase": phase} if phase else {})
                for measurand, unit, phase, value in MEASURANDS
            ],
        }
    ]


async def run(stations: list[tuple[int, int]], seconds: float) -> Result:
    """All stations at once, each as fast as its commits come, for so long."""
    from metering.ingest.message import MeterMessage
    from metering.ingest.process import Ingest
    from metering.readings import parse_meter_values

    ingest = Ingest()
    begin = datetime.now(UTC)
    waits: list[float] = []
    deadline = time.perf_counter() + seconds

    async def station(tenant_id: int, charge_point_id: int) -> None:
        while time.perf_counter() < deadline:
            at = begin + timedelta(microseconds=100 * next(_minutes))
            started = time.perf_counter()
            parsed = parse_meter_values(payload(at))
            message = MeterMessage(tenant_id, charge_point_id, 1, charge_point_id, datetime.now(UTC), parsed.readings)
            await ingest.writer.write(message)
            waits.append(time.perf_counter() - started)

    cpu, started = time.process_time(), time.perf_counter()
    await asyncio.gather(*(station(*one) for one in stations))
    result = Result(len(waits), time.perf_counter() - started, time.process_time() - cpu, waits)
    await ingest.close()
    return result


def make_stations(count: int) -> list[tuple[int, int]]:
    """(tenant id, charge point id) of `count` stations of a tenant of their own."""
    from chargepoints.models import ChargePoint
    from tenants.context import system_transaction
    from tenants.services.tenants import create_tenant

    tenant = create_tenant(slug="benchmark", name="Benchmark")
    names = [f"BENCH-{number}" for number in range(count)]
    with system_transaction():
        made = ChargePoint.objects.bulk_create(
            ChargePoint(tenant=tenant, identity=name, identity_key=name.lower()) for name in names
        )
    return [(tenant.pk, station.pk) for station in made]


def bare_copy(rows: int, batch: int) -> float:
    """Rows per second of COPY into a table of the same shape, a commit per `batch`. The owner makes the table."""
    from django.db import connections

    parameters = connections["owner"].get_connection_params()
    kept = {key: parameters[key] for key in ("dbname", "user", "password", "host", "port") if key in parameters}
    now = datetime.now(UTC)
    with psycopg.connect(autocommit=True, **kept) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_copy (LIKE metering_sample INCLUDING ALL)")
        try:
            started = time.perf_counter()
            for first in range(0, rows, batch):
                with connection.cursor().copy("COPY bench_copy FROM STDIN") as copy:
                    for number in range(first, first + batch):
                        at = now + timedelta(microseconds=number)
                        copy.write_row((number % 5000, at, 1, number, now, 0, "123.456", None, None))
            return rows / (time.perf_counter() - started)
        finally:
            connection.execute("DROP TABLE bench_copy")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=5)
    arguments.add_argument("--callers", type=int, nargs="+", default=[200, 2000])
    options = arguments.parse_args()
    print("starting PostgreSQL and Redis ...", flush=True)
    start_services(durable=True)
    use_worker_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    import django

    django.setup()
    stations = make_stations(max(options.callers))
    for batch in (100, 500, 2000):
        print(f"bare COPY, a commit per {batch:>4} rows: {bare_copy(100_000, batch):9,.0f} rows/s")
    for callers in options.callers:
        uvloop.run(run(stations[:callers], 1.0))
        print(uvloop.run(run(stations[:callers], options.seconds)).line(f"{callers} callers"))


if __name__ == "__main__":
    main()
