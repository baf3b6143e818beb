"""Queues and lags of the whole system: what lies in PostgreSQL and Redis, whichever process looks.

Read by at most one thread of a process, and not again for a few seconds, so that several scrapers cost as much as one.
Each query is bounded: by an index that holds only what waits, or by a limit. What can't be read is left out, and
`csms_system_readable` says so.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import prometheus_client
import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from csms.health.shared import FAMILIES, Value, read_database, read_redis

log = structlog.get_logger(__name__)

# Prometheus comes every 15 to 60 s.
KEPT_S = 10.0
SOURCES: dict[str, Callable[[], Iterable[Value]]] = {"database": read_database, "redis": read_redis}


class SystemCollector(Collector):
    """Gauges that are read when they are asked for."""

    def __init__(self, sources: dict[str, Callable[[], Iterable[Value]]] = SOURCES, kept_s: float = KEPT_S) -> None:
        self._sources, self._kept_s = sources, kept_s
        self._lock = threading.Lock()
        self._values: list[Value] = []
        self._read_at = float("-inf")

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families = {name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in FAMILIES.items()}
        for name, labels, value in self._current():
            families[name].add_metric(labels, value)
        yield from families.values()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Names only: registering must not ask the database."""
        for name, (text, labels) in FAMILIES.items():
            yield GaugeMetricFamily(name, text, labels=labels)

    def _current(self) -> list[Value]:
        with self._lock:
            if time.monotonic() - self._read_at > self._kept_s:
                self._values = [value for source in self._sources for value in self._read(source)]
                self._read_at = time.monotonic()
            return self._values

    def _read(self, source: str) -> list[Value]:
        try:
            values = list(self._sources[source]())
        except Exception as error:
            # Away, or slower than it may be: the scrape goes on without it.
            log.warning("system metrics not read", source=source, error=f"{type(error).__name__}: {error}"[:200])
            return [("csms_system_readable", (source,), 0)]
        return [*values, ("csms_system_readable", (source,), 1)]


SYSTEM_REGISTRY = prometheus_client.CollectorRegistry()
SYSTEM_REGISTRY.register(SystemCollector())
