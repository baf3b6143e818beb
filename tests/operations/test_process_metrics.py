"""What each process counts, and where one without HTTP shows it."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.app.task import Context
from django.test import Client
from prometheus_client import REGISTRY

from chargepoints.tasks import sweep_dead_gateways
from csms.health import tasks
from csms.health.loop import LoopWatch
from csms.health.pools import PoolCollector
from csms.health.server import serve_metrics
from csms.local.ports import choose
from csms.metrics import TASKS_PUBLISHED
from csms.settings.telemetry import metrics_ports
from smartcharging.metrics import note_round
from smartcharging.models import CircuitRound
from tenants.metrics import result_of
from tenants.models import Tenant
from tests.conftest import eventually
from tests.stations import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def get(port: int, path: str = "/metrics", **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    """A worker's metrics."""
    settings.METRICS_PORTS = {"worker": choose(None)}
    settings.METRICS_HOST = "127.0.0.1"
    stop = serve_metrics("worker")
    assert stop is not None
    yield settings.METRICS_PORTS["worker"]
    stop()


def test_a_process_without_http_serves_its_metrics_on_its_port(port: int) -> None:
    status, text = get(port)
    assert status == 200
    assert b"csms_tasks_total" in text
    assert b"process_resident_memory_bytes" in text


def test_the_port_shows_nothing_else_and_nothing_to_strangers(port: int, settings: Any) -> None:
    assert get(port, "/")[0] == 404
    assert get(port, "/metrics/system")[0] == 404
    assert get(port, **{"X-Forwarded-For": "203.0.113.9"})[0] == 404
    settings.METRICS_TOKEN = "scraper"
    assert get(port)[0] == 404
    assert get(port, Authorization="Bearer scraper")[0] == 200


def test_without_a_port_nothing_listens_and_a_taken_one_is_no_reason_to_end(port: int, settings: Any) -> None:
    assert serve_metrics("beat") is None
    settings.METRICS_PORTS = {"worker": port}
    assert serve_metrics("worker") is None


@pytest.mark.parametrize(
    ("given", "ports"),
    [
        ("", {}),
        ("9100", {"worker": 9100, "beat": 9100, "events": 9100}),
        ("worker:9101, beat:9102", {"worker": 9101, "beat": 9102}),
    ],
)
def test_ports_are_one_for_whatever_runs_or_one_each(given: str, ports: dict[str, int]) -> None:
    assert metrics_ports(given) == ports


@pytest.mark.parametrize("given", ["many", "web:9101", "worker:", "0", "worker:70000", ":9100"])
def test_a_wrong_port_is_named(given: str) -> None:
    with pytest.raises(SystemExit, match="CSMS_METRICS_PORT"):
        metrics_ports(given)


def test_a_task_is_counted_with_its_outcome_and_how_long_it_waited(tenant: Tenant) -> None:
    name = sweep_dead_gateways.name
    ended, waited = value("csms_tasks_total", task=name, outcome="success"), value("csms_task_wait_seconds_count")
    # As it comes from the broker.
    headers: Any = {tasks.PUBLISHED_AT: time.time() - 7}
    sweep_dead_gateways.apply(headers=headers)
    assert value("csms_tasks_total", task=name, outcome="success") == ended + 1
    assert value("csms_task_seconds_count", task=name) >= 1
    assert value("csms_task_wait_seconds_count") == waited + 1
    assert value("csms_task_wait_seconds_bucket", le="5.0") < value("csms_task_wait_seconds_count")


def test_a_task_that_is_put_off_waits_from_when_it_is_due() -> None:
    assert tasks._due(1000.0, None) == 1000.0
    assert tasks._due(1000.0, "1970-01-01T01:00:00+00:00") == 3600.0
    assert tasks._due(None, None) is None


def test_a_task_that_nobody_ran_in_time_is_counted_as_expired() -> None:
    name = "metering.tasks.flush_spilled"
    before = value("csms_tasks_total", task=name, outcome="expired")
    tasks.note_expired(request=Context(task=name), expired=True)
    assert value("csms_tasks_total", task=name, outcome="expired") == before + 1


def test_a_published_task_carries_its_time(redis_clean: Any) -> None:
    before = TASKS_PUBLISHED.labels(sweep_dead_gateways.name)._value.get()
    sweep_dead_gateways.delay()
    assert TASKS_PUBLISHED.labels(sweep_dead_gateways.name)._value.get() == before + 1
    assert tasks.PUBLISHED_AT.encode() in redis_clean.lindex("celery", 0)


