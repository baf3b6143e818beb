"""The migrated cluster of the tests, kept from run to run: migrating takes longer than a run of a few tests."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from csms.local.files import read_json, write_json
from csms.local.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / ".data" / "test-clusters"
# All that the migrated database is made of, and the modules of ours that the migrations import.
SOURCES = (
    "requirements.txt",
    "*/migrations/*.py",
    "csms/settings/__init__.py",
    "csms/local/kept_cluster.py",
    "csms/local/postgres.py",
    "csms/local/roles.py",
)
IMPORT = re.compile(r"^\s*(?:from|import) ((?:csms|tenants|chargepoints|metering|smartcharging)\.[\w.]+)", re.MULTILINE)
MOST = 3


class KeptCluster:
    """Of the sources as they are now."""

    def __init__(self) -> None:
        self._place = _place()

    def fetch(self, postgres: EmbeddedPostgres) -> bool:
        """Put it where `postgres` will look for its own; False where none is kept of these sources."""
        if not self._place.exists():
            return False
        postgres.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            _copy(self._place, postgres.folder)
        except subprocess.CalledProcessError:
            # Thrown away by another run meanwhile.
            shutil.rmtree(postgres.folder, ignore_errors=True)
            return False
        # Its port is another server's by now.
        state = read_json(postgres.folder / "state.json")
        write_json(postgres.folder / "state.json", {name: value for name, value in state.items() if name != "port"})
        return True

    def keep(self, postgres: EmbeddedPostgres) -> None:
        """Keep that of a server that runs and was migrated. It is stopped and started for that."""
        if _place() != self._place:
            # Somebody changed the sources while they were migrated.
            return
        postgres.stop()
        FOLDER.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=FOLDER))
        try:
            _copy(postgres.folder, draft / "cluster")
            (draft / "cluster").rename(self._place)
        except (OSError, subprocess.CalledProcessError):
            # Another run was quicker, or there is no space: the next one migrates as well.
            pass
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        for old in sorted(FOLDER.glob("kept-*"), key=lambda path: path.stat().st_ctime)[:-MOST]:
            shutil.rmtree(old, ignore_errors=True)
        postgres.start()
        postgres.wait_ready()


def _place() -> Path:
    """Named by a hash of the sources, of settings from the environment, and of the day: partitions begin with it."""
    given = sorted(item for item in os.environ.items() if item[0].startswith(("METERING_", "CSMS_DATABASE_")))
    found = hashlib.sha256(repr((datetime.now(UTC).date(), os.geteuid(), given)).encode())
    sources = {path for pattern in SOURCES for path in ROOT.glob(pattern)}
    modules = {module for path in sources for module in _imported(path.read_text())}
    for path in sorted(sources | modules):
        found.update(str(path.relative_to(ROOT)).encode())
        found.update(path.read_bytes())
    return FOLDER / f"kept-{found.hexdigest()[:32]}"


def _imported(text: str) -> Iterator[Path]:
    """Modules of ours."""
    for name in IMPORT.findall(text):
        path = ROOT / (name.replace(".", "/") + ".py")
        if path.exists():
            yield path


def _copy(source: Path, target: Path) -> None:
    """With owners: PostgreSQL runs as a user of its own where we are root."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)  # noqa: S603, S607 (every system has it)
