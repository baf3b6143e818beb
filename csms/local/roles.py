"""The three database logins (DESIGN §5), made with an administrator's connection."""

from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from psycopg import sql

from csms.local.problem import StartProblem

OWNER, APP, SYSTEM = "csms_owner", "csms_app", "csms_system"
# What row-level security stands on: none of them may switch it off.
UNPRIVILEGED = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION"


@dataclass(frozen=True)
class Server:
    """Where a database is reached."""

    host: str
    port: int
    database: str

    def url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{quote(password, safe='')}@{self.host}:{self.port}/{self.database}"


def ensure_roles(admin: "psycopg.Connection[tuple[object, ...]]", passwords: dict[str, str], *, createdb: bool) -> None:
    """Create or correct the logins in `passwords` (role -> password). StartProblem where the login may not."""
    for role, password in passwords.items():
        exists = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        attributes = UNPRIVILEGED + (" CREATEDB" if createdb and role == OWNER else " NOCREATEDB")
        verb = "ALTER" if exists else "CREATE"
        try:
            admin.execute(
                sql.SQL("{} ROLE {} {} PASSWORD {}").format(
                    sql.SQL(verb), sql.Identifier(role), sql.SQL(attributes), sql.Literal(password)
                )
            )
        except psycopg.errors.InsufficientPrivilege as error:
            raise StartProblem(
                f"The login of DATABASE_URL may not create the role {role}: name one that may, or set "
                "DATABASE_URL, DATABASE_SYSTEM_URL and DATABASE_OWNER_URL to roles made beforehand."
            ) from error


def ensure_database(admin: "psycopg.Connection[tuple[object, ...]]", name: str, owner: str) -> None:
    """Create the database if it isn't there."""
    if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
