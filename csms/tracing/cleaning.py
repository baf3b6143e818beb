"""What may leave in a span: no secrets and no data of people, whatever an instrumentation has put there.

Statements come without their parameters (psycopg, Redis) from the instrumentations; addresses lose their query and the
tokens of files and of links in mails, errors keep their type and lose their words, since PostgreSQL quotes rows in them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from csms.settings.logging import SECRET_WORDS

# Not masked for the sake of a word in their name.
HARMLESS = frozenset({"db.statement", "db.query.text"})
# As sent, with a query: our API has filters with identities and tags, and others send keys in it.
ADDRESSES = ("http.url", "http.target", "url.full", "url.path", "url.query", "http.request.header.referer")
WORDS_OF_ERRORS = ("exception.message", "exception.stacktrace", "error.message", "celery.traceback")
_TOKEN = re.compile(r"(/station-files/|/admin/(?:password-reset|invitation)/)[^/?#]+")
_USER = re.compile(r"//[^/@?#]*@")


class CleaningExporter(SpanExporter):
    """Hands cleaned copies of spans to another exporter."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([clean(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def clean(span: ReadableSpan) -> ReadableSpan:
    """A copy that may leave."""
    return ReadableSpan(
        name=_TOKEN.sub(r"\1***", span.name.partition("?")[0]),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=clean_attributes(span.attributes or {}),
        events=[Event(event.name, clean_attributes(event.attributes or {}), event.timestamp) for event in span.events],
        links=span.links,
        kind=span.kind,
        # Its description is the words of an error.
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def clean_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Without what tells secrets."""
    return {key: _clean(key, value) for key, value in attributes.items() if key not in WORDS_OF_ERRORS}


def _clean(key: str, value: Any) -> Any:
    if key in ADDRESSES and isinstance(value, str):
        if key == "url.query":
            return "***" if value else ""
        return _USER.sub("//", _TOKEN.sub(r"\1***", value.partition("?")[0]))
    if key not in HARMLESS and any(word in key.lower() for word in SECRET_WORDS):
        return "***"
    return value
