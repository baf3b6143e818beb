"""What the columns of an export are. Apps declare them for their models; a higher app adds its own to a lower one's."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.db.models.expressions import Combinable
from django.utils.functional import Promise

Text = str | Promise
# What a value becomes before it is written: text, number, time, bool, list or dictionary.
Shown = Callable[[Any], Any]
# How names of fields end that no file may have: no slip of the pen puts a credential into one.
SECRET = re.compile(r"(password|secret|private_key|hash|token|token_digest|session_key|_seed)$")
# A driver's card, which people type and print; the others are credentials.
ID_TAG = {"token", "id_tag__token", "parent__token"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `title` has the unit where there is one.

    `source`: a path of fields (`charge_point__identity`), an annotation of the list, or an expression. `shown` turns what
    the database gives into what is written.
    """

    title: Text
    source: str | Combinable
    shown: Shown | None = None


_declared: dict[type[Model], list[Column]] = {}
_added: dict[type[Model], list[Column]] = {}


def declare_export(model: type[Model], columns: Sequence[Column]) -> None:
    """What a file of the model's list contains, in this order."""
    _declared[model] = _checked(columns)


def add_to_export(model: type[Model], columns: Sequence[Column]) -> None:
    """Columns of a higher app, after the model's own."""
    _added.setdefault(model, []).extend(_checked(columns))


def is_secret(path: str) -> bool:
    """Whether a field, by its name, holds a credential."""
    return path not in ID_TAG and SECRET.search(path) is not None


def is_declared(model: type[Model]) -> bool:
    return model in _declared


def columns_of(page: Any) -> list[Column]:
    """Of an admin page's list. Where nobody has declared any: what the list itself shows, as far as it is plain."""
    own = _declared.get(page.model)
    return [*(_shown_by(page) if own is None else own), *_added.get(page.model, [])]


def _checked(columns: Sequence[Column]) -> list[Column]:
    for column in columns:
        if isinstance(column.source, str) and is_secret(column.source):
            raise ValueError(f"{column.source} must not be exported")
    return list(columns)


def _shown_by(page: Any) -> list[Column]:
    found = [_plain(page, name) for name in page.list_display]
    return _checked([column for column in found if column is not None])


def _plain(page: Any, name: Any) -> Column | None:
    """A field of the model, or what a column is ordered by: a path as well."""
    try:
        field = page.model._meta.get_field(name)
    except FieldDoesNotExist:
        shown = getattr(page, name, None) if isinstance(name, str) else name
        path = getattr(shown, "admin_order_field", None)
        if not isinstance(path, str):
            return None
        return Column(getattr(shown, "short_description", name), path.removeprefix("-"))
    return Column(str(field.verbose_name).capitalize(), name)
