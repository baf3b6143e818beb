"""The scopes that a key of the API may have."""

import functools
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@functools.cache
def known_scopes() -> frozenset[str]:
    """`<scope>:read` and `<scope>:write` of every view that names one."""
    scopes = {scope for scope in _scopes(get_resolver().url_patterns) if scope != "none"}
    return frozenset(f"{scope}:{kind}" for scope in scopes for kind in ("read", "write"))


def _scopes(patterns: list[Any]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _scopes(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield str(getattr(getattr(pattern.callback, "cls", None), "scope", "none"))
