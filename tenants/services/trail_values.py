"""Values as the audit trail keeps them: JSON's own kinds, so that who reads a list later still knows that it was one."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import QuerySet


def kept_value(value: Any) -> Any:
    """`value` as text, number, boolean, null, list or object. Times in UTC; rows by their name; the rest as text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): kept_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | QuerySet):
        return [kept_value(one) for one in value]
    return str(value)
