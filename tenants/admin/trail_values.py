"""Values of the audit trail as people read them: lists, groups, yes and no, times in the reader's zone.

Entries of before `tenants.services.trail_values` hold some of them as Python writes them (`['a', 'b']`, `None`): entries
are never changed, so they are understood here.
"""

import re
from ast import literal_eval
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

NOTHING = "–"
# With its offset: what has none is no moment, and stays as it is.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")
_CONSTANTS = {"None": None, "True": True, "False": False}
# More than this was never a list that somebody typed.
_LONGEST = 10_000


def value_words(value: Any, field: Any = None) -> str:
    """`value` of an entry, of the model's `field` where that is known, for the reader."""
    value = _understood(value, field)
    choices = dict(field.flatchoices) if field is not None else {}
    if choices and isinstance(value, str | int) and value in choices:
        return str(choices[value])
    return _words(value, top=True)


def _words(value: Any, *, top: bool = False) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dict):
        text = ", ".join(f"{name}: {_words(one)}" for name, one in value.items())
        return text if top else f"({text})"
    if isinstance(value, list):
        text = ", ".join(_words(one) for one in value)
        return text if top or len(value) == 1 else f"({text})"
    return _moment(value) if isinstance(value, str) else str(value)


def _moment(text: str) -> str:
    if not _MOMENT.fullmatch(text):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")


def _understood(value: Any, field: Any) -> Any:
    """What Python's writing of a value meant. A field of text holds just its text, whatever that looks like."""
    if not isinstance(value, str) or isinstance(field, models.CharField | models.TextField):
        return value
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if value[:1] not in ("[", "{") or len(value) > _LONGEST:
        return value
    try:
        found = literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return value
    return found if isinstance(found, list | dict) else value
