"""Every table whose rows belong to a tenant, from the model registry: a new one can't be forgotten."""

import functools
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.db import models

from tenants.models import Tenant

Model = type[models.Model]


@dataclass(frozen=True, slots=True)
class OwnedTable:
    """A table of rows with a tenant.

    Most have one key column, `id`, and the unique pair (tenant_id, id). Those with a longer key (readings, aggregates,
    the message log) are found by what they hang on instead: `parent` is its table, `parent_column` refers to it.
    """

    name: str
    model: Model
    columns: tuple[str, ...]
    key: tuple[str, ...]
    parent: str = ""
    parent_column: str = ""


def owned_models() -> list[Model]:
    """All models with a foreign key `tenant`."""
    return [model for model in apps.get_models() if _is_owned(model)]


@functools.cache
def owned_tables() -> tuple[OwnedTable, ...]:
    """Those that refer to others first: rows can be deleted in this order. graphlib.CycleError for a circle of references."""
    found = {model: _references(model) for model in owned_models()}
    # What a table refers to comes after it.
    order = list(TopologicalSorter(found).static_order())
    return tuple(_described(model) for model in reversed(order))


def _is_owned(model: Model) -> bool:
    return any(field.name == "tenant" and field.related_model is Tenant for field in model._meta.concrete_fields)


def _references(model: Model) -> list[Model]:
    targets = [field.related_model for field in model._meta.concrete_fields if field.is_relation]
    return [target for target in targets if isinstance(target, type) and target is not model and _is_owned(target)]


def _described(model: Model) -> OwnedTable:
    meta = model._meta
    fields: list[models.Field[Any, Any]] = [field for field in meta.concrete_fields if field.column]
    columns = tuple(str(field.column) for field in fields)
    key = _key_columns(model)
    if key == ("id",):
        return OwnedTable(meta.db_table, model, columns, key)
    parent = next(
        field for field in fields if isinstance(field, models.ForeignKey) and field.related_model in _references(model)
    )
    target = parent.related_model
    assert isinstance(target, type)  # noqa: S101 (one of _references)
    return OwnedTable(meta.db_table, model, columns, key, str(target._meta.db_table), str(parent.column))


def _key_columns(model: Model) -> tuple[str, ...]:
    key = model._meta.pk
    if isinstance(key, models.CompositePrimaryKey):
        return tuple(str(field.column) for field in key.fields if isinstance(field, models.Field))
    return (str(key.column),)
