"""Memory of the web process while slow clients download long CSV exports, and how fast a quick one gets them.

`scripts/bench export` makes one station with `--rows` readings; four clients read 100 KiB/s each for `--seconds`.
`--server daphne` measures the same under daphne.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from csms.local.testing import start_services, use_worker_database
from tests.benchmarks.server import FLAGS, PAGE, free_port, wait_open

ROWS = """
WITH series AS (
    INSERT INTO metering_series (tenant_id, charge_point_id, evse_number, measurand, phase, location, unit)
    VALUES (%s, %s, 1, 'Power.Active.Import', '', 'Outlet', 'W') RETURNING tenant_id, id)
INSERT INTO metering_sample (tenant_id, series_id, at, context, value, received_at)
SELECT tenant_id, id, now() - interval '20 hours' + n * interval '10 ms', 0, n %% 11000, now()
FROM series, generate_series(1, %s) AS n
"""
TENANT, STATION = "benchmark", "CP1"


def make_rows(rows: int) -> str:
    """The station's readings; an API key that may read them."""
    import django

    django.setup()
    from django.db import connections

    from chargepoints.models import ChargePoint
    from tenants.context import SYSTEM_ALIAS, system_transaction, tenant_transaction
    from tenants.models import Role
    from tenants.services.api_keys import issue_api_key
    from tenants.services.tenants import create_tenant

    tenant = create_tenant(slug=TENANT, name="Benchmark")
    with system_transaction():
        station = ChargePoint.objects.create(tenant=tenant, identity=STATION, identity_key=STATION.lower())
        with connections[SYSTEM_ALIAS].cursor() as cursor:
            cursor.execute(ROWS, [tenant.pk, station.pk, rows])
    with tenant_transaction(tenant.pk):
        _, secret = issue_api_key(name="bench", role=Role.VIEWER)
    return str(secret)


async def read(port: int, secret: str, rate: float | None, seconds: float) -> int:
    """Download, at most `rate` bytes a second; how many bytes came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65536)
    path = f"/api/v1/chargepoints/{STATION}/meter-values/export"
    lines = (
        *(f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/csv", f"Authorization: Api-Key {secret}"),
        *("Connection: close", "", ""),
    )
    writer.write("\r\n".join(lines).encode())
    started, got = time.monotonic(), 0
    while chunk := await reader.read(16384):
        if not got and b" 200 " not in chunk[:20]:
            raise SystemExit(chunk[:500].decode(errors="replace"))
        got += len(chunk)
        if time.monotonic() - started > seconds:
            break
        if rate:
            await asyncio.sleep(max(0.0, started + got / rate - time.monotonic()))
    writer.close()
    return got


async def measure(pid: int, port: int, secret: str, seconds: float) -> None:
    def resident() -> float:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20

    started = time.monotonic()
    size = await read(port, secret, None, 600)
    quick = time.monotonic() - started
    before, peak = resident(), 0.0
    slow = asyncio.gather(*(read(port, secret, 100 * 1024, seconds) for _ in range(4)))
    while not slow.done():
        peak = max(peak, resident())
        await asyncio.sleep(0.2)
    print(f"  one quick client: {size / 2**20:.0f} MiB in {quick:.1f} s", flush=True)
    print(f"  four slow clients: from {before:.0f} to {peak:.0f} MiB", flush=True)


def command(server: str, port: int) -> list[str]:
    if server == "daphne":
        return [str(Path(sys.executable).parent / "daphne"), "--port", str(port), "-v", "0", "csms.asgi:application"]
    return [sys.executable, "-m", "uvicorn", "csms.asgi:application", "--port", str(port), *FLAGS]


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/bench export", description=__doc__)
    arguments.add_argument("--server", choices=["uvicorn", "daphne"], default="uvicorn")
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--seconds", type=float, default=20)
    options = arguments.parse_args()
    start_services(durable=True)
    use_worker_database()
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    secret = make_rows(options.rows)
    print(f"{options.rows:,} readings, {options.server}:", flush=True)
    port = free_port()
    environment = os.environ | {"CSMS_ENV": "development", "CSMS_DB_POOL": "1"}
    child = subprocess.Popen(command(options.server, port), env=environment)
    try:
        wait_open(port, child)
        asyncio.run(measure(child.pid, port, secret, options.seconds))
    finally:
        child.kill()
        child.wait()


if __name__ == "__main__":
    main()
