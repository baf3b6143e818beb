"""Pages of lists that may have millions of rows."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property

CAP = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than `cap` rows: what lies beyond is found by filters, not by page number."""

    cap = CAP

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by().values("pk")[: self.cap].count()  # type: ignore[attr-defined]


class WorkedOnPaginator(CappedPaginator):
    """Of lists whose rows are worked on by the thousand: "select all" says how many that are, up to what may be done at once."""

    cap = 50_000
