"""How much room a tenant's rows take: estimated from what the planner knows, so that no page counts them."""

import json
from dataclasses import dataclass
from typing import Any

from tenants.context import system_connection, system_transaction, where_lives
from tenants.owned import owned_tables

# Partitions count with their table; indexes and long values count too. An OR instead of the UNION would look through the whole
# catalogue for each table.
SIZES = """
SELECT root.relname, sum(pg_total_relation_size(part.oid)), sum(GREATEST(part.reltuples, 0))
FROM pg_class root
CROSS JOIN LATERAL (SELECT root.oid UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = root.oid) found (oid)
JOIN pg_class part ON part.oid = found.oid
WHERE root.relnamespace = 'public'::regnamespace AND root.relname = ANY(%s) GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A table's share that is the tenant's: rows and bytes, roughly (as of the table's last ANALYZE)."""

    table: str
    label: str
    rows: int
    bytes: int


def storage_of(tenant_id: int) -> list[Stored]:
    """The tables with rows of the tenant, the largest first. A query plan for each; no row is read."""
    tables = {table.name: table for table in owned_tables()}
    found = []
    with where_lives(tenant_id), system_transaction(), system_connection().cursor() as cursor:
        cursor.execute(SIZES, [list(tables)])
        for name, size, total in cursor.fetchall():
            rows = _planned_rows(cursor, name, tenant_id) if total else 0
            if rows:
                share = min(1.0, rows / max(float(total), 1.0))
                label = str(tables[name].model._meta.verbose_name_plural)
                found.append(Stored(name, label, rows, int(int(size) * share)))
    return sorted(found, key=lambda stored: -stored.bytes)


def _planned_rows(cursor: Any, table: str, tenant_id: int) -> int:
    cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE tenant_id = %s", [tenant_id])
    plan = cursor.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return int(plan[0]["Plan"]["Plan Rows"])
