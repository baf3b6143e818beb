"""Who is meant by work on many: carried from page to page as it was chosen, shown before anything is done.

What was shown is what is worked on: the rows themselves are carried, not the filter by which they were found.
"""

from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from chargepoints.models import ChargePoint, Transaction
from chargepoints.selectors import charge_points

# Of each list of names; the rest is counted.
SHOWN = 20
# A number of eleven digits with its comma, as a form sends it: half of what a form may have (DATA_UPLOAD_MAX_MEMORY_SIZE).
MOST_STATIONS = 40_000
# What a page gives on, besides what its own form holds.
NOT_KEPT = {"csrfmiddlewaretoken", "step", "order", "action", "index", "select_across", "_selected_action"}
Row = TypeVar("Row", bound=Model)


def ids_of(rows: QuerySet[Row]) -> str:
    """Their numbers, for a field of a form."""
    return ",".join(str(pk) for pk in sorted(set(rows.order_by().values_list("pk", flat=True))))


def numbers_in(text: str) -> list[int]:
    """What isn't a number is nobody's."""
    return [int(part) for part in text.split(",") if part.isascii() and part.isdigit() and len(part) < 19]


def among(text: str) -> RawSQL:
    """The numbers for `pk__in`: one parameter, however many they are."""
    return RawSQL("SELECT unnest(%s::bigint[])", [numbers_in(text)])


def stations_in(text: str) -> QuerySet[ChargePoint]:
    """The person's own among the numbers, each with `online`."""
    return charge_points().filter(pk__in=among(text))


def who(stations: QuerySet[ChargePoint]) -> dict[str, Any]:
    """For the page that asks: how many, which, who is offline, and how many sessions run there. A fixed number of queries."""
    there, away = stations.filter(online=True), stations.filter(online=False)
    online, offline = there.count(), away.count()
    running = Transaction.objects.filter(
        state=Transaction.State.ACTIVE, charge_point__in=stations.order_by().values("pk")
    )
    return {
        "number": online + offline,
        "online": online,
        "offline": offline,
        "sessions": running.count(),
        "named_online": _named(there),
        "more_online": max(0, online - SHOWN),
        "named_offline": _named(away),
        "more_offline": max(0, offline - SHOWN),
    }


def _named(stations: QuerySet[ChargePoint]) -> list[ChargePoint]:
    return list(stations.order_by("identity_key")[:SHOWN])


def kept_fields(request: HttpRequest) -> dict[str, Any]:
    """All that the form has said so far."""
    return {name: value for name, value in request.POST.items() if name not in NOT_KEPT}


def order_of(request: HttpRequest) -> UUID:
    """The number that the page which asks has given: the same page sent twice is one order."""
    try:
        return UUID(request.POST.get("order", ""))
    except ValueError:
        return uuid4()


def confirm_page(request: HttpRequest, /, **context: Any) -> HttpResponse:
    """The page that asks once: `title`, `words` (sentences), `who`, `button`, `post_to`, `back`; sent on with step=send."""
    hidden = {**kept_fields(request), "step": "send", "order": str(uuid4())}
    return page(request, "office/bulk_confirm.html", **{"hidden": hidden, **context})


def page(request: HttpRequest, template: str, /, **context: Any) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
