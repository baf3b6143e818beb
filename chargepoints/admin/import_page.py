"""The page that imports a table: a file is checked and what it would do is shown, then it is done as it was checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.checked_files import MOST_CHECKED, NotKept, keep, pack, take, tenant_of, unpack
from chargepoints.services.importing.plans import CHANGE, CREATE, SAME, ChangedMeanwhile, Imported, InvalidFile, Planned
from chargepoints.services.importing.table import MOST_BYTES, MOST_LINES
from chargepoints.services.importing.text import WINDOWS
from tenants.admin.base import has_role
from tenants.api.csv_export import MEDIA_TYPE, csv_chunks
from tenants.context import tenant_transaction
from tenants.models import Tenant

SHOWN_ROWS = 500


class FileForm(forms.Form):
    """The file, and whatever else a kind of import asks for."""

    file = forms.FileField(label=_("CSV file"), widget=forms.FileInput({"accept": ".csv,.txt,text/csv"}))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("At most %(most)s MiB.") % {"most": MOST_BYTES // 1024 // 1024})
        return file

    def options(self) -> dict[str, Any]:
        """What the import takes besides the file, of a valid form; JSON."""
        return {name: value for name, value in self.cleaned_data.items() if name != "file"}


@dataclass(frozen=True, slots=True)
class Job:
    """One run. Without `dry_run` what it does is stored."""

    tenant: Tenant
    raw: bytes
    dry_run: bool
    actor: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column for people: what it takes, and what stands there for example."""

    name: str
    takes: str | Promise
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportKind:
    """What is imported. `blank` and `back` are names of addresses; `done` answers after an import."""

    name: str
    title: str | Promise
    thing: str | Promise
    intro: str | Promise
    columns: Sequence[Column]
    role: str
    blank: str
    back: str
    run: Callable[[Job], Imported[Any]]
    done: Callable[[HttpRequest, Any], HttpResponse]
    said: Callable[[Any], str]
    notes: Callable[[Any], list[str]] = lambda imported: []
    form: type[FileForm] = FileForm


def import_page(request: HttpRequest, kind: ImportKind) -> HttpResponse:
    """GET: the form. POST with a file: what it would do. POST with `checked`: it is done."""
    _need(request, kind)
    posted = request.method == "POST"
    confirmed = posted and "checked" in request.POST
    form = kind.form(request.POST, request.FILES) if posted and not confirmed else kind.form()
    context: dict[str, Any] = {"form": form}
    try:
        if confirmed:
            answer = _import(request, kind)
            if answer is not None:
                return answer
            messages.error(request, _("The check has run out, or this was imported already: choose the file again."))
        elif posted and form.is_valid():
            context |= _check(request, kind, form)
    except InvalidFile as invalid:
        context["faults"] = invalid.faults
    except ChangedMeanwhile:
        messages.error(request, _("Someone else made one of these at the same time; check the file again."))
    except NotKept:
        messages.error(request, _("Nothing was imported: what has to be kept for a moment can't be. Try again."))
    return _page(request, kind, context)


def say_done(request: HttpRequest, listed: str, imported: Imported[Any]) -> HttpResponse:
    """Where nothing has to be handed out: back to the list, with what was done."""
    counts = {"created": imported.count(CREATE), "changed": imported.count(CHANGE)}
    messages.success(request, _("Imported: %(created)s new, %(changed)s changed.") % counts)
    return HttpResponseRedirect(reverse(listed))


def blank_file(request: HttpRequest, kind: ImportKind) -> HttpResponse:
    """A file with the columns and nothing else, to be filled in; with a byte order mark, or Excel spoils umlauts."""
    _need(request, kind)
    header = b"".join(csv_chunks([column.name for column in kind.columns], []))
    answer = HttpResponse(b"\xef\xbb\xbf" + header, content_type=f"{MEDIA_TYPE}; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, f"{kind.name}.csv") or "attachment"
    return answer


def _need(request: HttpRequest, kind: ImportKind) -> None:
    if not has_role(request, kind.role):
        raise PermissionDenied


def _check(request: HttpRequest, kind: ImportKind, form: FileForm) -> dict[str, Any]:
    file = form.cleaned_data["file"]
    raw, options = file.read(), form.options()
    imported = kind.run(_job(request, raw, options, dry_run=True))
    rows = imported.rows
    # What does something first: of a long file most often nothing changes.
    shown = sorted(rows[:], key=lambda row: (row.result == SAME, row.line))[:SHOWN_ROWS]
    return {
        "imported": imported,
        "file_name": file.name,
        "checked": keep(request, kind.name, {"raw": pack(raw), "options": options}, most=MOST_CHECKED),
        "created": imported.count(CREATE),
        "changed": imported.count(CHANGE),
        "same": imported.count(SAME),
        "rows": [(row, _said(row, kind)) for row in shown],
        "more": max(0, len(rows) - SHOWN_ROWS),
        "guessed": imported.encoding == WINDOWS,
        "notes": kind.notes(imported),
    }


def _said(row: Planned, kind: ImportKind) -> str:
    """What a line makes or changes, in a line."""
    if row.result == CREATE:
        return kind.said(row)
    return "; ".join(f"{name}: {_value(before)} → {_value(after)}" for name, (before, after) in row.changes.items())


def _value(value: Any) -> str:
    return (", ".join(value) if isinstance(value, list) else "" if value is None else str(value)) or "–"


def _import(request: HttpRequest, kind: ImportKind) -> HttpResponse | None:
    """None: checked too long ago, done already, or not this person's."""
    kept = take(request, kind.name, request.POST["checked"])
    if kept is None:
        return None
    # What can't be handed out must not stay: `done` may refuse it.
    with tenant_transaction(tenant_of(request).pk):
        imported = kind.run(_job(request, unpack(kept["raw"]), kept["options"], dry_run=False))
        return kind.done(request, imported)


def _job(request: HttpRequest, raw: bytes, options: dict[str, Any], *, dry_run: bool) -> Job:
    return Job(tenant_of(request), raw, dry_run, request.user.get_username(), options)


def _page(request: HttpRequest, kind: ImportKind, context: dict[str, Any]) -> HttpResponse:
    shared = {
        **admin.site.each_context(request),
        "kind": kind,
        "title": kind.title,
        "back": reverse(kind.back),
        "blank": reverse(kind.blank),
        "most_rows": MOST_LINES,
    }
    return TemplateResponse(request, "office/import.html", {**shared, **context})
