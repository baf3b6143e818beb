"""Query parameters: what every view refuses, and readers that name the parameter in their ValidationError."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, cast

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import DateTimeField
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.settings import DEFAULTS, APISettings

from tenants.api.parsers import fault_of


class AcceptNegotiation(DefaultContentNegotiation):
    """By the Accept header alone: `?format=` is a parameter like any other, refused where a view doesn't know it."""

    settings: Any = APISettings(cast(Any, {"URL_FORMAT_OVERRIDE": None}), DEFAULTS)


def refuse_parameters(request: Request, known: Collection[str]) -> None:
    """ValidationError naming each parameter that is unknown, repeated, or text that no column can hold."""
    errors = {}
    for name, values in request.query_params.lists():
        if name not in known:
            errors[ascii(name)[1:-1][:80] if fault_of(name) else name[:80]] = "Unknown query parameter."
        elif len(values) > 1:
            errors[name] = "Given more than once."
        elif fault := fault_of(values[0]):
            errors[name] = fault
    if errors:
        raise ValidationError({name: [text] for name, text in errors.items()})


def read_time(request: Request, name: str) -> datetime | None:
    """A time from the query."""
    raw = request.query_params.get(name)
    if raw is None:
        return None
    try:
        parsed: datetime = DateTimeField().to_internal_value(raw)
    except serializers.ValidationError as error:
        raise ValidationError({name: error.detail}) from None
    return parsed


def utc(name: str, value: datetime) -> datetime:
    """In UTC: PostgreSQL knows fewer offsets than Python does. ValidationError where that has no such time."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValidationError({name: "Out of range."}) from None


def read_number(request: Request, name: str, largest: int) -> int | None:
    """A whole number from 0 to `largest` from the query."""
    raw = request.query_params.get(name)
    if raw is None:
        return None
    if not (raw.isascii() and raw.isdigit() and len(raw) < 18 and int(raw) <= largest):
        raise ValidationError({name: f"A whole number from 0 to {largest}."})
    return int(raw)
