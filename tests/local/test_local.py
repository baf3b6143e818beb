"""The local system's parts, without starting all of it (tests/e2e does that)."""

import signal
import socket
import sys
from pathlib import Path

import pytest

from csms.local import process
from csms.local.files import make_data_dir, read_json, write_json
from csms.local.ports import choose, is_free, require_free
from csms.local.problem import StartProblem
from csms.local.supervisor import FIRST_DELAY_S, Supervisor


def test_json_is_written_whole_private_and_read_leniently(tmp_path: Path) -> None:
    path = tmp_path / "runtime.json"
    assert read_json(path) == {}
    write_json(path, {"a": "b"})
    assert read_json(path) == {"a": "b"}
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text('{"a": ')
    assert read_json(path) == {}


def test_a_port_in_use_is_one_sentence_that_names_the_variable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        assert choose(port) != port
        with pytest.raises(StartProblem, match=f"Port {port} for the gateway .* CSMS_GATEWAY_PORT"):
            require_free(port, "gateway", "CSMS_GATEWAY_PORT")


def test_a_data_directory_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartProblem, match="data directory"):
        make_data_dir(tmp_path / "file" / "data")


def test_the_supervisor_brings_back_what_died_and_stops_all(capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor()
    supervisor.add("napper", lambda: process.start([sys.executable, "-c", "import time; time.sleep(600)"]))
    first = supervisor.watched[0].child
    assert first is not None
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    supervisor.watch_once()
    assert supervisor.watched[0].child is None
    supervisor.watched[0].due_at = 0
    supervisor.watch_once()
    second = supervisor.watched[0].child
    assert second is not None
    assert second.pid != first.pid
    supervisor.stop_all(patience_s=5)
    assert not process.is_alive(second.pid)
    assert f"killed by signal 9), starting it again in {FIRST_DELAY_S:g} s" in capsys.readouterr().out
