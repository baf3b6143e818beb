"""What the page of a rollout shows: its counts, the stations that need a look first, the results as a file."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Case, Count, IntegerField, Max, QuerySet, Value, When
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from chargepoints.admin.pills import pill
from chargepoints.models import FirmwareRollout, FirmwareUpdate
from chargepoints.services.rollouts import with_progress
from tenants.api.csv_export import ROWS_PER_PAGE, Cell, csv_response, tenant_pages

State, UpdateState = FirmwareRollout.State, FirmwareUpdate.State
ROWS = 100
CSV_HEADER = (
    *("chargePointId", "wave", "status", "stationStatus", "detail", "versionBefore"),
    *("sentTime", "finishedTime"),
)
FAILED = (UpdateState.FAILED, UpdateState.CANCELLED)


def rollout_progress(request: HttpRequest, rollout: FirmwareRollout, *, may_operate: bool) -> dict[str, Any]:
    """For the page and the part that refreshes itself. `?only=` a state, `?page=` from 1."""
    counted: Any = with_progress(FirmwareRollout.objects.filter(pk=rollout.pk)).select_related("firmware").get()
    updates = FirmwareUpdate.objects.filter(rollout=rollout)
    only = request.GET.get("only", "")
    only = only if only in UpdateState.values else ""
    rows = updates.filter(state=only) if only else updates
    pages = max(1, -(-rows.count() // ROWS))
    number = min(_page_number(request), pages)
    done = counted.installed + counted.failed + counted.cancelled
    running = counted.state in (State.RUNNING, State.PAUSED)
    return {
        "rollout": counted,
        # A session that has stopped is fine; a rollout that was stopped is not.
        "rollout_state": pill(
            "failed" if counted.state == State.STOPPED else counted.state, counted.get_state_display()
        ),
        "running": running,
        "done": done,
        "percent": round(100 * done / counted.total) if counted.total else 100,
        "waves": updates.aggregate(last=Max("wave"))["last"],
        "counts": _counts(updates),
        "only": only,
        "page": number,
        "pages": pages,
        "updates": [(one, pill(one.state, one.get_state_display())) for one in _problems_first(rows, number)],
        "retry": 0 if running or not may_operate else updates.filter(state__in=FAILED).count(),
    }


def _counts(updates: QuerySet[FirmwareUpdate]) -> list[tuple[str, Any, int]]:
    counted = dict(updates.order_by().values_list("state").annotate(Count("pk")))
    return [(name, pill(name, str(label)), counted[name]) for name, label in UpdateState.choices if name in counted]


def failed_stations(rollout: FirmwareRollout) -> str:
    """Their numbers, for a rollout that tries again."""
    failed = FirmwareUpdate.objects.filter(rollout=rollout, state__in=FAILED)
    return ",".join(str(pk) for pk in sorted(set(failed.order_by().values_list("charge_point_id", flat=True))))


def rollout_csv(request: HttpRequest, rollout: FirmwareRollout) -> HttpResponseBase:
    """What became of each station, streamed."""
    rows = FirmwareUpdate.objects.filter(rollout=rollout).select_related("charge_point").order_by("pk")
    pages: Iterator[list[FirmwareUpdate]] = tenant_pages(
        rollout.tenant_id,
        lambda last: list((rows if last is None else rows.filter(pk__gt=last.pk))[:ROWS_PER_PAGE]),
    )
    name = f"rollout-{rollout.pk}.csv"
    return csv_response(Request(request), filename=name, header=list(CSV_HEADER), pages=_cells(pages))


def _cells(pages: Iterator[list[FirmwareUpdate]]) -> Iterator[list[list[Cell]]]:
    for page in pages:
        yield [
            [
                *(one.charge_point.identity, one.wave, one.state, one.status, one.detail, one.version_before),
                *(one.sent_at, one.finished_at),
            ]
            for one in page
        ]


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _problems_first(rows: QuerySet[FirmwareUpdate], page: int) -> list[FirmwareUpdate]:
    rank = Case(
        When(state=UpdateState.FAILED, then=Value(0)),
        When(state__in=[UpdateState.RUNNING, UpdateState.SENT], then=Value(1)),
        When(state=UpdateState.WAITING, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    ordered = rows.select_related("charge_point").order_by(rank, "wave", "charge_point__identity_key")
    return list(ordered[(page - 1) * ROWS : page * ROWS])
