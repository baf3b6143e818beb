"""Lists that may have millions of rows: what would have to be sorted as a whole is not."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, SEARCH_VAR, ChangeList
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, JSONField, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from django.utils.translation import gettext as _

from tenants.admin.paging import CAP

LONGEST_YEAR = 4
# What filters, date hierarchies and links of our pages ask of a column.
LOOKUPS = {"exact", "in", "isnull", "isempty", "gt", "gte", "lt", "lte", "year", "month", "day", "date"}


class TenantChangeList(ChangeList):
    """As Django's."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str | None] | None = None) -> QuerySet[Any]:
        """In the order that was asked for; where that has no index, only while the rows are few enough to be sorted."""
        if ERROR_FLAG in request.GET and request.method == "GET":
            # Django has led here from an address that it could not read.
            messages.warning(request, _("The address asked for what this list doesn't have. It is shown unfiltered."))
        if any(_is_nothing(name, value) for name, values in request.GET.lists() for value in values):
            raise IncorrectLookupParameters
        if not all(_can_be_asked(self.model, name) for name in request.GET):
            raise IncorrectLookupParameters
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        if ORDER_VAR not in self.params or self._has_index(rows.query.order_by) or self._are_few(rows):
            return rows
        # The heads of the columns then show the order that there is.
        del self.params[ORDER_VAR]
        self.filter_params.pop(ORDER_VAR, None)
        text = _("There are too many rows to sort them by this column. Filter or search first, then sort.")
        messages.info(request, text)
        return rows.order_by(*self.get_ordering(request, self.root_queryset))

    def _are_few(self, rows: QuerySet[Any]) -> bool:
        return rows.order_by().values("pk")[:CAP].count() < CAP

    def _has_index(self, ordering: Any) -> bool:
        return bool(ordering) and _name(ordering[0]) in indexed_orders(self.model)


def _is_nothing(name: str, value: str) -> bool:
    """No text column holds a NUL, and no calendar goes on so far: the database would be asked in vain, or Python fail."""
    # A search takes its NULs out itself.
    in_calendar = name.endswith(("__year", "__month", "__day"))
    return ("\0" in value and name != SEARCH_VAR) or (in_calendar and len(value) > LONGEST_YEAR)


def _can_be_asked(model: type[Model], name: str) -> bool:
    """Whether a column is compared as lists compare it. Django lets an address ask for more (patterns, ranges, parts of
    arrays), whose faults the database would find only while it reads."""
    owner: type[Model] | None = model
    parts = name.split("__")
    while parts and owner is not None:
        try:
            field = owner._meta.get_field(owner._meta.pk.name if parts[0] == "pk" else parts[0])
        except FieldDoesNotExist:
            break
        owner = field.related_model if isinstance(field.related_model, type) else None
        parts = parts[1:]
        if isinstance(field, ArrayField | JSONField):
            return False
    # A name that begins with no field is a filter's own, or Django refuses it.
    return len(parts) == len(name.split("__")) or LOOKUPS.issuperset(parts)


def _name(part: Any) -> str:
    """The field of one part of an order; empty for what is worked out."""
    if isinstance(part, OrderBy):
        part = part.expression
    if isinstance(part, F):
        return str(part.name)  # type: ignore[attr-defined]
    return part.lstrip("-") if isinstance(part, str) else ""


def indexed_orders(model: type[Model]) -> set[str]:
    """Fields by which the rows of one tenant can be read in order."""
    found = {"pk", model._meta.pk.name}
    lists = [[name.lstrip("-") for name in index.fields] for index in model._meta.indexes if index.condition is None]
    lists += [list(one.fields) for one in model._meta.total_unique_constraints]
    return found | {fields[1] for fields in lists if len(fields) > 1 and fields[0] == "tenant"}
