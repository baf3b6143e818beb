"""Labels (tags) of many charge points: some added, some taken away, at once. No station is asked."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from chargepoints.models import ChargePoint
from chargepoints.services.station_table import MOST_LABELS
from tenants.context import current_tenant_id, tenant_transaction
from tenants.many_rows import update_rows
from tenants.services.audit import record_many


class TooManyLabels(ValueError):
    """A charge point would have more than it may; the text names it."""


def labelled(before: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> list[str]:
    """The labels afterwards, in their order; what is added stands at the end. Pure."""
    kept = [label for label in before if label not in remove]
    return [*kept, *(label for label in add if label not in kept)]


def label_stations(
    *, stations: QuerySet[ChargePoint], add: Sequence[str], remove: Sequence[str], actor: str, origin: str
) -> int:
    """Whose labels are others now; those that had them already are left alone. Raises TooManyLabels, nothing is stored."""
    with tenant_transaction(current_tenant_id()):
        chosen = stations.order_by().values("pk")
        rows = ChargePoint.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=chosen).order_by("pk")
        changed = []
        for row in rows.only("identity", "tags"):
            # A list typed by hand, long ago, may be anything.
            before = [str(label) for label in row.tags] if isinstance(row.tags, list) else []
            row.tags = labelled(before, add, remove)
            # One that has more, from long ago, may lose some.
            if len(row.tags) > max(MOST_LABELS, len(before)):
                text = _("%(station)s would have more than %(most)s labels.")
                raise TooManyLabels(text % {"station": row.identity, "most": MOST_LABELS})
            if row.tags != before:
                changed.append((row, {"tags": [before, row.tags]}))
        update_rows([row for row, _changes in changed], ["tags"])
        record_many(actor=actor, origin=origin, action="change", changed=changed)
    return len(changed)
