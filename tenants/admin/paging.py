"""Pages of lists that may have millions of rows."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

CAP = 10_000
# So many rows before a page are passed by their keys alone.
DEEP = 1000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than `cap` rows: what lies beyond is found by filters, not by page number."""

    cap = CAP

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by().values("pk")[: self.cap].count()  # type: ignore[attr-defined]

    def page(self, number: int | str) -> Page[Any]:
        """Far from the beginning the rows that are passed are not fetched with all that is shown of them."""
        valid = self.validate_number(number)
        bottom = (valid - 1) * self.per_page
        if bottom < DEEP:
            return super().page(number)
        rows: Any = self.object_list
        top = self.count if bottom + self.per_page + self.orphans >= self.count else bottom + self.per_page
        keys = list(rows.values_list("pk", flat=True)[bottom:top])
        return Page(rows.filter(pk__in=keys), valid, self)


class WorkedOnPaginator(CappedPaginator):
    """Of lists whose rows are worked on by the thousand: "select all" says how many that are, up to what may be done at once."""

    cap = 50_000
