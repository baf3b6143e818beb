"""Before and after, for the audit trail. Secrets never get there."""

from typing import Any

from django.db.models import Model

Changes = dict[str, Any]


def changes_of(form: Any, formsets: Any = ()) -> Changes:
    """`{field: [before, after]}` as text, and what became of the rows of inline tables."""
    changes: Changes = {
        name: [_text(form.initial.get(name)), _text(form.cleaned_data.get(name))]
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
    values = {field.name: field.value_from_object(row) for field in row._meta.concrete_fields}
    return {
        name: [_text(value), None]
        for name, value in values.items()
        if value not in (None, "", [], {}) and not _secret(name) and name not in {"id", "tenant"}
    }


def _secret(name: str) -> bool:
    return "password" in name or name.endswith("_hash")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
