"""Searching in lists that may have millions of rows.

Django asks `LIKE '%term%'` of every search field, joined: no index helps, and behind row-level security none ever does, because
LIKE is not leak-proof. Here what a row refers to (its station, its tag) is looked up first, in tables of thousands, and the
list is then filtered by the keys that were found.

Search fields are written as Django's: `name` is searched for a part, `=number` for exactly this and `^number` for what begins
so (what has an index; for beginnings one by the C collation), and `charge_point__identity_key` is a column of a table that a
row refers to.
"""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Collate
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.utils.text import smart_split, unescape_string_literal

# More keys than these aren't fetched: the word says too little, and whatever is read of the list has it.
MOST_KEYS = 10_000
FEW_KEYS = 1_000
# Words of a search, each of which a row must have.
MOST_WORDS = 6
NOWHERE = Q(pk__in=[])
# After whatever a text may go on with.
LAST = "\U0010ffff"


def search(rows: QuerySet[Any], fields: Sequence[str], term: str) -> QuerySet[Any]:
    """Of `rows` those that have every word of `term` in one of `fields`."""
    for word in words_of(term):
        places = [_place(rows.model, field, word) for field in fields]
        rows = rows.filter(reduce(or_, [place for place in places if place is not None], NOWHERE))
    return rows


def words_of(term: str) -> list[str]:
    """Words, and what stands in quotes. A text column holds no NUL."""
    words = [word for word in smart_split(term.replace("\0", "")) if word][:MOST_WORDS]
    return [unescape_string_literal(word) if _is_quoted(word) else word for word in words]


def _is_quoted(word: str) -> bool:
    return len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"


def _place(model: type[Model], field: str, word: str) -> Q | None:
    """Where the word would stand; None: nowhere."""
    path, _, name = field.lstrip("=^").rpartition("__")
    related: Any = model
    for part in path.split("__") if path else ():
        related = related._meta.get_field(part).related_model
    lookup = _lookup(related, name, word, kind=field[0])
    if lookup is None or not (path or field[0] in "=^"):
        return lookup
    # Also what an index finds in the table itself: a place where the word isn't stands in no OR, and the others' indexes hold.
    found = related._default_manager.filter(lookup).order_by()
    keys = list(found.values_list("pk", flat=True)[: MOST_KEYS if path else FEW_KEYS])
    if not keys:
        return None
    if not path:
        return Q(pk__in=keys) if len(keys) < FEW_KEYS else lookup
    return Q(**{f"{path}__in": keys if len(keys) < MOST_KEYS else found.values("pk")})


def _lookup(model: type[Model], name: str, word: str, *, kind: str) -> Q | None:
    if kind == "^":
        # Not LIKE: a range can be looked up in an index, also behind row-level security.
        return Q(GreaterThanOrEqual(Collate(name, "C"), word)) & Q(LessThan(Collate(name, "C"), word + LAST))
    if kind != "=":
        return Q(**{f"{name}__icontains": word})
    try:
        # A number's column can't hold words, nor one of eight letters nine.
        value = model._meta.get_field(name).clean(word, None)  # type: ignore[union-attr]
    except (ValidationError, ValueError):
        return None
    return Q(**{name: value})
