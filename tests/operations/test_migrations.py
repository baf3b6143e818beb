"""Migrations that a running system bears (docs/operations.md "Upgrades"): the old code works on the new tables.

A finding is mended by expanding first and contracting in a later release. Where it can't hurt (a table that nobody
reads yet, a lock on a table of a few rows), it is listed in KNOWN with the reason.
"""

from pathlib import Path

import pytest
from django.db.migrations import Migration
from django_migration_linter import MigrationLinter
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements

ROOT = Path(__file__).resolve().parents[2]

# Up to there nothing was in operation.
FREE_UNTIL = {"tenants": 5, "chargepoints": 7, "metering": 7, "smartcharging": 3}
# (app, migration): findings that are accepted, each with its reason.
KNOWN: dict[tuple[str, str], set[str]] = {}


@pytest.fixture(scope="module")
def linter(django_db_blocker: object) -> MigrationLinter:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        return MigrationLinter(
            str(ROOT), database="owner", include_apps=list(FREE_UNTIL), no_cache=True, no_output=True
        )


def findings(linter: MigrationLinter, migration: Migration) -> set[str]:
    """Codes of what the linter has against it, warnings too: `RunPython` without a way back is one of them."""
    # ProtectTable's, which comes with a table that is new.
    statements = [one for one in linter.get_sql(migration.app_label, migration.name) if "_tenant_uniq" not in one]
    errors, _, warnings = analyse_sql_statements(linter.sql_analyser_class, statements, [])
    data_errors, _, data_warnings = linter.analyse_data_migration(migration)
    return {issue.code for issue in (*errors, *warnings, *data_errors, *data_warnings)}


def test_every_migration_leaves_the_old_code_working(db: None, linter: MigrationLinter) -> None:
    migrations = [
        migration
        for (app, name), migration in sorted(linter.migration_loader.disk_migrations.items())
        if app in FREE_UNTIL and int(name[:4]) > FREE_UNTIL[app]
    ]
    found = {(one.app_label, one.name): findings(linter, one) for one in migrations}
    new = {name: codes - KNOWN.get(name, set()) for name, codes in found.items()}
    assert {name: codes for name, codes in new.items() if codes} == {}, "expand first, contract in a later release"
    assert {name for name, codes in KNOWN.items() if codes - found.get(name, set())} == set(), "KNOWN, and not found"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ('ALTER TABLE "t" ADD COLUMN "c" integer NOT NULL', "NOT_NULL"),
        ('ALTER TABLE "t" DROP COLUMN "c" CASCADE', "DROP_COLUMN"),
        ('ALTER TABLE "t" RENAME COLUMN "c" TO "d"', "RENAME_COLUMN"),
        ('ALTER TABLE "t" RENAME TO "u"', "RENAME_TABLE"),
        ('DROP TABLE "t" CASCADE', "DROP_TABLE"),
        ('ALTER TABLE "t" ALTER COLUMN "c" TYPE bigint', "ALTER_COLUMN"),
        ('CREATE INDEX "i" ON "t" ("c")', "CREATE_INDEX"),
    ],
)
def test_what_stops_a_running_system_is_found(linter: MigrationLinter, statement: str, code: str) -> None:
    errors, _, warnings = analyse_sql_statements(linter.sql_analyser_class, ["BEGIN", statement, "COMMIT"], [])
    assert code in {issue.code for issue in (*errors, *warnings)}


def test_an_index_that_is_built_beside_the_work_is_fine(linter: MigrationLinter) -> None:
    statements = ['CREATE INDEX CONCURRENTLY "i" ON "t" ("c")']
    errors, _, warnings = analyse_sql_statements(linter.sql_analyser_class, statements, [])
    assert (errors, warnings) == ([], [])
