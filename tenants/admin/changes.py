"""Before and after, for the audit trail. Secrets never get there."""

from typing import Any

from django.db.models import Model
from django.forms import ModelChoiceField

from tenants.services.trail_values import kept_value

Changes = dict[str, Any]


def changes_of(form: Any, formsets: Any = ()) -> Changes:
    """`{field: [before, after]}` (tenants.services.trail_values), and what became of the rows of inline tables."""
    changes: Changes = {
        name: [_before(form, name), kept_value(form.cleaned_data.get(name))]
        for name in form.changed_data
        if not _secret(name)
    }
    for formset in formsets or ():
        rows = [f"+ {row}" for row in getattr(formset, "new_objects", [])]
        rows += [f"~ {row}: {', '.join(fields)}" for row, fields in getattr(formset, "changed_objects", [])]
        rows += [f"- {row}" for row in getattr(formset, "deleted_objects", [])]
        if rows:
            changes[str(formset.model._meta.verbose_name_plural)] = rows
    return changes


def deleted_values(row: Model) -> Changes:
    """`{field: [value, None]}` of what is about to go."""
    values = {
        # Rows that it points to by their names, as in changes.
        field.name: getattr(row, field.name) if field.is_relation else field.value_from_object(row)
        for field in row._meta.concrete_fields
        if field.name not in {"id", "tenant"} and not _secret(field.name)
    }
    return {name: [kept_value(value), None] for name, value in values.items() if value not in (None, "", [], {})}


def _before(form: Any, name: str) -> Any:
    """A form knows rows that were chosen before by their keys: they are told by name, as those chosen now."""
    value, field = form.initial.get(name), form.fields.get(name)
    if isinstance(field, ModelChoiceField) and isinstance(value, int | str) and value != "":
        value = field.queryset.filter(**{field.to_field_name or "pk": value}).first() or value  # type: ignore[union-attr]
    return kept_value(value)


def _secret(name: str) -> bool:
    return "password" in name or name.endswith("_hash")
