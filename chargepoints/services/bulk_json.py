"""A JSON column of many rows, each with its own value, in one statement. Knows nothing of what it holds."""

import json
from collections.abc import Sequence

from chargepoints.models import ChargePoint
from tenants.context import scope_connection


def set_json(rows: Sequence[ChargePoint], field: str) -> None:
    """Store `field` of each, in the open transaction of their tenant; `bulk_update` takes some fifty times as long."""
    column = next(one.column for one in ChargePoint._meta.concrete_fields if one.name == field)
    table = ChargePoint._meta.db_table
    statement = (
        f'UPDATE "{table}" SET "{column}" = given.value '
        "FROM unnest(%s::bigint[], %s::jsonb[]) AS given (id, value) "
        f'WHERE "{table}".id = given.id'
    )
    values = [json.dumps(getattr(row, field)) for row in rows]
    with scope_connection().cursor() as cursor:
        cursor.execute(statement, [[row.pk for row in rows], values])
