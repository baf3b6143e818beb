"""Every list page of the back office with 5,000 charge points and 2 million sessions, beside the same page of an empty tenant.

`scripts/bench office` makes a database of its own, with `create_test_data --sessions` (some minutes), and throws it away.
`--data FOLDER` keeps it there, and takes it the next time; where a system runs on that folder, its database is used.
Pages are asked in this process, without a socket between: what is measured is the page and the database.
"""

import argparse
import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.office_timing import Timed, open_page, shape
from tests.benchmarks.office_walk import OWN_PAGES, list_pages, variants

PREFIX, EMPTY = "office", "office-empty"
MOST_OPTIONS = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="keep the database there")
    parser.add_argument("--charge-points", type=int, default=5000)
    parser.add_argument("--sessions", type=int, default=2_000_000)
    parser.add_argument("--times", type=int, default=7, help="that each page is opened")
    parser.add_argument("--only", default="", help="lists whose name has this in it")
    parser.add_argument("--most-ms", type=float, default=300.0)
    parser.add_argument("--all", action="store_true", help="print every variant, not only the slowest of a list")
    parser.add_argument("--explain", action="store_true", help="and the plans of the slowest queries")
    parser.add_argument("--no-board", action="store_true")
    options = parser.parse_args()
    with services(options.data):
        import django

        django.setup()
        tenant = large_tenant(options.charge_points, options.sessions)
        print(f"load average {os.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores; each page {options.times} times")
        client, empty = signed_in(tenant), signed_in(empty_tenant())
        found = walk(client, empty, options)
        report(found, options)
        if not options.no_board and options.only in ("", "board"):
            from tests.benchmarks.office_board import measure_board
            from tests.benchmarks.server import running

            with running("csms.asgi:application") as server:
                from django.conf import settings

                measure_board(server.port, client.cookies[settings.SESSION_COOKIE_NAME].value, options.times)