def test_requests_are_counted_by_part_and_status_never_by_address(tenant: Tenant) -> None:
    labels = {"part": "api", "method": "GET", "status": "401"}
    before, took = value("csms_http_requests_total", **labels), value("csms_http_request_seconds_count", part="api")
    for identity in ("CP1", "CP2"):
        assert Client().get(f"/api/v1/chargepoints/{identity}").status_code == 401
    assert value("csms_http_requests_total", **labels) == before + 2
    assert value("csms_http_request_seconds_count", part="api") == took + 2
    parts = {one.labels["part"] for family in REGISTRY.collect() for one in family.samples if "part" in one.labels}
    assert parts <= {"api", "admin", "files", "static", "health", "other"}


def test_a_wrong_password_of_a_person_is_counted(alice: Any) -> None:
    before = value("csms_people_sign_ins_refused_total")
    Client().post("/admin/login/", {"username": "alice", "password": "wrong"})
    assert value("csms_people_sign_ins_refused_total") == before + 1


def test_a_round_is_counted_by_its_cause() -> None:
    before, left = value("csms_circuit_rounds_total", cause="minute"), value("csms_circuit_rounds_left_total")
    sent = value("csms_circuit_limits_sent_total")
    note_round(CircuitRound(cause="minute", compute_ms=12.5, sent=3))
    note_round(None)
    assert value("csms_circuit_rounds_total", cause="minute") == before + 1
    assert value("csms_circuit_rounds_left_total") == left + 1
    assert value("csms_circuit_limits_sent_total") == sent + 3


@pytest.mark.parametrize(
    ("status", "result"), [(204, "delivered"), (302, "refused"), (500, "refused"), (None, "no_answer")]
)
def test_deliveries_are_told_apart_by_what_came_back(status: int | None, result: str) -> None:
    assert result_of(status) == result


async def test_a_stalled_event_loop_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.health.loop.PERIOD_S", 0.05)
    before, late = value("csms_event_loop_delay_seconds_sum"), value("csms_event_loop_delay_seconds_count")
    watch = LoopWatch()
    watch.start()
    async with asyncio.timeout(PATIENCE_S):
        while value("csms_event_loop_delay_seconds_count") < late + 1:
            await asyncio.sleep(0.01)
        # Nobody else comes to his turn meanwhile.
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            pass
        while value("csms_event_loop_delay_seconds_count") < late + 3:
            await asyncio.sleep(0.01)
    await watch.stop()
    assert value("csms_event_loop_delay_seconds_sum") - before > 0.2


def test_pools_say_how_many_connections_are_taken(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        def get_stats(self) -> dict[str, int]:
            return {"pool_size": 5, "pool_available": 2, "requests_waiting": 4, "requests_wait_ms": 1500}

    monkeypatch.setattr("csms.health.pools.open_pools", lambda: {"default": Pool()})
    samples = {
        (one.name, one.labels.get("state", "")): one.value
        for family in PoolCollector().collect()
        for one in family.samples
    }
    assert samples["csms_db_connections", "used"] == 3
    assert samples["csms_db_connections", "idle"] == 2
    assert samples["csms_db_waiting", ""] == 4
    assert samples["csms_db_wait_seconds_total", ""] == 1.5


@pytest.mark.e2e
def test_worker_beat_and_sender_show_their_metrics_as_they_run(db: None, redis_clean: Any, tmp_path: Path) -> None:
    ports = {kind: choose(None) for kind in ("worker", "beat", "events")}
    environment = os.environ | {"CSMS_METRICS_PORT": ",".join(f"{kind}:{port}" for kind, port in ports.items())}
    celery = [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "--app", "csms"]
    commands = [
        [*celery, "worker", "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle"],
        [*celery, "beat", "--pidfile=", "--schedule", str(tmp_path / "schedule")],
        [sys.executable, "-W", "ignore", "manage.py", "deliver_events"],
    ]
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment) for command in commands]

    def shown(kind: str) -> str:
        with contextlib.suppress(OSError):
            return get(ports[kind])[1].decode()
        return ""

    def all_at_work() -> bool:
        # Beat has asked for a task, the worker has done it and knows how long it waited.
        return (
            re.search(r'csms_tasks_published_total\{task="\S+"\} [1-9]', shown("beat")) is not None
            and re.search(r'csms_tasks_total\{outcome="success",task="\S+"\} [1-9]', shown("worker")) is not None
            and re.search(r"csms_task_wait_seconds_count [1-9]", shown("worker")) is not None
            and "csms_event_deliveries_total" in shown("events")
        )

    try:
        asyncio.run(eventually(all_at_work, 180))
    finally:
        for process in processes:
            process.terminate()
        assert [process.wait(PATIENCE_S) for process in processes] == [0, 0, 0]
