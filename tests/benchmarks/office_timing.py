"""What a page takes: wall time, processor time here and in the database, its queries, and how large it is."""

import re
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OPTION = re.compile(rb"<option\b")
NUMBER = re.compile(r"\b\d+\b")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement as it was sent. `server`: ms of the database's processor, where that is on this machine."""

    ms: float
    server: float
    sql: str
    alias: str


@dataclass(slots=True)
class Timed:
    """One address, opened several times. `options`: of the selects on the page."""

    url: str
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    status: int = 0
    size: int = 0
    options: int = 0

    @property
    def p50(self) -> float:
        return statistics.median(self.walls)

    @property
    def p95(self) -> float:
        """Of a handful: the longest but one in twenty."""
        ordered = sorted(self.walls)
        return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]

    @property
    def best(self) -> float:
        return min(self.walls)

    @property
    def cpu(self) -> float:
        return min(self.cpus)

    @property
    def work(self) -> float:
        """ms of processor time, here and in the database: what the page takes on a machine that has nothing else to do."""
        return self.cpu + sum(query.server for query in self.queries)

    @property
    def database(self) -> float:
        """Of the last time."""
        return sum(query.ms for query in self.queries)


@contextmanager
def recorded(queries: list[Query]) -> Iterator[None]:
    """All statements of this process's connections."""
    from django.db import connections

    def record(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        pid = context["connection"].connection.info.backend_pid
        started, busy = time.perf_counter(), _busy_ms(pid)
        try:
            return execute(statement, params, many, context)
        finally:
            took, served = (time.perf_counter() - started) * 1000, _busy_ms(pid) - busy
            queries.append(Query(took, served, _as_sent(context["cursor"], statement), context["connection"].alias))

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(record))
        yield


def _busy_ms(pid: int) -> float:
    """Processor time of a process (ms); 0 of one on another machine."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6
    except (OSError, IndexError):
        return 0.0


def _as_sent(cursor: Any, statement: Any) -> str:
    sent = getattr(getattr(cursor, "_query", None), "query", None) or getattr(cursor, "query", None)
    return sent.decode(errors="replace") if isinstance(sent, bytes) else str(sent or statement)


def open_page(client: Any, url: str, times: int, most_ms: float) -> tuple[Timed, Any]:
    """Opened once unmeasured, then `times` times (twice where it takes longer than ten times `most_ms`); the last answer."""
    timed, answer = Timed(url), client.get(url)
    for number in range(times):
        timed.queries = []
        with recorded(timed.queries):
            wall, cpu = time.perf_counter(), time.process_time()
            answer = client.get(url)
            timed.cpus.append((time.process_time() - cpu) * 1000)
            timed.walls.append((time.perf_counter() - wall) * 1000)
        if number and timed.walls[-1] > 10 * most_ms:
            break
    timed.status, content = answer.status_code, getattr(answer, "content", b"")
    timed.size, timed.options = len(content), len(OPTION.findall(content))
    return timed, answer


def shape(sql: str) -> str:
    """The statement without its numbers: what is asked again and again counts once."""
    return NUMBER.sub("n", " ".join(sql.split()))
