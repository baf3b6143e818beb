"""What the page of a bulk command shows: counts, the charge points that need a look first, the results as a file."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.request import Request

from chargepoints.admin.pills import pill
from chargepoints.api.bulk import CSV_HEADER, result_rows
from chargepoints.models import BulkCommand, BulkTarget, CommandState, Outcome
from chargepoints.services.bulk import COUNTED, counts_of, status_of, with_status
from chargepoints.services.bulk_retry import failed_targets
from tenants.api.csv_export import ROWS_PER_PAGE, Cell, csv_response, tenant_pages
from tenants.stored_words import shown

ROWS = 100
NAMES = {**dict(BulkTarget.State.choices), **dict(CommandState.choices)}
ENDED = (
    *(CommandState.ACCEPTED, CommandState.REJECTED, CommandState.FAILED, CommandState.TIMED_OUT),
    *(CommandState.CANCELLED, BulkTarget.State.SKIPPED),
)


def progress_of(request: HttpRequest, bulk: BulkCommand, *, may_operate: bool) -> dict[str, Any]:
    """For the page and the part that refreshes itself. `?only=` a status of COUNTED, `?page=` from 1."""
    counts = counts_of([bulk])[bulk.pk]
    done = sum(counts[state] for state in ENDED)
    only = request.GET.get("only", "")
    only = only if only in COUNTED else ""
    # Of those that are still there: stations are deleted, and their rows with them.
    number_of_all = sum(counts.values())
    pages = max(1, -(-(counts[only] if only else number_of_all) // ROWS))
    number = min(_page_number(request), pages)
    running = bulk.state == BulkCommand.State.RUNNING
    retry = 0 if running or not may_operate else failed_targets(bulk).count()
    return {
        "bulk": bulk,
        "bulk_state": pill(bulk.state, bulk.get_state_display()),
        "running": running,
        "counts": [(name, pill(name, str(NAMES[name])), count) for name, count in counts.items() if count],
        "done": done,
        "total": number_of_all,
        # Never 100 before the last.
        "percent": 100 * done // number_of_all if number_of_all else 100,
        "only": only,
        "rows": [(row, _pill(row), _said(row)) for row in _problems_first(_targets(bulk, only), number)],
        "page": number,
        "pages": pages,
        "may_cancel": running and may_operate,
        "retry": retry,
        "tried_again_by": BulkCommand.objects.filter(retry_of=bulk.pk).order_by("-created_at").first(),
    }


def csv_file(request: HttpRequest, bulk: BulkCommand) -> HttpResponseBase:
    """Results as CSV, streamed: all, or those of `?only=`."""
    only = request.GET.get("only", "")
    targets = _targets(bulk, only if only in COUNTED else "").order_by("pk")
    pages: Iterator[list[BulkTarget]] = tenant_pages(
        bulk.tenant_id,
        lambda last: list((targets if last is None else targets.filter(pk__gt=last.pk))[:ROWS_PER_PAGE]),
    )
    name = f"{bulk.action}-{bulk.created_at:%Y%m%dT%H%M%SZ}.csv"
    return csv_response(Request(request), filename=name, header=list(CSV_HEADER), pages=_cells(pages))


def _cells(pages: Iterator[list[BulkTarget]]) -> Iterator[list[list[Cell]]]:
    for page in pages:
        yield result_rows(page)


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _targets(bulk: BulkCommand, only: str) -> QuerySet[BulkTarget]:
    targets = BulkTarget.objects.filter(bulk=bulk).select_related("charge_point", "command")
    return with_status(targets, only) if only else targets


def _problems_first(targets: QuerySet[BulkTarget], page: int) -> list[BulkTarget]:
    bad = Q(command__state__in=[CommandState.REJECTED, CommandState.FAILED, CommandState.TIMED_OUT])
    under_way = Q(command__state__in=[CommandState.QUEUED, CommandState.SENT])
    rank = Case(
        When(bad, then=Value(0)),
        When(Q(state=BulkTarget.State.SKIPPED), then=Value(1)),
        When(under_way, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    # Which they are first: what is sorted, of ten thousand, is narrow then, and needs no charge points.
    ids = list(
        targets.annotate(rank=rank).order_by("rank", "pk").values_list("pk", flat=True)[(page - 1) * ROWS : page * ROWS]
    )
    rows = targets.annotate(ended_at=Coalesce("command__finished_at", "skipped_at")).in_bulk(ids)
    return [rows[pk] for pk in ids if pk in rows]


def _pill(row: BulkTarget) -> Any:
    status = status_of(row.state, row.command.state if row.command else None)
    return pill(status, str(NAMES[status]))


def _said(row: BulkTarget) -> str:
    command = row.command
    if command is None:
        return shown(row.detail)
    if command.error_code or command.error_description:
        return f"{command.error_code} {shown(command.error_description)}".strip()
    answered = str((command.reply or {}).get("status", ""))
    outcome = f"{command.get_outcome_display()}: {shown(command.outcome_detail)}" if command.outcome else ""
    if command.outcome == Outcome.WAITING:
        outcome = _("Waiting for what follows")
    return " · ".join(part for part in (answered, outcome) if part)
