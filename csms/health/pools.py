"""The pools of database connections of this process, read when Prometheus asks."""

from collections.abc import Iterator
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import ConnectionPool


def open_pools() -> dict[str, ConnectionPool[Any]]:
    """By alias. Django shows them nowhere else; should it keep them elsewhere one day, there is nothing to see."""
    pools: dict[str, ConnectionPool[Any]] = getattr(DatabaseWrapper, "_connection_pools", {})
    return pools


class PoolCollector(Collector):
    """What psycopg's pools say of themselves; nothing of aliases that no one has asked for yet."""

    def collect(self) -> Iterator[Metric]:
        held = GaugeMetricFamily("csms_db_connections", "Connections of the pool.", labels=("alias", "state"))
        waiting = GaugeMetricFamily("csms_db_waiting", "Threads that wait for a connection.", labels=("alias",))
        waited = CounterMetricFamily("csms_db_wait_seconds", "Time spent waiting for connections.", labels=("alias",))
        failed = CounterMetricFamily("csms_db_pool_errors", "Requests for a connection in vain.", labels=("alias",))
        for alias, pool in list(open_pools().items()):
            said = pool.get_stats()
            idle = said.get("pool_available", 0)
            held.add_metric((alias, "idle"), idle)
            held.add_metric((alias, "used"), max(0, said.get("pool_size", 0) - idle))
            waiting.add_metric((alias,), said.get("requests_waiting", 0))
            waited.add_metric((alias,), said.get("requests_wait_ms", 0) / 1000)
            failed.add_metric((alias,), said.get("requests_errors", 0))
        yield from (held, waiting, waited, failed)
