"""The local system's database and Redis: embedded ones, or real ones named in the environment."""

import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from csms.local.files import read_json, write_json
from csms.local.postgres import EmbeddedPostgres
from csms.local.problem import StartProblem
from csms.local.redis import EmbeddedRedis
from csms.local.roles import APP, OWNER, SYSTEM, Server, ensure_database, ensure_roles

DATABASE = "csms"


class LocalServices:
    """What must run before Django can. `postgres` and `redis` are None where real servers are used."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.postgres = None if os.environ.get("DATABASE_URL") else EmbeddedPostgres(data / "postgres")
        self.redis = None if os.environ.get("REDIS_URL") else EmbeddedRedis(data / "redis")

    def start(self) -> dict[str, str]:
        """Start what is embedded; the content of runtime.json, which is written."""
        runtime = read_json(self.data / "runtime.json")
        for server in (self.postgres, self.redis):
            if server is not None:
                server.prepare()
                server.start()
        runtime.setdefault("secret_key", secrets.token_urlsafe(64))
        runtime.setdefault("password_key", secrets.token_urlsafe(64))
        runtime |= self._database_urls(runtime)
        if self.redis is not None:
            self.redis.wait_ready()
            runtime["redis_url"] = self.redis.url()
        else:
            runtime["redis_url"] = os.environ["REDIS_URL"]
        # The keys of a running system outlive everything: losing them would lock all stations out.
        # Of whoever runs `manage.py` beside it, too.
        runtime.pop("tenant_databases", None)
        if given := os.environ.get("CSMS_TENANT_DATABASES"):
            runtime["tenant_databases"] = given if given.lstrip().startswith("{") else str(Path(given).resolve())
        write_json(self.data / "runtime.json", runtime)
        return {name: str(value) for name, value in runtime.items()}

    def stop(self) -> None:
        for server in (self.redis, self.postgres):
            if server is not None:
                server.stop()

    def _database_urls(self, runtime: dict[str, str]) -> dict[str, str]:
        given = os.environ.get("DATABASE_URL", "")
        system = os.environ.get("DATABASE_SYSTEM_URL", "")
        if self.postgres is None and system:
            owner = os.environ.get("DATABASE_OWNER_URL", "")
            return {"database_url": given, "database_system_url": system, "database_owner_url": owner or given}
        if self.postgres is not None:
            self.postgres.wait_ready()
            server = Server("127.0.0.1", self.postgres.port, DATABASE)
            return make_logins(self.postgres.admin_url(), server, runtime, owner=True)
        parts = urlsplit(given)
        server = Server(parts.hostname or "127.0.0.1", parts.port or 5432, unquote(parts.path.lstrip("/")))
        return {"database_owner_url": given} | make_logins(given, server, runtime, owner=False)


def make_logins(
    admin_url: str, server: Server, runtime: dict[str, str], *, owner: bool, createdb: bool = False
) -> dict[str, str]:
    """The runtime logins, with the passwords they have in `runtime` or new ones. `owner`: a role of its own owns."""
    roles = {APP: "database_url", SYSTEM: "database_system_url"} | ({OWNER: "database_owner_url"} if owner else {})
    passwords = {role: _password(runtime.get(name, "")) for role, name in roles.items()}
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as admin:
            ensure_roles(admin, passwords, createdb=createdb)
            if owner:
                ensure_database(admin, server.database, OWNER)
    except psycopg.OperationalError as error:
        raise StartProblem(f"The database of DATABASE_URL can't be reached: {str(error).splitlines()[0]}") from None
    return {name: server.url(role, passwords[role]) for role, name in roles.items()}


def _password(url: str) -> str:
    known = urlsplit(url).password if url else None
    return unquote(known) if known else secrets.token_urlsafe(24)
