"""Many rows of one model, written in one statement: columns as arrays that the database takes apart (`unnest`).

As `bulk_create` and `bulk_update` do, without a Python call for each value: in a round of load management over five hundred
connectors, with its commands, profiles, log and ledger, these were half of the processor's time; an import that changes
20,000 rows took most of a minute. Rows must be complete; no signals.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import orjson
from django.db.models import Field, Model
from django.utils import timezone

from tenants.arrays import array_literal
from tenants.context import scope_alias, scope_connection

AnyField: TypeAlias = "Field[Any, Any]"

# How a value of such a field is sent. Lengths and places are checked where it is assigned to its column.
SENT_AS = {
    "AutoField": "integer",
    "BigAutoField": "bigint",
    "BigIntegerField": "bigint",
    "BooleanField": "boolean",
    "CharField": "text",
    "DateTimeField": "timestamptz",
    "DecimalField": "numeric",
    "FloatField": "double precision",
    "IntegerField": "integer",
    "JSONField": "jsonb",
    "PositiveIntegerField": "integer",
    "PositiveSmallIntegerField": "integer",
    "SmallIntegerField": "integer",
    "TextField": "text",
    "UUIDField": "uuid",
}


def insert_rows(rows: Sequence[Model]) -> None:
    """Insert them, in the open scope of their tenant; they are given their ids. Nothing for none."""
    if not rows:
        return
    meta = rows[0]._meta
    fields = [field for field in meta.local_concrete_fields if not _is_given_by_database(field)]
    _set_times(rows, [field for field in fields if getattr(field, "auto_now_add", False)])
    _set_times(rows, [field for field in fields if getattr(field, "auto_now", False)])
    returned = meta.pk if meta.pk is not None and _is_given_by_database(meta.pk) else None
    statement = (
        f"INSERT INTO {_quoted(meta.db_table)} ({_names(fields)}) "
        f"SELECT {_read(fields)} FROM unnest({_arrays(fields)}) AS given ({_names(fields)})"
    )
    if returned is not None:
        statement += f" RETURNING {_quoted(returned.column)}"
    with scope_connection().cursor() as cursor:
        cursor.execute(statement, _columns(rows, fields))
        if returned is not None:
            for row, (pk,) in zip(rows, cursor.fetchall(), strict=True):
                row.pk = pk
    for row in rows:
        row._state.adding, row._state.db = False, scope_alias()


def update_rows(rows: Sequence[Model], names: Iterable[str]) -> None:
    """Write these fields (`attname`s) of rows that are stored already. Nothing for none."""
    wanted = set(names)
    if not rows or not wanted:
        return
    meta = rows[0]._meta
    (pk,) = (field for field in meta.local_concrete_fields if field.primary_key)
    auto = [field for field in meta.local_concrete_fields if getattr(field, "auto_now", False)]
    _set_times(rows, auto)
    wanted |= {field.attname for field in auto}
    fields = [field for field in meta.local_concrete_fields if field.attname in wanted]
    sets = ", ".join(f"{_quoted(field.column)} = given.{_value(field)}" for field in fields)
    key = _quoted(pk.column)
    statement = (
        f"UPDATE {_quoted(meta.db_table)} AS kept SET {sets} "
        f"FROM unnest({_arrays([pk, *fields])}) AS given ({_names([pk, *fields])}) WHERE kept.{key} = given.{key}"
    )
    with scope_connection().cursor() as cursor:
        cursor.execute(statement, _columns(rows, [pk, *fields]))


def _is_given_by_database(field: AnyField) -> bool:
    return field.get_internal_type() in ("AutoField", "BigAutoField")


def _set_times(rows: Sequence[Model], fields: Sequence[AnyField]) -> None:
    for field in fields:
        for row in rows:
            # Each its own: what is stored in an order can be read in it.
            setattr(row, field.attname, timezone.now())


def _names(fields: Sequence[AnyField]) -> str:
    return ", ".join(_quoted(field.column) for field in fields)


def _quoted(name: str | None) -> str:
    # A concrete field has a column.
    return f'"{name}"'


def _read(fields: Sequence[AnyField]) -> str:
    return ", ".join(_value(field) for field in fields)


def _value(field: AnyField) -> str:
    name = _quoted(field.column)
    return f"{name}::jsonb" if sent_as(field) == "jsonb" else name


def _arrays(fields: Sequence[AnyField]) -> str:
    return ", ".join(f"%s::{'text' if sent_as(field) == 'jsonb' else sent_as(field)}[]" for field in fields)


def sent_as(field: AnyField) -> str:
    """The PostgreSQL type that its values are sent as. KeyError for a field that nobody has thought of yet."""
    while field.remote_field is not None:
        field = field.target_field  # type: ignore[attr-defined]
    return SENT_AS[field.get_internal_type()]


def _columns(rows: Sequence[Model], fields: Sequence[AnyField]) -> list[str]:
    columns = zip(*map(attrgetter(*(field.attname for field in fields)), rows), strict=True)
    return [
        array_literal(_as_json(column) if sent_as(field) == "jsonb" else column)
        for column, field in zip(columns, fields, strict=True)
    ]


def _as_json(column: Iterable[Any]) -> list[str | None]:
    return [None if value is None else orjson.dumps(value).decode() for value in column]
