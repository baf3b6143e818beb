"""`manage.py move_tenant acme --to acme-db`, and back with `--to main`: a tenant's rows to another database.

The databases are those of CSMS_TENANT_DATABASES; every process must know them before the first move (docs/tenants.md). The
tenant is closed meanwhile: its stations keep what they have to say, people and programs are told to come again.
Interrupted at any instant, the same command goes on; before the switch `--undo` brings the tenant back to where it was.
"""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from tqdm import tqdm

from csms.stillness import still_at_work
from tenants.databases.move import (
    MoveRefused,
    NotClosed,
    NotQuiet,
    UnderWay,
    Work,
    begin_move,
    go_on,
    move_of,
    undo_move,
)
from tenants.databases.names import MAIN, MAIN_WORD, called, own_databases
from tenants.databases.rows import RowsDiffer, left_tables, moved_tables
from tenants.erasure.erase import RowsLeft
from tenants.erasure.export import Progress
from tenants.models import Tenant, TenantMove

BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} {postfix}"


class Command(BaseCommand):
    """Closes the tenant, copies and compares its rows, switches, opens it again, erases the old rows."""

    help = "Move a tenant's data to another database, or back to the main one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="its slug")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--to", metavar="NAME", help="a database of CSMS_TENANT_DATABASES, or main")
        where.add_argument("--undo", action="store_true", help="give up a move that has not switched yet")
        parser.add_argument("--wait", type=float, default=90.0, metavar="S", help="for its stations to be gone")

    def handle(self, *args: Any, **options: Any) -> None:
        if not own_databases():
            raise CommandError("CSMS_TENANT_DATABASES names no database: there is only the main one.")
        try:
            if options["undo"]:
                self._undo(options["tenant"])
            else:
                self._move(options["tenant"], MAIN if options["to"] == MAIN_WORD else options["to"], options["wait"])
        except (MoveRefused, UnderWay, NotClosed) as error:
            raise CommandError(str(error)) from None

    def _move(self, slug: str, target: str, wait_s: float) -> None:
        move = begin_move(slug=slug, target=target, actor=_actor())
        if move.phase != TenantMove.Phase.CLOSING:
            self.stdout.write(f"The move had begun: going on ({move.get_phase_display().lower()}).")
        work = Work(still_at_work=still_at_work, wait_s=wait_s, reached=self._say)
        try:
            with (
                self._bar("copy", len(moved_tables())) as work.copying,
                self._bar("erase", len(left_tables())) as work.erasing,
            ):
                copied = go_on(move, work)
        except NotQuiet as error:
            raise CommandError(f"{error} The tenant stays closed: try again with more --wait, or --undo.") from None
        except RowsDiffer as error:
            raise CommandError(
                f"{error}. Nothing was kept in the target; the tenant stays closed: try again, or --undo."
            ) from None
        except RowsLeft as error:
            raise CommandError(f"{slug} works in {called(target)}. Old rows of {error} are left: try again.") from None
        except (DatabaseError, psycopg.Error) as error:
            first_line = str(error).strip().partition("\n")[0]
            raise CommandError(f"{first_line}. Try again: the move goes on where it was.") from None
        self.stdout.write(f"{slug} lives in {called(target)}: {sum(copied.values())} rows moved.")

    def _undo(self, slug: str) -> None:
        tenant = Tenant.objects.using("system").filter(slug=slug).first()
        move = move_of(tenant.pk) if tenant is not None else None
        if move is None:
            raise MoveRefused(f"No move of {slug!r} is under way.")
        undo_move(move)
        self.stdout.write(f"{slug} is back at work in {called(move.source)}.")

    def _say(self, step: str) -> None:
        said = {
            "begun": "Closed: waiting until its charge points are gone.",
            "closed": "Nothing is at work for it any more: copying.",
            "switched": "Open again in its new place: erasing the old rows.",
        }
        if step in said:
            self.stdout.write(said[step])

    @contextmanager
    def _bar(self, what: str, tables: int) -> Iterator[Progress]:
        """A bar over the tables; it moves within one, too, and appears with the first."""
        done: set[str] = set()
        bar: Any = None

        def advance(table: str, share: float, rows: int) -> None:
            nonlocal bar
            if bar is None:
                bar = tqdm(total=tables, desc=what, disable=None, file=self.stderr, bar_format=BAR)
            bar.set_postfix_str(f"{table}: {rows:,} rows", refresh=False)
            bar.update(max(0.0, len(done - {table}) + share - bar.n))
            if share >= 1.0:
                done.add(table)

        try:
            yield advance
        finally:
            if bar is not None:
                bar.close()


def _actor() -> str:
    """Who sits at the machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
