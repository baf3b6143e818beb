"""Traces: of charge points' calls, of commands from request to answer, of requests and tasks; nothing secret in them."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanKind

from chargepoints.services.provisioning import create_charge_point
from csms.health.pools import open_pools
from csms.tracing.cleaning import clean
from csms.tracing.sampling import OfWork
from csms.tracing.start import Tracing
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tenants.tasks import purge_sessions
from tests.api.conftest import client_of
from tests.conftest import eventually
from tests.operations.collector import Seen, TraceCollector, collecting

ROOT = Path(__file__).resolve().parents[2]
STATION_PASSWORD, KEY_VALUE, TAG = "station-password-of-CP1", "a-secret-key-value-4711", "TAG-OF-A-PERSON"


@pytest.fixture
def traces() -> Iterator[tuple[TraceCollector, Callable[[], Any]]]:
    """Tracing on, and how to have everything sent."""
    with collecting() as collector:
        tracing = Tracing(OTLPSpanExporter(endpoint=f"{collector.endpoint}/v1/traces"), share=1.0)
        # Connections are traced from their making.
        close_pools()
        tracing.start()
        try:
            yield collector, tracing.processor.force_flush
        finally:
            tracing.stop()
            close_pools()


def close_pools() -> None:
    for connection in connections.all(initialized_only=True):
        connection.close()
    for pool in open_pools().values():
        pool.close()
    open_pools().clear()


def make_station(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        create_charge_point(identity="CP1", password=STATION_PASSWORD)


def below(root: Seen, spans: list[Seen]) -> list[Seen]:
    return [span for span in spans if span.trace_id == root.trace_id and span.span_id != root.span_id]


async def test_calls_and_commands_are_traced_from_end_to_end_without_secrets(
    tenant: Tenant, alice: Any, redis_clean: Any, traces: tuple[TraceCollector, Callable[[], Any]], connect: Any
) -> None:
    collector, flush = traces
    await asyncio.to_thread(make_station, tenant)
    api = await asyncio.to_thread(client_of, alice)
    token = vars(api)["_credentials"]["HTTP_AUTHORIZATION"].partition(" ")[2]
    async with connect(password=STATION_PASSWORD) as station:
        station.answers["DataTransfer"] = {"status": "Accepted", "data": KEY_VALUE}
        await station.boot()
        await station.call("Authorize", idTag=TAG)
        await station.frame("StartTransaction", {"connectorId": "no number", "idTag": TAG})
        answer = await asyncio.to_thread(
            api.post,
            "/api/v1/chargepoints/CP1/data-transfer?wait=30",
            {"vendorId": "com.example", "data": KEY_VALUE},
            format="json",
        )
        assert answer.status_code in (200, 202), answer.content
        await asyncio.to_thread(api.get, f"/api/v1/transactions?idTag={TAG}&api_key={KEY_VALUE}")

        async def command_is_there() -> bool:
            await asyncio.to_thread(flush)
            return bool(collector.named("command DataTransfer"))

        await eventually(command_is_there)

    (authorize,) = collector.named("ocpp Authorize")
    known = {key: authorize.attributes[key] for key in authorize.attributes if key not in ("ocpp.message_id",)}
    assert known == {
        "ocpp.action": "Authorize",
        "ocpp.version": "1.6",
        "ocpp.outcome": "ok",
        "csms.charge_point": "CP1",
        "csms.tenant": "acme",
        "csms.tenant_id": tenant.pk,
    }
    assert authorize.parent_id == ""
    # Its statements belong to it, though they ran in another thread.
    assert any("db.statement" in span.attributes for span in below(authorize, collector.spans))
    (start,) = collector.named("ocpp StartTransaction")
    assert start.attributes["ocpp.outcome"] == "TypeConstraintViolation"
    assert not start.failed, "the station's mistake is no fault of ours"

    (command,) = collector.named("command DataTransfer")
    assert command.trace_id == command.attributes["csms.command_id"].replace("-", "")
    assert command.attributes["csms.command_id"] in answer.content.decode()
    assert (command.attributes["csms.command_state"], command.attributes["csms.charge_point"]) == ("accepted", "CP1")
    waiting, sent = sorted(below(command, collector.spans), key=lambda span: span.start_ns)
    assert [span.name for span in (waiting, sent)] == ["waiting", "charge point"]
    assert command.start_ns == waiting.start_ns <= waiting.end_ns == sent.start_ns <= sent.end_ns == command.end_ns

    requests = [span for span in collector.spans if span.name.startswith(("POST", "GET")) and not span.parent_id]
    assert {span.attributes.get("http.status_code") for span in requests} <= {200, 202, 400}
    assert len(requests) == 2
    for secret in (STATION_PASSWORD, KEY_VALUE, TAG, token, "Bearer", "alice"):
        assert secret not in collector.text, secret


def test_a_task_is_a_trace_with_its_statements(db: None, traces: tuple[TraceCollector, Callable[[], Any]]) -> None:
    collector, flush = traces
    purge_sessions.apply()
    flush()
    (run,) = [span for span in collector.spans if span.name == f"run/{purge_sessions.name}"]
    assert any("django_session" in str(span.attributes.get("db.statement")) for span in below(run, collector.spans))


def test_a_look_into_the_database_by_itself_is_no_trace(
    tenant: Tenant, traces: tuple[TraceCollector, Callable[[], Any]]
) -> None:
    collector, flush = traces
    Tenant.objects.using("system").get(pk=tenant.pk)
    flush()
    assert collector.spans == []


@pytest.mark.parametrize(
    ("kind", "kept"), [(SpanKind.SERVER, True), (SpanKind.CONSUMER, True), (SpanKind.CLIENT, False)]
)
def test_work_is_sampled_and_lone_lookups_are_not(kind: SpanKind, kept: bool) -> None:
    assert OfWork(1.0).should_sample(None, 1, "name", kind).decision.is_sampled() is kept
    assert not OfWork(0.0).should_sample(None, 1, "name", kind).decision.is_sampled()


def test_what_leaves_is_cleaned_whoever_wrote_it() -> None:
    span = ReadableSpan(
        name="GET /station-files/{token}?x=SECRET",
        resource=Resource({}),
        attributes={
            "http.url": "https://user:SECRET@host/station-files/SECRET/log.zip?token=SECRET",
            "url.path": "/admin/password-reset/SECRET/",
            "http.target": "/admin/invitation/SECRET/",
            "url.query": "api_key=SECRET",
            "http.request.header.authorization": "SECRET",
            "celery.traceback": "SECRET",
            "db.statement": "SELECT password FROM t WHERE id = %s",
            "http.status_code": 200,
        },
        events=[Event("exception", {"exception.type": "IntegrityError", "exception.message": "(SECRET)"})],
    )
    cleaned = clean(span)
    assert "SECRET" not in cleaned.to_json()
    assert dict(cleaned.attributes or {}) == {
        "http.url": "https://host/station-files/***/log.zip",
        "url.path": "/admin/password-reset/***/",
        "http.target": "/admin/invitation/***/",
        "url.query": "***",
        "http.request.header.authorization": "***",
        "db.statement": "SELECT password FROM t WHERE id = %s",
        "http.status_code": 200,
    }
    assert dict(cleaned.events[0].attributes or {}) == {"exception.type": "IntegrityError"}


LOADED = """
import sys, django
django.setup()
import csms.asgi, csms.celery, tenants.tracing
# redis-py imports the SDK's metrics by itself where they are installed.
ours = ("csms.tracing", "opentelemetry.instrumentation", "opentelemetry.exporter", "opentelemetry.sdk.trace", "google.protobuf")
print(tenants.tracing.is_tracing(), [name for name in sys.modules if name.startswith(ours)])
"""
WORK = """
import django
django.setup()
from tenants.tracing import span
with span("work", {"csms.tenant_id": 7}) as note:
    note({}, True)
"""


def run_python(code: str, **environment: str) -> str:
    """In a process of its own."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env=given | {"DJANGO_SETTINGS_MODULE": "csms.settings"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_an_endpoint_nothing_of_it_is_even_loaded() -> None:
    assert run_python(LOADED) == "False []"


def test_a_process_with_an_endpoint_traces_and_sends_before_it_ends() -> None:
    with collecting() as collector:
        run_python(WORK, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_SERVICE_NAME="csms-test")
    (span,) = collector.spans
    assert (span.name, span.attributes, span.failed) == ("work", {"csms.tenant_id": 7}, True)
    assert collector.resource["service.name"] == "csms-test"
    assert collector.resource["service.instance.id"]
