"""Starting and ending the tracing of a process."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from opentelemetry import context as contexts
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, StatusCode

from csms.settings.runtime import env
from csms.tracing.cleaning import CleaningExporter
from csms.tracing.commands import CommandIds, stop_tracing_commands, trace_commands
from csms.tracing.sampling import OfWork
from tenants import tracing
from tenants.tracing import Attributes, Note

T = TypeVar("T")

# Probes and scrapers ask every few seconds; the addresses of stations' files are secrets.
UNTRACED = "health/,metrics,station-files/,static/"


class OpenTelemetryTracer:
    """`tenants.tracing` by OpenTelemetry."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("csms")

    @contextmanager
    def span(self, name: str, attributes: Attributes) -> Iterator[Note]:
        # No parent: OCPP hands none on, and whatever the task was begun in is over.
        with self._tracer.start_as_current_span(
            name, context=contexts.Context(), kind=SpanKind.SERVER, attributes=attributes
        ) as span:
            yield lambda more, failed: _note(span, more, failed)

    def carry(self, function: Callable[..., T]) -> Callable[..., T]:
        here = contexts.get_current()

        def carried(*args: object, **kwargs: object) -> T:
            token = contexts.attach(here)
            try:
                return function(*args, **kwargs)
            finally:
                contexts.detach(token)

        return carried


def _note(span: Span, attributes: Attributes, failed: bool) -> None:
    span.set_attributes(attributes)
    if failed:
        span.set_status(StatusCode.ERROR)


class Tracing:
    """The tracing of this process; `stop` takes everything back."""

    def __init__(self, exporter: SpanExporter, share: float) -> None:
        self.processor = BatchSpanProcessor(CleaningExporter(exporter))
        self.provider = TracerProvider(sampler=OfWork(share), resource=_resource())
        # Commands are few, and each is worth its trace.
        self.commands = TracerProvider(sampler=ALWAYS_ON, resource=self.provider.resource, id_generator=CommandIds())
        for provider in (self.provider, self.commands):
            provider.add_span_processor(self.processor)
        # OpenTelemetry's instrumentations are typed each in its own way, or not at all.
        self._instrumentors: list[tuple[Any, dict[str, str]]] = [
            (DjangoInstrumentor(), {"excluded_urls": UNTRACED}),
            (PsycopgInstrumentor(), {}),
            (RedisInstrumentor(), {}),
            (CeleryInstrumentor(), {}),  # type: ignore[no-untyped-call]
        ]

    def start(self) -> None:
        """Before the first request is served: Django's middleware is put together then."""
        trace_commands(self.commands)
        for instrumentor, options in self._instrumentors:
            instrumentor.instrument(tracer_provider=self.provider, **options)
        tracing.set_tracer(OpenTelemetryTracer(self.provider))

    def stop(self) -> None:
        """Send what is there, trace no more."""
        tracing.set_tracer(None)
        stop_tracing_commands()
        for instrumentor, _ in self._instrumentors:
            instrumentor.uninstrument()
        self.provider.shutdown()
        self.commands.shutdown()


def start_tracing() -> Tracing:
    """To OTEL_EXPORTER_OTLP_ENDPOINT. SystemExit names a share that is none."""
    global _tracing
    try:
        share = float(env("OTEL_TRACES_SAMPLER_ARG", "1"))
        started = Tracing(OTLPSpanExporter(), share)
    except ValueError:
        raise SystemExit("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1") from None
    started.start()
    _tracing = started
    return started


_tracing: Tracing | None = None


def finish_tracing() -> None:
    """Send what is there: uvicorn ends a process by a signal, which skips what Python does at its end."""
    if _tracing is not None:
        _tracing.stop()


def _resource() -> Resource:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before what we know."""
    known = {
        "service.name": "csms",
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "process.command": Path(sys.argv[0]).name,
    }
    given = Resource.create()
    missing = {key: value for key, value in known.items() if key not in given.attributes}
    if not (env("OTEL_SERVICE_NAME") or "service.name=" in env("OTEL_RESOURCE_ATTRIBUTES")):
        missing["service.name"] = known["service.name"]
    return given.merge(Resource(missing))
