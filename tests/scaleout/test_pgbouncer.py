"""The whole system through PgBouncer in transaction mode: nothing of it stands on a session of PostgreSQL.

Needs the `pgbouncer` program (Debian: the package of that name); skipped where there is none.
"""

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from csms.local import process
from csms.local.ports import HOST, choose
from csms.local.postgres import SYSTEM_USER
from tests.conftest import eventually
from tests.e2e.cluster import Cluster
from tests.e2e.stack import own_folder
from tests.scaleout.worlds import World, cluster_of

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(PROGRAM is None, reason="no pgbouncer program here: the system is not tried behind one"),
]
STATIONS = 12
CHARGE_S = 20
PATIENCE_S = 300
# Fewer connections to PostgreSQL than threads that want one: each transaction takes the next that is free.
SERVER_CONNECTIONS = 4
URLS = ("DATABASE_URL", "DATABASE_SYSTEM_URL")


class Bouncer:
    """In front of a cluster's PostgreSQL, for the runtime logins; migrations go past it."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.port = choose(None)
        urls = {name: urlsplit(cluster.environment[name]) for name in URLS}
        users = folder / "users.txt"
        users.write_text("".join(f'"{url.username}" "{unquote(url.password or "")}"\n' for url in urls.values()))
        self.admin = urls["DATABASE_URL"]
        file = folder / "pgbouncer.ini"
        file.write_text(
            f"[databases]\n* = host={HOST} port={cluster.postgres.port}\n"
            f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {users}\nadmin_users = {self.admin.username}\n"
            f"pool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\nmax_client_conn = 500\n"
        )
        # It refuses to run as root.
        user = SYSTEM_USER if os.geteuid() == 0 else None
        if user:
            for path in (folder, users, file):
                os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        self.child = process.start([str(PROGRAM), str(file)], output=subprocess.DEVNULL, user=user)
        for name, url in urls.items():
            netloc = f"{url.username}:{url.password}@{HOST}:{self.port}"
            cluster.environment[name] = url._replace(netloc=netloc).geturl()

    def shown(self, what: str) -> list[dict[str, object]]:
        """SHOW of its own console."""
        where = f"host={HOST} port={self.port} user={self.admin.username} password={unquote(self.admin.password or '')}"
        with psycopg.connect(f"{where} dbname=pgbouncer", autocommit=True, prepare_threshold=None) as console:
            cursor = psycopg.ClientCursor(console, row_factory=psycopg.rows.dict_row)
            return list(cursor.execute(f"SHOW {what}").fetchall())


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with cluster_of(gateways=1, webs=1, workers=1, senders=1, CSMS_DB_POOL="0") as cluster:
        yield cluster


@pytest.fixture
def bouncer(cluster: Cluster) -> Iterator[Bouncer]:
    with own_folder() as folder:
        bouncer = Bouncer(folder, cluster)
        yield bouncer
        process.stop(bouncer.child)


@pytest.fixture
async def world(cluster: Cluster, bouncer: Bouncer) -> AsyncIterator[World]:
    await eventually(lambda: cluster.listens(bouncer.port), PATIENCE_S)
    world = World(cluster, stations=STATIONS, trouble=False)
    yield world
    await world.close()


async def test_the_api_and_a_gateway_work_through_pgbouncer_in_transaction_mode(world: World, bouncer: Bouncer) -> None:
    await world.open(order_pause_s=0.05)
    await asyncio.sleep(CHARGE_S)
    pools = [pool for pool in bouncer.shown("POOLS") if pool["database"] == "csms"]
    await world.end(PATIENCE_S)
    assert {pool["pool_mode"] for pool in pools} == {"transaction"}
    assert {str(pool["user"]) for pool in pools} == {"csms_app", "csms_system"}
