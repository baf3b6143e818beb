"""What the page of a bulk command shows: counts, the charge points that need a look first, the results as a file."""

from typing import Any

from django.db.models import Case, IntegerField, Q, Value, When
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.api.bulk import CSV_HEADER, result_rows
from chargepoints.models import BulkCommand, BulkTarget, CommandState
from chargepoints.services.bulk import COUNTED, counts_of, status_of, with_status
from tenants.api.csv_export import MEDIA_TYPE, csv_chunks

# Beyond, the file has them all.
ROWS = 100
NAMES = {**dict(BulkTarget.State.choices), **dict(CommandState.choices)}
ENDED = (CommandState.ACCEPTED, CommandState.REJECTED, CommandState.FAILED, CommandState.TIMED_OUT)


def progress_of(bulk: BulkCommand, only: str = "") -> dict[str, Any]:
    """For the page and the part that refreshes itself. `only`: a status of COUNTED."""
    counts = counts_of([bulk])[bulk.pk]
    done = sum(counts[state] for state in (*ENDED, CommandState.CANCELLED, BulkTarget.State.SKIPPED))
    targets = BulkTarget.objects.filter(bulk=bulk).select_related("charge_point", "command")
    only = only if only in COUNTED else ""
    rows = with_status(targets, only) if only else targets
    return {
        "bulk": bulk,
        "bulk_state": pill(bulk.state, bulk.get_state_display()),
        "counts": [(name, pill(name, str(NAMES[name])), number) for name, number in counts.items() if number],
        "done": done,
        "percent": round(100 * done / bulk.total) if bulk.total else 100,
        "only": only,
        "rows": [(row, _pill(row), _said(row)) for row in _problems_first(rows)],
        "rows_shown": ROWS,
    }


def csv_file(bulk: BulkCommand) -> HttpResponse:
    """All results as CSV. In the tenant's transaction."""
    targets = BulkTarget.objects.filter(bulk=bulk).select_related("charge_point", "command").order_by("pk")
    answer = HttpResponse(b"".join(csv_chunks(CSV_HEADER, [result_rows(list(targets))])), content_type=MEDIA_TYPE)
    answer["Content-Disposition"] = content_disposition_header(True, f"{bulk.action}-{bulk.pk}.csv") or "attachment"
    return answer


def _problems_first(targets: Any) -> list[BulkTarget]:
    bad = Q(command__state__in=[CommandState.REJECTED, CommandState.FAILED, CommandState.TIMED_OUT])
    under_way = Q(command__state__in=[CommandState.QUEUED, CommandState.SENT])
    rank = Case(
        When(bad, then=Value(0)),
        When(Q(state=BulkTarget.State.SKIPPED), then=Value(1)),
        When(under_way, then=Value(2)),
        default=Value(3),
        output_field=IntegerField(),
    )
    return list(targets.annotate(rank=rank).order_by("rank", "pk")[:ROWS])


def _pill(row: BulkTarget) -> Any:
    status = status_of(row.state, row.command.state if row.command else None)
    return pill(status, str(NAMES[status]))


def _said(row: BulkTarget) -> str:
    command = row.command
    if command is None:
        return row.detail
    if command.error_code or command.error_description:
        return f"{command.error_code} {command.error_description}".strip()
    answered = str((command.reply or {}).get("status", ""))
    outcome = f"{command.get_outcome_display()}: {command.outcome_detail}" if command.outcome else ""
    if command.outcome == "waiting":
        outcome = str(_("Waiting for what follows"))
    return " · ".join(part for part in (answered, outcome) if part)
