"""`scripts/run`: the whole system on this machine, until Ctrl-C."""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from csms.local import process
from csms.local.files import explain, make_data_dir, read_json, write_json
from csms.local.ports import HOST, require_free
from csms.local.problem import StartProblem
from csms.local.supervisor import Supervisor, procfile_spawns
from csms.local.system import LocalServices

ROOT = Path(__file__).resolve().parent.parent.parent
READY_S = 90.0


class Stopped(Exception):
    """A signal asked for the end."""


def main() -> int:
    """Exit code 0 after a wanted end, 1 after a problem that was said in one line."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    data = Path(os.environ.get("CSMS_DATA_DIR") or ROOT / ".data").resolve()
    try:
        make_data_dir(data)
        with _only_one(data):
            return _run(data, demo=options.demo)
    except StartProblem as problem:
        print(f"\nscripts/run: {problem}", file=sys.stderr)
        return 1
    except Stopped:
        return 0
    except OSError as error:
        print(f"\nscripts/run: {explain(error, data)}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/run", description="Run the whole system on this machine.")
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="start no simulated charge points")
    return parser.parse_args()


def _on_signal(number: int, frame: FrameType | None) -> None:
    # Once: a second signal must not interrupt the stopping.
    for known in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(known, signal.SIG_IGN)
    raise Stopped


@contextlib.contextmanager
def _only_one(data: Path):  # type: ignore[no-untyped-def]
    with (data / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartProblem(
                f"The system already runs on {data}: stop that one, or set CSMS_DATA_DIR for another."
            ) from None
        yield


def _run(data: Path, *, demo: bool) -> int:
    web, gateway = _port("CSMS_WEB_PORT", 8000), _port("CSMS_GATEWAY_PORT", 9000)
    require_free(web, "web server", "CSMS_WEB_PORT")
    require_free(gateway, "gateway", "CSMS_GATEWAY_PORT")
    services, supervisor = LocalServices(data), Supervisor()
    began = time.monotonic()
    (data / "static").mkdir(exist_ok=True)
    try:
        _step("database and Redis")
        runtime = services.start()
        for note in services.postgres.notes if services.postgres else []:
            print(f"  note: {note}")
        env = _environment(data, runtime, web, gateway)
        _watch_services(services, supervisor)
        _manage("migrate", ["migrate", "--verbosity", "0"], env)
        _manage("demo tenant", ["ensure_demo", "--credentials", str(data / "credentials.json")], env)
        _write_credentials(data, web, gateway)
        _step("gateway, web, worker, beat" + (", simulated fleet" if demo else ""))
        for name, spawn in procfile_spawns(ROOT / "Procfile", env, set() if demo else {"fleet"}).items():
            supervisor.add(name, spawn)
        _wait_ready(supervisor, [web, gateway])
        _tell(supervisor, data, time.monotonic() - began, web=web, gateway=gateway)
        while True:
            supervisor.watch_once()
            time.sleep(0.2)
    except Stopped:
        print("\nstopping ...", flush=True)
        return 0
    finally:
        _stop(services, supervisor)


def _stop(services: LocalServices, supervisor: Supervisor) -> None:
    """Those that use the database first."""
    embedded = [server.child for server in (services.postgres, services.redis) if server is not None]
    supervisor.watched = [watched for watched in supervisor.watched if watched.child not in embedded]
    supervisor.stop_all()
    services.stop()


def _watch_services(services: LocalServices, supervisor: Supervisor) -> None:
    for name, server in (("postgres", services.postgres), ("redis", services.redis)):
        if server is not None:
            supervisor.add(name, _restart(server.start, lambda server=server: server.child), server.child)  # type: ignore[misc]


def _restart(
    start: Callable[[], None], child: Callable[[], "subprocess.Popen[str] | None"]
) -> Callable[[], "subprocess.Popen[str]"]:
    def spawn() -> "subprocess.Popen[str]":
        start()
        started = child()
        assert started is not None  # noqa: S101 (just started)
        return started

    return spawn


def _environment(data: Path, runtime: dict[str, str], web: int, gateway: int) -> dict[str, str]:
    names = {name: f"CSMS_{name.upper()}" for name in ("secret_key", "password_key", "tenant_databases")}
    return (
        os.environ
        | {names.get(name, name.upper()): value for name, value in runtime.items()}
        | {
            "CSMS_DATA_DIR": str(data),
            "CSMS_WEB_PORT": str(web),
            "CSMS_GATEWAY_PORT": str(gateway),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
            # Root is fine on a machine of one's own; the warnings are for operators of a deployment.
            "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
            "CSMS_LOG_LEVEL": os.environ.get("CSMS_LOG_LEVEL", "WARNING"),
        }
    )


def _manage(what: str, arguments: list[str], env: dict[str, str]) -> None:
    """A management command as a child that ends with us."""
    _step(what)
    child = process.start([sys.executable, str(ROOT / "manage.py"), *arguments], env=env, cwd=ROOT)
    try:
        said, _ = child.communicate()
    finally:
        process.stop(child, patience_s=5)
    if child.returncode:
        last = [line for line in said.strip().splitlines() if line.strip()]
        raise StartProblem(f"{what} failed: {last[-1] if last else f'exit {child.returncode}'}")


def _step(what: str) -> None:
    print(f"  {what} ...", flush=True)


def _port(variable: str, default: int) -> int:
    raw = os.environ.get(variable) or str(default)
    if not raw.isdigit() or not 0 < int(raw) < 65536:
        raise StartProblem(f"{variable} must be a port number, not {raw!r}.")
    return int(raw)


def _write_credentials(data: Path, web: int, gateway: int) -> None:
    path = data / "credentials.json"
    addresses = {
        "admin_url": f"http://{HOST}:{web}/admin/",
        "api_url": f"http://{HOST}:{web}/api/v1/",
        "ocpp_url": f"ws://{HOST}:{gateway}/",
    }
    write_json(path, addresses | {key: value for key, value in read_json(path).items() if key not in addresses})


def _wait_ready(supervisor: Supervisor, ports: list[int]) -> None:
    deadline = time.monotonic() + READY_S
    waiting = list(ports)
    while waiting:
        supervisor.watch_once()
        waiting = [port for port in waiting if not _is_ready(port)]
        if waiting and time.monotonic() > deadline:
            raise StartProblem(f"The server on port {waiting[0]} was not ready within {READY_S:.0f} s (see above).")
        time.sleep(0.2)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _tell(supervisor: Supervisor, data: Path, seconds: float, *, web: int, gateway: int) -> None:
    known = json.loads((data / "credentials.json").read_text())
    print(
        f"\n  Ready in {seconds:.0f} s.\n"
        f"    Back office     http://{HOST}:{web}/admin/   user {known['username']}, password {known['password']}\n"
        f"    REST API        http://{HOST}:{web}/api/v1/docs\n"
        f"    Charge points   ws://{HOST}:{gateway}/<identity>   (OCPP 1.6, tenant {known['tenant']})\n"
        f"    All of this is in {data / 'credentials.json'}. Ctrl-C stops everything.\n",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
