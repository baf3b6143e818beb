"""Id tags as files in the back office: export, and import with a dry run that is shown first."""

import secrets
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from chargepoints.models import IdTag
from chargepoints.services.tag_import import ChangedMeanwhile, Imported, InvalidFile, import_tags
from chargepoints.services.tag_table import COLUMNS, MOST_BYTES, row_of
from tenants.admin.base import access_of, has_role
from tenants.api.csv_export import ROWS_PER_PAGE, Cell, csv_response, tenant_pages
from tenants.models import Role

SHOWN_ROWS = 500
# A file that was checked waits so long to be imported.
CHECKED_S = 900


class FileForm(forms.Form):
    file = forms.FileField(label=_("CSV file"), widget=forms.FileInput({"accept": ".csv,text/csv"}))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("At most %(most)s MiB.") % {"most": MOST_BYTES // 1024 // 1024})
        return file


def export_tags(request: HttpRequest) -> HttpResponseBase:
    """All tags as CSV, streamed."""
    access = access_of(request)
    if access is None:
        raise PermissionDenied
    rows = IdTag.objects.select_related("parent").order_by("token_key")
    pages = tenant_pages(
        access.tenant.pk,
        lambda last: list((rows if last is None else rows.filter(token_key__gt=last.token_key))[:ROWS_PER_PAGE]),
    )
    name = f"id-tags-{timezone.now():%Y%m%dT%H%M%SZ}.csv"
    return csv_response(Request(request), filename=name, header=list(COLUMNS), pages=_cells(pages))


def _cells(pages: Iterator[list[IdTag]]) -> Iterator[list[list[Cell]]]:
    for page in pages:
        yield [list(row_of(tag)) for tag in page]


def import_page(request: HttpRequest) -> HttpResponse:
    """A file is checked and what it would do shown; then it is imported as it was checked."""
    if access_of(request) is None or not has_role(request, Role.OPERATOR):
        raise PermissionDenied
    back = reverse("admin:chargepoints_idtag_changelist")
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    context: dict[str, Any] = {"form": form, "back": back, "columns": ", ".join(COLUMNS)}
    try:
        if "checked" in request.POST:
            context["form"] = FileForm()
            imported = _import_checked(request)
            if imported is not None:
                text = _("Imported: %(created)s new, %(changed)s changed.")
                counts = {"created": imported.count("create"), "changed": imported.count("change")}
                messages.success(request, text % counts)
                return HttpResponseRedirect(back)
            messages.error(request, _("The check has run out: choose the file again."))
        elif request.method == "POST" and form.is_valid():
            context |= _check(request, form.cleaned_data["file"].read())
    except InvalidFile as invalid:
        context["faults"] = invalid.faults
    except ChangedMeanwhile:
        messages.error(request, _("Someone else made one of these tags at the same time; check the file again."))
    title = _("Import id tags")
    return TemplateResponse(
        request, "office/tag_import.html", {**admin.site.each_context(request), **context, "title": title}
    )


def _check(request: HttpRequest, raw: bytes) -> dict[str, Any]:
    imported = _import(request, raw, dry_run=True)
    checked = secrets.token_urlsafe(16)
    cache.set(_place(request, checked), raw, CHECKED_S)
    return {
        "imported": imported,
        "checked": checked,
        "created": imported.count("create"),
        "changed": imported.count("change"),
        "same": imported.count("same"),
        "rows": imported.rows[:SHOWN_ROWS],
        "more": max(0, len(imported.rows) - SHOWN_ROWS),
    }


def _import_checked(request: HttpRequest) -> Imported | None:
    """None: too long ago, or not this person's."""
    place = _place(request, request.POST["checked"][:64])
    raw = cache.get(place)
    if raw is None:
        return None
    imported = _import(request, raw, dry_run=False)
    cache.delete(place)
    return imported


def _import(request: HttpRequest, raw: bytes, *, dry_run: bool) -> Imported:
    access = access_of(request)
    assert access is not None  # noqa: S101 (the view has asked)
    actor = request.user.get_username()
    return import_tags(tenant=access.tenant, raw=raw, dry_run=dry_run, actor=actor, origin="admin")


def _place(request: HttpRequest, checked: str) -> str:
    access = access_of(request)
    assert access is not None  # noqa: S101 (the view has asked)
    # Only what our own token may hold: the cache's keys have no blanks.
    safe = "".join(char for char in checked if char.isalnum() or char in "-_")
    return f"csms:tag-import:{access.tenant.pk}:{request.user.pk}:{safe}"
