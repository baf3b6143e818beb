"""PostgreSQL, by three logins (DESIGN §5): app (row-level security), system, owner. One database, or more (ADR 12)."""

from typing import Any

import dj_database_url

from csms.settings.runtime import env_int, runtime
from csms.settings.tenant_databases import tenant_databases
from tenants.databases.names import APP, OWNER, SYSTEM, alias_of

# Databases of single tenants: name -> login -> address.
own_databases = tenant_databases()


def _alias(url: str, *, pool: bool) -> dict[str, Any]:
    config: dict[str, Any] = dict(dj_database_url.parse(url or "postgresql://unset@127.0.0.1:1/unset"))
    config["ENGINE"] = "django.db.backends.postgresql"
    config["ATOMIC_REQUESTS"] = False
    options = config.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    # A server-side cursor outlives a transaction-pooling proxy's lease on the connection.
    config["DISABLE_SERVER_SIDE_CURSORS"] = True
    if pool:
        # A round trip when a connection is taken; without it, every pooled one fails once after a restart of PostgreSQL.
        config["CONN_HEALTH_CHECKS"] = True
        # Threads of one process share these; the gateway's executor is sized to match.
        options["pool"] = {
            "min_size": 0,
            "max_size": env_int("CSMS_DB_POOL_SIZE", 8),
            "timeout": 10,
            "max_idle": 300,
        }
    return config


def databases(*, pool: bool) -> dict[str, dict[str, Any]]:
    """Django's DATABASES: `default` (app role), `system`, `owner` for migrations, perhaps a `replica`."""
    app_url, replica_url = runtime("database_url"), runtime("database_replica_url")
    aliases = {
        "default": _alias(app_url, pool=pool),
        "system": _alias(runtime("database_system_url") or app_url, pool=pool),
        "owner": _alias(runtime("database_owner_url") or app_url, pool=False),
    }
    if replica_url:
        # The app role's login, on a standby: reports and exports read there (tenants.context.report_transaction).
        aliases["replica"] = _alias(replica_url, pool=pool)
    for name, urls in own_databases.items():
        aliases |= aliases_of(name, urls, pool=pool)
    return aliases


def aliases_of(name: str, urls: dict[str, str], *, pool: bool) -> dict[str, dict[str, Any]]:
    """The three of a tenants' database: `default@name`, `system@name`, `owner@name`."""
    return {
        alias_of(APP, name): _alias(urls["app"], pool=pool),
        alias_of(SYSTEM, name): _alias(urls["system"], pool=pool),
        alias_of(OWNER, name): _alias(urls.get("owner", ""), pool=False),
    }
