"""Lists that may have millions of rows: what would have to be sorted as a whole is not."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from django.utils.translation import gettext as _

from tenants.admin.paging import CAP


class TenantChangeList(ChangeList):
    """As Django's."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str | None] | None = None) -> QuerySet[Any]:
        """In the order that was asked for; where that has no index, only while the rows are few enough to be sorted."""
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
