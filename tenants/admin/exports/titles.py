"""The headings of an export."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Field, Model
from django.db.models.expressions import Combinable

from tenants.admin.exports.columns import Column


def titles_of(model: type[Model], columns: Sequence[Column], zone: ZoneInfo | None) -> tuple[str, ...]:
    """In the language of the request. With `zone`, headings of times name it."""
    return tuple(
        f"{column.title} ({zone.key})" if zone is not None and _is_time(model, column.source) else str(column.title)
        for column in columns
    )


def _is_time(model: type[Model], source: str | Combinable) -> bool:
    if not isinstance(source, str):
        return isinstance(getattr(source, "_output_field_or_none", None), DateTimeField)
    field: Field | None = None
    owner: type[Model] | None = model
    try:
        for part in source.split("__"):
            if owner is None:
                return False
            field = owner._meta.get_field(part)  # type: ignore[assignment]
            owner = field.related_model if field is not None else None  # type: ignore[assignment]
    except FieldDoesNotExist:
        # An annotation of the list.
        return False
    return isinstance(field, DateTimeField)
