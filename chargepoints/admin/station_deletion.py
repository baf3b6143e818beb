"""What hangs on charge points that are to be deleted, in numbers: Django would fetch each row of it, sessions by the million."""

from typing import Any

from django.db.models import CASCADE, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chargepoints.models import ChargePoint, Transaction

# Each takes its commands, readings and alerts along, in one transaction.
MOST_DELETED = 100


def what_goes(stations: QuerySet[ChargePoint] | list[ChargePoint]) -> tuple[list[str], dict[str, int], list[str]]:
    """(names, how many rows of which kind go, why nothing can go); the last is empty where it can."""
    chosen = list(stations[: MOST_DELETED + 1])
    if len(chosen) > MOST_DELETED:
        text = _("More than %(most)s charge points at once: tick fewer of them.")
        return [], {}, [text % {"most": MOST_DELETED}]
    numbers = [station.pk for station in chosen]
    if sessions := Transaction.objects.filter(charge_point__in=numbers).count():
        return [], {}, [_kept(sessions)]
    return [station.identity for station in chosen], _counted(numbers), []


def _kept(sessions: int) -> str:
    text = ngettext("%(n)d session, which stays on record.", "%(n)d sessions, which stay on record.", sessions)
    return text % {"n": sessions}


def _counted(numbers: list[int]) -> dict[str, int]:
    """Rows that go with them, by what people call them; kinds without any are left out."""
    counts: dict[str, int] = {str(ChargePoint._meta.verbose_name_plural): len(numbers)}
    for relation in ChargePoint._meta.related_objects:
        model: Any = relation.related_model
        if relation.on_delete is CASCADE:
            number = model._default_manager.filter(**{f"{relation.field.name}__in": numbers}).count()
            name = str(model._meta.verbose_name_plural)
            if number:
                counts[name] = counts.get(name, 0) + number
    return counts
