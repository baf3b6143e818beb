"""Which traces are kept."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, ParentBasedTraceIdRatio, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span


class OfWork(Sampler):
    """A share of all traces (OTEL_TRACES_SAMPLER_ARG), and none that begins with a lone database or Redis call.

    Those are the looks that loops of ours take every few seconds: they would drown everything else.
    """

    def __init__(self, share: float) -> None:
        self._share, self._inner = share, ParentBasedTraceIdRatio(share)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if kind is SpanKind.CLIENT and not get_current_span(parent_context).get_span_context().is_valid:
            return SamplingResult(Decision.DROP)
        return self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        return f"OfWork{{{self._share}}}"
