"""Throw-away PostgreSQL and Redis for tests: one template database, a copy of it per worker."""

import atexit
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from csms.local.kept_cluster import KeptCluster
from csms.local.postgres import DURABLE, FAST, EmbeddedPostgres
from csms.local.redis import EmbeddedRedis
from csms.local.roles import OWNER, Server
from csms.local.system import make_logins

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = "csms_template"
# Set in the environment of everything below the process that started the services.
STARTED = "CSMS_TEST_SERVICES"


def start_services(*, durable: bool = False) -> None:
    """Start them, migrate the template, and name them in this process's environment. They end with it.

    `durable`: as `scripts/run` has them, for benchmarks.
    """
    folder = Path(tempfile.mkdtemp(prefix="csms-test-"))
    postgres = EmbeddedPostgres(folder / "postgres", DURABLE if durable else FAST)
    redis = EmbeddedRedis(folder / "redis", durable=durable)
    kept = KeptCluster()
    migrated = not durable and kept.fetch(postgres)
    for embedded in (postgres, redis):
        embedded.prepare()
        embedded.start()

    def stop() -> None:
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    postgres.wait_ready()
    redis.wait_ready()
    server = Server("127.0.0.1", postgres.port, TEMPLATE)
    urls = make_logins(postgres.admin_url(), server, {}, owner=True, createdb=True)
    os.environ.update({name.upper(): url for name, url in urls.items()})
    os.environ |= {
        "REDIS_URL": redis.url(),
        "CSMS_ENV": "test",
        "CSMS_DATA_DIR": str(folder),
        "CSMS_SECRET_KEY": secrets.token_urlsafe(64),
        "CSMS_PASSWORD_KEY": secrets.token_urlsafe(64),
        "CSMS_LOG_LEVEL": os.environ.get("CSMS_LOG_LEVEL", "WARNING"),
        STARTED: postgres.admin_url(),
    }
    if not migrated:
        command = [sys.executable, "-W", "ignore", str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        subprocess.run(command, check=True, cwd=ROOT)  # noqa: S603
        if not durable:
            kept.keep(postgres)


def make_database(name: str) -> None:
    """A fresh copy of the template."""
    with psycopg.connect(os.environ[STARTED], autocommit=True) as admin:
        identifier = sql.Identifier(name)
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                identifier, sql.Identifier(TEMPLATE), sql.Identifier(OWNER)
            )
        )


def use_worker_database() -> None:
    """Point this process's environment at a database and a Redis number of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"csms_test_{worker}"
    make_database(name)
    for variable in ("DATABASE_URL", "DATABASE_SYSTEM_URL", "DATABASE_OWNER_URL"):
        os.environ[variable] = os.environ[variable].rpartition("/")[0] + "/" + name
    number = int(worker.removeprefix("gw")) + 1 if worker.startswith("gw") else 0
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].rpartition("/")[0] + f"/{number}"
