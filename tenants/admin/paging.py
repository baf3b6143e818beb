"""Pages of lists that may have millions of rows."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property

CAP = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than `CAP` rows: what lies beyond is found by filters, not by page number."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by().values("pk")[:CAP].count()  # type: ignore[attr-defined]
