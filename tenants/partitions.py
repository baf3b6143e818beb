"""Tables in daily partitions: made ahead, dropped whole when their day is past keeping.

The runtime roles own no table, so they make and drop partitions only through two SECURITY DEFINER
functions that accept nothing but a daily-partitioned table of this database and a day. There is no
default partition: it would block creating and detaching ranges. Days are UTC.
"""

from datetime import date, timedelta

from django.conf import settings

from tenants.context import system_connection

CREATE_FUNCTIONS = """
CREATE TABLE csms_partitioned_table (name text PRIMARY KEY);

CREATE FUNCTION csms_ensure_partition(parent text, day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE part text := parent || '_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF NOT EXISTS (SELECT 1 FROM csms_partitioned_table WHERE name = parent) THEN
        RAISE EXCEPTION '% is not a table in daily partitions', parent;
    END IF;
    IF to_regclass(quote_ident(part)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Two sweeps at once: the second waits here and then finds the partition made.
    PERFORM pg_advisory_xact_lock(hashtext('csms_partition_' || parent));
    IF to_regclass(quote_ident(part)) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
        part, parent,
        to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00'
    );
    RETURN true;
END $$;

CREATE FUNCTION csms_drop_partition(parent text, day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE part text := parent || '_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF NOT EXISTS (SELECT 1 FROM csms_partitioned_table WHERE name = parent) THEN
        RAISE EXCEPTION '% is not a table in daily partitions', parent;
    END IF;
    IF to_regclass(quote_ident(part)) IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', part);
    RETURN true;
END $$;

CREATE FUNCTION csms_partition_days(parent text) RETURNS SETOF date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT to_date(right(child.relname, 8), 'YYYYMMDD')
    FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent_class ON parent_class.oid = inhparent
    WHERE parent_class.relname = parent AND child.relname ~ '_[0-9]{8}$'
    ORDER BY 1
$$;

REVOKE ALL ON FUNCTION csms_ensure_partition(text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION csms_drop_partition(text, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION csms_partition_days(text) FROM PUBLIC;
"""
DROP_FUNCTIONS = """
DROP FUNCTION csms_partition_days(text);
DROP FUNCTION csms_drop_partition(text, date);
DROP FUNCTION csms_ensure_partition(text, date);
DROP TABLE csms_partitioned_table;
"""


def function_grants() -> str:
    """Only the system role keeps partitions."""
    functions = "csms_ensure_partition(text, date), csms_drop_partition(text, date), csms_partition_days(text)"
    return f'GRANT EXECUTE ON FUNCTION {functions} TO "{settings.DATABASE_SYSTEM_ROLE}"'


def register_sql(table: str, *, days_back: int = 1) -> str:
    """Make `table` one that the functions accept, with partitions from `days_back` ago to a week ahead."""
    return (
        f"INSERT INTO csms_partitioned_table VALUES ('{table}');"
        f"SELECT csms_ensure_partition('{table}', day::date) "
        f"FROM generate_series((now() AT TIME ZONE 'UTC')::date - {days_back}, (now() AT TIME ZONE 'UTC')::date + 7, "
        "interval '1 day') AS day"
    )


def ensure_partitions(table: str, first: date, last: date) -> int:
    """Make the partitions of all days from `first` to `last`; the number that were missing."""
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    with system_connection().cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM unnest(%s::date[]) AS day WHERE csms_ensure_partition(%s, day)", [days, table]
        )
        return int(cursor.fetchone()[0])


def partition_days(table: str) -> list[date]:
    """The days that `table` has a partition for, in order."""
    with system_connection().cursor() as cursor:
        cursor.execute("SELECT csms_partition_days(%s)", [table])
        return [row[0] for row in cursor.fetchall()]


def drop_partitions_before(table: str, day: date) -> list[date]:
    """Drop the partitions of all days before `day`; the days dropped."""
    dropped = [old for old in partition_days(table) if old < day]
    for old in dropped:
        with system_connection().cursor() as cursor:
            cursor.execute("SELECT csms_drop_partition(%s, %s)", [table, old])
    return dropped
