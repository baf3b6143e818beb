"""Counts background tasks, by Celery's signals; serves the metrics of worker and beat."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from celery import signals

from csms.health.server import serve_metrics
from csms.metrics import TASK_SECONDS, TASK_WAIT_SECONDS, TASKS, TASKS_PUBLISHED

# A header of our own: when a task was handed to the broker, seconds since 1970.
PUBLISHED_AT = "csms_published_at"
_stop: Callable[[], None] | None = None


@signals.before_task_publish.connect
def note_published(sender: str | None = None, headers: dict[str, Any] | None = None, **kwargs: object) -> None:
    """Stamp the message."""
    if headers is not None:
        headers[PUBLISHED_AT] = time.time()
    TASKS_PUBLISHED.labels(sender or "unknown").inc()


@signals.task_prerun.connect
def note_begin(task: Any = None, **kwargs: object) -> None:
    """How long it has waited for a worker; a task that is put off waits from when it is due."""
    request = task.request
    request.csms_began = time.perf_counter()
    # Custom headers are the request's own attributes where it came from a broker.
    published_at = getattr(request, PUBLISHED_AT, None) or (request.headers or {}).get(PUBLISHED_AT)
    due = _due(published_at, request.eta)
    if due is not None:
        TASK_WAIT_SECONDS.observe(max(0.0, time.time() - due))


@signals.task_postrun.connect
def note_end(task: Any = None, state: str | None = None, **kwargs: object) -> None:
    """What became of it."""
    TASKS.labels(task.name, (state or "unknown").lower()).inc()
    began = getattr(task.request, "csms_began", None)
    if began is not None:
        TASK_SECONDS.labels(task.name).observe(time.perf_counter() - began)


@signals.task_revoked.connect
def note_expired(request: Any = None, expired: bool = False, **kwargs: object) -> None:
    """It was not run: too late, or taken back."""
    # Celery hands over the task's context, not its request.
    TASKS.labels(getattr(request, "task", None) or "unknown", "expired" if expired else "revoked").inc()


@signals.worker_init.connect
def serve_of_worker(**kwargs: object) -> None:
    """CSMS_METRICS_PORT."""
    _serve("worker")


@signals.beat_init.connect
def serve_of_beat(**kwargs: object) -> None:
    """CSMS_METRICS_PORT."""
    _serve("beat")


@signals.worker_shutdown.connect
def stop_serving(**kwargs: object) -> None:
    """The port is free again before the process has ended."""
    global _stop
    if _stop is not None:
        _stop()
    _stop = None


def _serve(kind: str) -> None:
    global _stop
    _stop = serve_metrics(kind)


def _due(published_at: object, eta: str | None) -> float | None:
    if not isinstance(published_at, int | float):
        return None
    return max(float(published_at), datetime.fromisoformat(eta).timestamp()) if eta else float(published_at)