@contextlib.contextmanager
def services(data: Path | None) -> Any:
    """Throw-away ones, or those of a folder: started, or as they run already."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "csms.settings"
    if data is None:
        from csms.local.testing import start_services

        start_services(durable=True)
        yield
        return
    os.environ |= {"CSMS_DATA_DIR": str(data.resolve()), "CSMS_ENV": "development", "CSMS_LOG_LEVEL": "WARNING"}
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Somebody runs it: its addresses stand in runtime.json.
            yield
            return
        from csms.local.system import LocalServices

        local = LocalServices(data.resolve())
        try:
            local.start()
            _migrate()
            yield
        finally:
            local.stop()


def _migrate() -> None:
    import subprocess
    import sys

    subprocess.run([sys.executable, "-W", "ignore", "manage.py", "migrate", "--verbosity", "0"], check=True)


def large_tenant(charge_points: int, sessions: int) -> Any:
    """The largest made-up one, or a new one."""
    from django.core.management import call_command

    from tenants.context import system_transaction
    from tenants.models import Tenant

    with system_transaction():
        found = Tenant.objects.filter(slug__startswith=f"{PREFIX}-", test_data=True).exclude(slug=EMPTY).first()
    if found is None:
        began = time.perf_counter()
        call_command("create_test_data", charge_points=charge_points, sessions=sessions, prefix=PREFIX)
        print(f"made in {time.perf_counter() - began:.0f} s")
        return large_tenant(charge_points, sessions)
    return found


def empty_tenant() -> Any:
    from tenants.context import system_transaction
    from tenants.models import Tenant
    from tenants.services.tenants import create_tenant

    with system_transaction():
        found = Tenant.objects.filter(slug=EMPTY).first()
    return found or create_tenant(slug=EMPTY, name="Empty", timezone="Europe/Berlin", test_data=True)


def signed_in(tenant: Any) -> Any:
    """A client in which an administrator of the tenant has signed in."""
    from django.test import Client

    from tenants.context import system_transaction
    from tenants.models import Membership, Role, User
    from tenants.services.tenants import add_member

    with system_transaction():
        member = Membership.objects.filter(tenant=tenant, role=Role.ADMIN).select_related("user").first()
        user = member.user if member else User.objects.create(username=f"{tenant.slug}-admin")
    if member is None:
        add_member(tenant=tenant, user=user, role=Role.ADMIN)
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def walk(client: Any, empty: Any, options: argparse.Namespace) -> list[tuple[str, str, Timed, float]]:
    """(list, variant, its times, ms of the empty tenant's page)."""
    from django.urls import reverse

    found = []
    for name, page, url in list_pages():
        if options.only not in name:
            continue
        floor, _ = open_page(empty, url, options.times, options.most_ms)
        first, answer = open_page(client, url, options.times, options.most_ms)
        found.append((name, "first page", first, floor.best))
        if first.status != 200:
            continue
        for what, query in variants(page, answer):
            timed, _ = open_page(client, f"{url}?{query}", options.times, options.most_ms)
            found.append((name, what, timed, floor.best))
        found += [(name, what, timed, floor.best) for what, timed in forms(client, page, answer, url, options)]
        _say(found, name, options)
    for name, (view, query) in OWN_PAGES.items():
        if options.only in name:
            url = reverse(f"admin:{view}")
            floor, _ = open_page(empty, url, options.times, options.most_ms)
            found.append(
                (name, "page", open_page(client, f"{url}?{query}", options.times, options.most_ms)[0], floor.best)
            )
            _say(found, name, options)
    return found


def forms(client: Any, page: Any, answer: Any, url: str, options: argparse.Namespace) -> list[tuple[str, Timed]]:
    """The form of a new row, and the page of the first one."""
    pages = [("form", f"{url}add/")]
    listed = (getattr(answer, "context_data", None) or {}).get("cl")
    if listed is not None and len(listed.result_list):
        pages.append(("page of a row", f"{url}{listed.result_list[0].pk}/change/"))
    timed = [(what, open_page(client, one, options.times, options.most_ms)[0]) for what, one in pages]
    return [(what, one) for what, one in timed if one.status == 200]


def _say(found: list[tuple[str, str, Timed, float]], name: str, options: argparse.Namespace) -> None:
    mine = [one for one in found if one[0] == name]
    shown = mine if options.all else {id(one): one for one in (mine[0], max(mine, key=lambda one: one[2].p50))}.values()
    for _, what, timed, floor in shown:
        flag = "  <<< SLOW" if is_slow(timed, options) else ""
        flag += f"  <<< {timed.options} options" if timed.options > MOST_OPTIONS else ""
        flag += f"  <<< HTTP {timed.status}" if timed.status not in (200, 302) else ""
        print(
            f"{name:32} {what[:44]:44} p50 {timed.p50:6.0f} p95 {timed.p95:6.0f} ms; work {timed.work:5.0f} (here "
            f"{timed.cpu:4.0f}); {len(timed.queries):3} queries {timed.database:5.0f} ms; x{timed.best / floor:5.1f}; "
            f"{timed.size // 1024:5} KiB{flag}",
            flush=True,
        )


def is_slow(timed: Timed, options: argparse.Namespace) -> bool:
    """By its time; by its work where others keep the processors busy."""
    is_busy = os.getloadavg()[0] > (psutil.cpu_count() or 1)
    return bool((timed.work if is_busy else timed.p50) > options.most_ms)


def report(found: list[tuple[str, str, Timed, float]], options: argparse.Namespace) -> None:
    slow = [one for one in found if is_slow(one[2], options)]
    lists = {name for name, *_ in found}
    print(f"\n{len(found)} pages of {len(lists)} lists; over {options.most_ms:.0f} ms: {len(slow)}")
    for name, what, timed, _ in sorted(slow, key=lambda one: -one[2].p50):
        print(f"  {timed.p50:6.0f} ms (least {timed.best:.0f}, work {timed.work:.0f})  {name}: {what}  {timed.url}")
    worst: dict[str, tuple[float, str, str, str]] = {}
    for name, what, timed, _ in found:
        for query in timed.queries:
            key = shape(query.sql)
            ms = query.server or query.ms
            if ms > worst.get(key, (0.0,))[0]:
                worst[key] = (ms, f"{name}: {what}", query.sql, query.alias)
    print("\nslowest queries")
    for ms, where, sql, alias in sorted(worst.values(), reverse=True)[:25]:
        print(f"  {ms:6.0f} ms  {where}\n          {' '.join(sql.split())[:400]}")
        if options.explain and sql.lstrip().upper().startswith("SELECT"):
            print(plan(sql, alias))


def plan(sql: str, alias: str) -> str:
    """EXPLAIN (ANALYZE, BUFFERS) as the page had it: under its role, with its tenant."""
    from django.db import connections

    from tenants.context import system_transaction, tenant_transaction
    from tenants.models import Tenant

    with system_transaction():
        tenant = Tenant.objects.filter(slug__startswith=f"{PREFIX}-", test_data=True).exclude(slug=EMPTY).first()
    if tenant is None:
        return ""
    with (
        system_transaction() if alias == "system" else tenant_transaction(tenant.pk),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS) {sql.replace('%', '%%')}"
            if "%" in sql
            else f"EXPLAIN (ANALYZE, BUFFERS) {sql}"
        )
        return "\n".join(f"          {row[0]}" for row in cursor.fetchall())


if __name__ == "__main__":
    main()
