"""A command as a trace of its own, from the request to the answer: the id of the trace is the command's id.

It is written when the command has ended, from the times in its row: what is between is spread over three processes and
may take days. Whoever asked for it finds it by the id that the request's answer named.
"""

import threading
from collections import defaultdict, deque
from contextvars import ContextVar
from datetime import datetime

import structlog
from django.db import close_old_connections
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanKind, StatusCode, Tracer, set_span_in_context

from chargepoints.events import CommandFinished
from chargepoints.models import Command, CommandState
from tenants.context import current_tenant_id, tenant_transaction
from tenants.events import receives

log = structlog.get_logger(__name__)

GOOD = (CommandState.ACCEPTED, CommandState.REJECTED, CommandState.CANCELLED)
# Read together, off the path of the answers; past the limit the oldest are let go.
GATHER_S, WAITING, AT_ONCE = 1.0, 10_000, 500
_trace_id: ContextVar[int | None] = ContextVar("csms_trace_id", default=None)
_writer: "CommandWriter | None" = None


class CommandIds(RandomIdGenerator):
    """Traces get the id that is due."""

    def generate_trace_id(self) -> int:
        return _trace_id.get() or super().generate_trace_id()


class CommandWriter:
    """Reads the rows of commands that have ended, a second later and many at once, and writes their traces."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("csms.commands")
        self._ended: deque[tuple[int, str]] = deque(maxlen=WAITING)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stop = threading.Event()

    def note(self, tenant_id: int, command_id: str) -> None:
        """Never waits for the database. The thread is started on first use: in the process that a worker has forked."""
        self._ended.append((tenant_id, command_id))
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="traces of commands", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Write what is left."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stop.wait(GATHER_S)
            try:
                while self._ended:
                    self._write()
            except Exception as error:
                log.warning("commands not traced", error=f"{type(error).__name__}: {error}"[:200])
            finally:
                close_old_connections()

    def _write(self) -> None:
        by_tenant: defaultdict[int, list[str]] = defaultdict(list)
        for _ in range(min(len(self._ended), AT_ONCE)):
            tenant_id, command_id = self._ended.popleft()
            by_tenant[tenant_id].append(command_id)
        for tenant_id, ids in by_tenant.items():
            with tenant_transaction(tenant_id):
                rows = list(Command.objects.filter(pk__in=ids).select_related("charge_point"))
            for row in rows:
                write_trace(self._tracer, row)


@receives(CommandFinished)
def note_end(event: CommandFinished) -> None:
    """After the commit that ended it."""
    if _writer is not None:
        _writer.note(current_tenant_id(), event.command_id)


def trace_commands(provider: TracerProvider) -> CommandWriter:
    """Have every command that ends in this process from now on written to `provider`, whose ids are `CommandIds`."""
    global _writer
    _writer = CommandWriter(provider)
    return _writer


def stop_tracing_commands() -> None:
    """Write what is left; no more after that."""
    global _writer
    writer, _writer = _writer, None
    if writer is not None:
        writer.close()


def write_trace(tracer: Tracer, command: Command) -> None:
    """One span for the whole, one for the wait and one for the charge point's answer."""
    if command.finished_at is None:
        return
    token = _trace_id.set(command.pk.int)
    try:
        whole = tracer.start_span(
            f"command {command.action}",
            context=Context(),
            kind=SpanKind.CONSUMER,
            start_time=_ns(command.created_at),
            attributes={
                "csms.command_id": str(command.pk),
                "csms.command_state": command.state,
                "csms.origin": command.origin,
                "csms.charge_point": command.charge_point.identity,
                "csms.tenant_id": command.tenant_id,
                "ocpp.action": command.action,
                "ocpp.error_code": command.error_code,
            },
        )
    finally:
        _trace_id.reset(token)
    inside = set_span_in_context(whole, Context())
    sent_at = command.sent_at or command.finished_at
    steps = [("waiting", SpanKind.INTERNAL, command.created_at, sent_at)]
    if command.sent_at is not None:
        steps.append(("charge point", SpanKind.CLIENT, sent_at, command.finished_at))
    for name, kind, begin, end in steps:
        tracer.start_span(name, context=inside, kind=kind, start_time=_ns(begin)).end(_ns(end))
    if command.state not in GOOD:
        whole.set_status(StatusCode.ERROR)
    whole.end(_ns(command.finished_at))


def _ns(at: datetime) -> int:
    """Nanoseconds since 1970, exactly."""
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000
