"""`manage.py delete_tenant acme`: its data to a folder, then out of the system. Asks for the slug, and can't be undone.

Interrupted at any instant, the same command goes on: before the erasing has begun with a new export, after that with
what is left. A tenant whose erasing has begun has the status "erasing" and never comes back.
"""

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from chargepoints.models import ChargePoint
from csms import leftovers
from csms.stillness import still_at_work
from tenants.context import in_database, system_transaction, where_lives
from tenants.databases.rows import left_tables
from tenants.erasure.erase import Erased, RowsLeft, erase_people, erase_tables, erase_tenant_row
from tenants.erasure.export import NOT_EXPORTED, Progress, export_tables, write_manifest
from tenants.models import Tenant
from tenants.owned import owned_tables
from tenants.services.platform_trail import record_for_platform
from tenants.services.tenants import OnTheMove, set_status, tell_status_changed

Status = Tenant.Status


class Command(BaseCommand):
    """Suspends the tenant, waits until its stations are gone, exports, erases."""

    help = "Export a tenant's data and files to a folder, then delete all of it for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="its slug")
        parser.add_argument("--confirm", metavar="SLUG", help="the slug again, where nobody is there to be asked")
        parser.add_argument(
            "--export",
            type=Path,
            default=settings.DATA_DIR / "exports",
            metavar="FOLDER",
            help="a folder is made in it",
        )
        parser.add_argument("--no-export", action="store_true", help="for test data only")
        parser.add_argument("--wait", type=float, default=90.0, metavar="S", help="for its stations to be gone")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = _find(options["tenant"])
        if options["no_export"] and not tenant.test_data:
            raise CommandError(f"{tenant.slug} holds real data: it is exported first.")
        self._confirm(tenant, options["confirm"])
        actor = _actor()
        if tenant.status != Status.ERASING:
            try:
                set_status(tenant=tenant, status=Status.SUSPENDED, actor=actor, origin="command")
            except OnTheMove as error:
                raise CommandError(f"{error}: finish that first (manage.py move_tenant).") from None
            self._wait_until_quiet(tenant, options["wait"])
            if not options["no_export"]:
                self._export(tenant, options["export"], actor)
            set_status(tenant=tenant, status=Status.ERASING, actor=actor, origin="command")
        else:
            self.stdout.write("Its erasing had begun: going on with what is left.")
            self._wait_until_quiet(tenant, options["wait"])
        self._erase(tenant, actor)

    def _confirm(self, tenant: Tenant, given: str | None) -> None:
        with where_lives(tenant.pk), system_transaction():
            stations = ChargePoint.objects.filter(tenant=tenant).count()
        if given is None:
            self.stdout.write(f"{tenant.name} ({tenant.slug}): {stations} charge points and all that belongs to them.")
            given = input("It can't be undone. Type its slug to delete it: ")
        if given != tenant.slug:
            raise CommandError("That is not its slug: nothing was done.")

    def _wait_until_quiet(self, tenant: Tenant, seconds: float) -> None:
        """No socket, and no readings that wait in Redis: what comes later would be neither exported nor erased."""
        tell_status_changed()
        deadline = time.monotonic() + seconds
        while reason := still_at_work(tenant):
            if time.monotonic() > deadline:
                raise CommandError(f"{reason} The tenant stays suspended; try again, or give more --wait.")
            time.sleep(0.5)

    def _export(self, tenant: Tenant, folder: Path, actor: str) -> None:
        begun = datetime.now(UTC)
        target = folder / f"{tenant.slug}-{begun:%Y%m%dT%H%M%SZ}"
        # Complete or not there: an export that was interrupted keeps this name.
        part = target.with_name(target.name + ".part")
        try:
            part.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise CommandError(f"--export: {error}. Nothing was deleted.") from None
        with self._progress("export") as progress:
            tables = export_tables(tenant, part, progress)
            files = leftovers.export_files(tenant.pk, part / "files")
        rows = sum(table.rows for table in tables)
        write_manifest(
            part / "manifest.json",
            {
                "tenant": tenant.slug,
                "name": tenant.name,
                "begun_at": begun.isoformat(),
                "tables": [
                    {"file": table.name, "rows": table.rows, "bytes": table.bytes, "sha256": table.sha256}
                    for table in tables
                ],
                "files": files,
                "not_exported": sorted(NOT_EXPORTED),
                "secrets": "left out: hashes of passwords and keys, sealed private keys and secrets",
            },
        )
        part.rename(target)
        changes = {"folder": str(target), "rows": rows, "files": files}
        record_for_platform(actor=actor, origin="command", action="export", tenant=tenant, changes=changes)
        self.stdout.write(f"Exported {rows} rows and {files} files to {target}.")

    def _erase(self, tenant: Tenant, actor: str) -> None:
        with where_lives(tenant.pk), system_transaction():
            stations = list(ChargePoint.objects.filter(tenant=tenant).values_list("pk", flat=True))
        try:
            leftovers.delete_keys(tenant.pk, stations)
        except redis.RedisError as error:
            raise CommandError(f"Redis is away ({error}): try again, the rest goes on then.") from None
        leftovers.delete_files(tenant.pk)
        people = erase_people(tenant.pk)
        try:
            with self._progress("delete") as progress:
                erased = self._erase_tables(tenant, progress)
        except RowsLeft as left:
            raise CommandError(f"Something still writes to {left}: try again when it has ended.") from None
        # In one transaction with the last row: either both are there, or neither.
        with system_transaction():
            rows = {one.table: one.rows for one in erased if one.rows}
            changes = {"rows": sum(rows.values()), "tables": rows, "people": people}
            record_for_platform(actor=actor, origin="command", action="delete", tenant=tenant, changes=changes)
            erase_tenant_row(tenant.pk)
        self.stdout.write(f"{tenant.slug} is deleted: {sum(rows.values())} rows, {people} people.")

    def _erase_tables(self, tenant: Tenant, progress: Progress) -> list[Erased]:
        """Where it lives, with the copy of its row there; then in the main database, where who belongs to it is kept."""
        elsewhere: list[Erased] = []
        if tenant.database:
            with in_database(tenant.database):
                elsewhere = erase_tables(tenant.pk, progress, left_tables())
                erase_tenant_row(tenant.pk)
        return elsewhere + [one for one in erase_tables(tenant.pk, progress) if not elsewhere or one.rows]

    @contextmanager
    def _progress(self, what: str) -> Iterator[Progress]:
        """A bar over the tables; it moves within one, too."""
        names = [table.name for table in owned_tables()]
        with tqdm(total=len(names), desc=what, disable=None, file=self.stderr, bar_format=_BAR) as bar:

            def advance(table: str, share: float, rows: int) -> None:
                bar.set_postfix_str(f"{table}: {rows:,} rows", refresh=False)
                bar.update(max(0.0, names.index(table) + share - bar.n))

            yield advance
            bar.update(len(names) - bar.n)


_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} {postfix}"


def _find(slug: str) -> Tenant:
    with system_transaction():
        tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no tenant {slug!r}.")
    return tenant


def _actor() -> str:
    """Who sits at the machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
