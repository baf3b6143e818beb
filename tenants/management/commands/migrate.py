"""`migrate` as the owner of the tables: the runtime roles may not change the schema."""

from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as DjangoMigrate

from tenants.router import OWNER_ALIAS


class Command(DjangoMigrate):
    """Django's migrate, on the alias `owner` unless another is named."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER_ALIAS)
