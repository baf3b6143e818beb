"""Rows of one tenant, written as sets: `INSERT ... SELECT`, with the defaults that the models have in Python."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db.models import NOT_PROVIDED, DateField, Field, JSONField, Model
from psycopg import sql

from tenants.context import system_connection


@dataclass(frozen=True, slots=True)
class Rows:
    """Whose rows, and of which chance. Used within one system transaction; SQL given to it is our own, never input."""

    tenant_id: int
    seed: int
    now: datetime
    zone: str

    def run(self, statement: str) -> int:
        """The number of rows that it wrote."""
        with system_connection().cursor() as cursor:
            cursor.execute(statement)
            return max(0, int(cursor.rowcount))

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of an answer."""
        with system_connection().cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def insert(self, model: type[Model], values: Mapping[str, str], source: str) -> int:
        """`values`: column -> SQL expression over `source` (`FROM ...`). Columns left out have the model's default."""
        return self.run(self.insertion(model, values, source))

    def insertion(self, model: type[Model], values: Mapping[str, str], source: str) -> str:
        """The statement of `insert`. ValueError for a column that is missing, or none of the model's."""
        given = {"tenant_id": str(self.tenant_id), **values}
        fields = [field for field in model._meta.local_concrete_fields if _is_written(field, given)]
        unknown = given.keys() - {field.column for field in fields}
        if unknown:
            raise ValueError(f"{model.__name__} has no column {', '.join(sorted(unknown))}")
        columns = {str(field.column): given.get(str(field.column)) or self._default(field) for field in fields}
        names = ", ".join(f'"{name}"' for name in columns)
        return f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {", ".join(columns.values())} {source}'

    def chance(self, key: str, salt: int) -> str:
        """A number in [0, 1) that belongs to the whole number `key`; another `salt`, another number."""
        return f"((hashint8extended(({key})::bigint, {self.seed * 1000 + salt}) & 4294967295)::float8 / 4294967296)"

    def pick(self, key: str, salt: int, choices: Sequence[str]) -> str:
        """One of the texts; one that stands there twice comes twice as often."""
        listed = ", ".join(quoted(one) for one in choices)
        return f"(ARRAY[{listed}])[1 + floor({self.chance(key, salt)} * {len(choices)})::int]"

    def uuid(self, key: str, salt: int) -> str:
        """A UUID that belongs to `key`."""
        return f"md5({quoted(f'{self.tenant_id}-{self.seed}-{salt}-')} || ({key}))::uuid"

    @property
    def at(self) -> str:
        """Now, as SQL."""
        return f"{quoted(self.now.isoformat())}::timestamptz"

    def _default(self, field: "Field[Any, Any]") -> str:
        if isinstance(field, DateField) and (field.auto_now or getattr(field, "auto_now_add", False)):
            return self.at
        value = None if field.default is uuid4 else field.get_default()
        if value is None and not field.null:
            raise ValueError(f"{field.model.__name__}.{field.name} has no default")
        return literal(value, field)


def _is_written(field: "Field[Any, Any]", given: Mapping[str, str]) -> bool:
    """Keys that the database counts up are left to it; random ones must be given."""
    if field.column in given:
        return True
    return not field.primary_key or field.default is not NOT_PROVIDED


def literal(value: Any, field: "Field[Any, Any] | None" = None) -> str:
    """A Python value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(field, ArrayField):
        return quoted("{" + ",".join(value) + "}")
    if isinstance(field, JSONField) or isinstance(value, dict | list):
        return f"{quoted(json.dumps(value))}::jsonb"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float | Decimal) else quoted(str(value))


def quoted(text: str) -> str:
    """Text as an SQL literal."""
    return str(sql.Literal(text).as_string())
