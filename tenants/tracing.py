"""Spans, for code that need not know who keeps them. Off unless a tracer is set (`csms.tracing`): then nothing is loaded.

Knows no OpenTelemetry. Attributes are for operators: no payloads, no secrets, no names of people.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

Attributes = dict[str, str | int]
# Says what came of the spanned work: its attributes, and whether it failed by our own fault.
Note = Callable[[Attributes, bool], None]
T = TypeVar("T")


class Tracer(Protocol):
    """Who keeps spans."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[Note]:
        """The work inside is one span, a server's; what is begun within belongs to it."""

    def carry(self, function: Callable[..., T]) -> Callable[..., T]:
        """The function, to be called in another thread as part of what is open now."""


_tracer: Tracer | None = None


def set_tracer(tracer: Tracer | None) -> None:
    """Once, when the process starts; None: off."""
    global _tracer
    _tracer = tracer


def is_tracing() -> bool:
    return _tracer is not None


@contextmanager
def span(name: str, attributes: Attributes) -> Iterator[Note]:
    """A span around a block. Ask `is_tracing()` first where it is hot."""
    if _tracer is None:
        yield lambda attributes, failed: None
        return
    with _tracer.span(name, attributes) as note:
        yield note


def carry(function: Callable[..., T]) -> Callable[..., T]:
    return function if _tracer is None else _tracer.carry(function)
