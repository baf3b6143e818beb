"""What a database is beside its rows: tables, walls, grants, keys, partitions, functions. For comparing two of them."""

import re
from typing import Any

import psycopg

# Each gives lines of text that don't depend on the server's internal numbers.
ACL = "(SELECT array_agg(item::text ORDER BY item::text) FROM unnest({}) AS item)"
LINES = {
    "tables": f"""
        SELECT concat_ws(' ', c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity,
            'grants', {ACL.format("c.relacl")}, 'of', i.inhparent::regclass, pg_get_expr(c.relpartbound, c.oid))
        FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v', 'm')""",
    "columns": f"""
        SELECT concat_ws(' ', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity, pg_get_expr(d.adbin, d.adrelid), 'grants', {ACL.format("a.attacl")})
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped""",
    "policies": """
        SELECT concat_ws(' ', tablename, policyname, permissive, roles::text, cmd, qual, 'check', with_check)
        FROM pg_policies WHERE schemaname = 'public'""",
    "constraints": """
        SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "functions": f"""
        SELECT concat_ws(' ', p.oid::regprocedure, pg_get_userbyid(p.proowner), p.prosecdef, p.proconfig::text,
            md5(p.prosrc), 'grants', {ACL.format("p.proacl")})
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace""",
    "triggers": """
        SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal""",
    "default grants": f"""
        SELECT concat_ws(' ', pg_get_userbyid(defaclrole), defaclobjtype, {ACL.format("defaclacl")}) FROM pg_default_acl""",
    "schema": f"SELECT concat_ws(' ', nspname, {ACL.format('nspacl')}) FROM pg_namespace WHERE nspname = 'public'",
}
ROWS = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname
"""

Catalog = dict[str, list[str]]
_CASTS = re.compile(r"::(character varying|text)(\[\])?|[()]")


def read_catalog(connection: "psycopg.Connection[Any]") -> Catalog:
    """All of it, sorted."""
    return {kind: sorted(row[0] for row in connection.execute(statement)) for kind, statement in LINES.items()}


def count_rows(connection: "psycopg.Connection[Any]") -> dict[str, int]:
    """Exactly, of every table and partition: as long as reading them all takes."""
    tables = [row[0] for row in connection.execute(ROWS)]
    counts = {}
    for table in tables:
        statement = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
        row = connection.execute(statement).fetchone()
        counts[table] = int(row[0]) if row else 0
    return counts


def _plain(kind: str, line: str) -> str:
    """Without casts and brackets where there are conditions: PostgreSQL reads its own words back and writes them otherwise."""
    return _CASTS.sub("", line) if kind in ("indexes", "constraints") else line


def differences(wanted: Catalog, found: Catalog) -> list[str]:
    """One sentence for each line that is missing or too many."""
    said = []
    for kind in sorted(wanted.keys() | found.keys()):
        before = {_plain(kind, line): line for line in wanted.get(kind, [])}
        after = {_plain(kind, line): line for line in found.get(kind, [])}
        said += [f"{kind}: missing: {before[line]}" for line in sorted(before.keys() - after.keys())]
        said += [f"{kind}: not in the backup: {after[line]}" for line in sorted(after.keys() - before.keys())]
    return said
