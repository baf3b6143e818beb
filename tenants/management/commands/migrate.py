"""`migrate` as the owner of the tables: the runtime roles may not change the schema. All databases, the main one first."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import DatabaseError

from tenants.databases.names import MAIN, OWNER, alias_of, own_databases
from tenants.databases.numbering import WrongDatabase, spread_ids
from tenants.router import OWNER_ALIAS


class Command(DjangoMigrate):
    """Django's migrate, on the owner's alias of each database, unless the alias of another is named with `--database`."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER_ALIAS)
        parser.add_argument("--main-only", action="store_true", help="leave the databases of single tenants alone")

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        others = () if options["database"] != OWNER_ALIAS or options.get("main_only") else own_databases()
        failed = [name for name in others if not self._migrate(name, args, options)]
        if failed:
            raise CommandError(f"Not migrated: {', '.join(failed)}. The other databases are.")
        if others and not (options["plan"] or options["check_unapplied"] or options["app_label"]):
            self._number()

    def _migrate(self, database: str, args: Any, options: dict[str, Any]) -> bool:
        """Whether it went well; what didn't is said at once, and the others have their turn."""
        if options["verbosity"] >= 1:
            self.stdout.write(self.style.MIGRATE_HEADING(f"Database {database}:"))
        try:
            super().handle(*args, **{**options, "database": alias_of(OWNER, database)})
        except (DatabaseError, CommandError) as error:
            self.stderr.write(self.style.ERROR(f"{database}: {str(error).strip().partition(chr(10))[0]}"))
            return False
        return True

    def _number(self) -> None:
        """Ids of different databases are apart (tenants.databases.numbering)."""
        for database in (MAIN, *own_databases()):
            try:
                spread_ids(database)
            except WrongDatabase as error:
                raise CommandError(f"CSMS_TENANT_DATABASES: {error}.") from None
