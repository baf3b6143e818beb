"""Id tags as files in the back office: export, and import with a dry run that is shown first."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from chargepoints.admin.checked_files import tenant_of
from chargepoints.admin.import_page import Column, ImportKind, Job, blank_file, import_page, say_done
from chargepoints.models import IdTag
from chargepoints.services.tag_import import ImportedTags, PlannedTag, import_tags
from chargepoints.services.tag_table import COLUMNS, row_of
from tenants.api.csv_export import ROWS_PER_PAGE, Cell, csv_response, tenant_pages
from tenants.models import Role
from tenants.services.audit import record_export

LISTED = "admin:chargepoints_idtag_changelist"


def export_tags(request: HttpRequest) -> HttpResponseBase:
    """All tags as CSV, streamed; what the import reads. The trail says who took them along, as with every export."""
    changes = {"format": "csv for import", "rows": IdTag.objects.count()}
    record_export(actor=request.user.get_username(), origin="admin", model=IdTag, changes=changes)
    rows = IdTag.objects.select_related("parent").order_by("token_key")
    pages = tenant_pages(
        tenant_of(request).pk,
        lambda last: list((rows if last is None else rows.filter(token_key__gt=last.token_key))[:ROWS_PER_PAGE]),
    )
    name = f"id-tags-{timezone.now():%Y%m%dT%H%M%SZ}.csv"
    return csv_response(Request(request), filename=name, header=list(COLUMNS), pages=_cells(pages))


def import_view(request: HttpRequest) -> HttpResponse:
    return import_page(request, KIND)


def blank_view(request: HttpRequest) -> HttpResponse:
    return blank_file(request, KIND)


def _cells(pages: Iterator[list[IdTag]]) -> Iterator[list[list[Cell]]]:
    for page in pages:
        yield [list(row_of(tag)) for tag in page]


def _run(job: Job) -> ImportedTags:
    return import_tags(tenant=job.tenant, raw=job.raw, dry_run=job.dry_run, actor=job.actor, origin="admin", guess=True)


def _done(request: HttpRequest, imported: ImportedTags) -> HttpResponse:
    return say_done(request, LISTED, imported)


def _said(row: PlannedTag) -> str:
    """Of a new one, in a line."""
    tag = row.tag
    known = (tag.holder, tag.get_status_display(), tag.parent.token if tag.parent else "", tag.note)
    return " · ".join(str(part) for part in known if part)


KIND = ImportKind(
    name="id-tags",
    title=_("Import id tags"),
    thing=_("Id tag"),
    intro=_("A tag that exists is changed, one that doesn't is made. Nothing is deleted."),
    columns=[
        Column("idTag", _("What the card or app sends. Must be there."), "04A2B3C4D5E680"),
        Column("type", _("ISO14443 (empty), ISO15693, KeyCode, Central, eMAID or MacAddress."), "ISO14443"),
        Column("status", _("Accepted (empty) or Blocked."), "Accepted"),
        Column("holder", _("Who has it."), "Ann Example"),
        Column("parentIdTag", _("The tag of its group; tags of one group stop each other's sessions."), "FLEET"),
        Column("expiryDate", _("A day or a time; without an offset UTC. Empty: never."), "2027-12-31"),
        Column("maxActiveTransactions", _("Sessions at the same time: 0 none, empty no limit."), "1"),
        Column("note", _("For yourselves.")),
    ],
    role=Role.OPERATOR,
    blank="admin:id_tag_import_blank",
    back=LISTED,
    run=_run,
    done=_done,
    said=_said,
)
