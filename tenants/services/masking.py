"""Secrets don't get into the audit trail, whoever hands them to it."""

import re
from typing import Any

HIDDEN = "•••"
# Names of values, not of what is said about them: a rotation's days are no secret.
_SECRET = re.compile(
    r"(?:^|[_\s-])(?:password|secret|private[_\s]?key|authorization[_\s]?key|recovery[_\s]?codes?)\d?$|_hash$",
    re.IGNORECASE,
)


def masked(changes: dict[str, Any]) -> dict[str, Any]:
    """With the values of secrets hidden, however deep; that they changed is still seen."""
    return {name: _hidden(value) if _SECRET.search(str(name)) else _walked(value) for name, value in changes.items()}


def _walked(value: Any) -> Any:
    if isinstance(value, dict):
        return masked(value)
    return [_walked(one) for one in value] if isinstance(value, list) else value


def _hidden(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_hidden(one) for one in value]
    return HIDDEN if isinstance(value, str | bytes | dict) and value else value
