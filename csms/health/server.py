"""Metrics of processes that serve no HTTP (worker, beat, delivery of events): a small server on a port of its own.

Off unless CSMS_METRICS_PORT names a port; on the loopback interface unless CSMS_METRICS_HOST says otherwise. The rule of
who may read is that of the web's `/metrics`.
"""

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import prometheus_client
import structlog
from django.conf import settings

from csms.health.access import may_scrape

log = structlog.get_logger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class _Server(ThreadingMixIn, WSGIServer):
    """A slow scraper holds up no other."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """A line of log for each scrape helps nobody; and a client that says nothing is let go."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        return None


def metrics_application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """WSGI: GET /metrics."""
    allowed = may_scrape(
        authorization=environ.get("HTTP_AUTHORIZATION", ""),
        remote_address=environ.get("REMOTE_ADDR", ""),
        forwarded="HTTP_X_FORWARDED_FOR" in environ,
    )
    if environ["PATH_INFO"] != "/metrics" or environ["REQUEST_METHOD"] != "GET" or not allowed:
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"Not found\n"]
    start_response("200 OK", [("Content-Type", prometheus_client.CONTENT_TYPE_LATEST)])
    return [prometheus_client.generate_latest()]


def serve_metrics(kind: str) -> Callable[[], None] | None:
    """Serve this process's metrics if its kind has a port; what ends that. A port that is taken costs the metrics only."""
    port = settings.METRICS_PORTS.get(kind)
    if port is None:
        return None
    try:
        server = make_server(settings.METRICS_HOST, port, metrics_application, _Server, _Quiet)
    except OSError as error:
        log.error("metrics not served", host=settings.METRICS_HOST, port=port, error=str(error)[:200])
        return None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop
