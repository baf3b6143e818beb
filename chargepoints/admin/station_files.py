"""Charge points from a file; the passwords that were made for them are given once, as a file."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import content_disposition_header, urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chargepoints.admin.checked_files import keep, look, newest, shorten, tenant_of
from chargepoints.admin.import_page import Column, FileForm, ImportKind, Job, blank_file, import_page, say_done
from chargepoints.models import ChargePoint
from chargepoints.services.importing.plans import CHANGE, CREATE
from chargepoints.services.station_import import ImportedStations, PlannedStation, import_stations
from tenants.admin.base import has_role
from tenants.api.csv_export import MEDIA_TYPE, csv_chunks
from tenants.models import Role
from tenants.services.audit import record

LISTED = "admin:chargepoints_chargepoint_changelist"
PASSWORDS = "passwords"
# Until they are fetched; then long enough for a download that has failed to be tried again.
KEPT_S, FETCHED_S = 1800, 60


class StationFileForm(FileForm):
    make_sites = forms.BooleanField(label=_("Make the sites that aren't there yet"), required=False)


def import_view(request: HttpRequest) -> HttpResponse:
    answer = import_page(request, KIND)
    # Whose line broke while the import ran has never seen the page that gives them.
    if answer.status_code == HTTPStatus.OK and (token := newest(request, PASSWORDS)):
        text = _("The passwords that your last import made can still be downloaded:")
        messages.warning(
            request, format_html('{} <a href="{}">{}</a>', text, _fetched_at(token), _("to the passwords"))
        )
    return answer


def _fetched_at(token: str) -> str:
    return f"{reverse('admin:station_imported')}?{urlencode({'kept': token})}"


def blank_view(request: HttpRequest) -> HttpResponse:
    return blank_file(request, KIND)


def imported_view(request: HttpRequest) -> HttpResponse:
    """After an import that made passwords: the page with the button; a POST is the file."""
    if not has_role(request, Role.ADMIN):
        raise PermissionDenied
    token = request.POST.get("kept", "") or request.GET.get("kept", "")
    kept = look(request, PASSWORDS, token)
    if kept is None:
        if token:
            messages.warning(request, _("The passwords are no longer kept. A station's page can make it a new one."))
        return HttpResponseRedirect(reverse(LISTED))
    if request.method == "POST":
        record(
            actor=request.user.get_username(),
            origin="admin",
            action="fetch passwords",
            target=tenant_of(request),
            changes={"charge_points": [None, len(kept["passwords"])]},
        )
        shorten(request, PASSWORDS, token, FETCHED_S)
        return _password_file(request, kept["passwords"])
    context = {
        **admin.site.each_context(request),
        "title": _("Charge points were imported"),
        "token": token,
        "number": len(kept["passwords"]),
        "created": kept["created"],
        "changed": kept["changed"],
        "minutes": KEPT_S // 60,
        "back": reverse(LISTED),
    }
    return TemplateResponse(request, "office/imported_stations.html", context)


def _password_file(request: HttpRequest, passwords: dict[str, str]) -> HttpResponse:
    rows = [[identity, password, _address(request, identity)] for identity, password in passwords.items()]
    body = b"".join(csv_chunks(["identity", "password", "url"], [rows]))
    answer = HttpResponse(body, content_type=f"{MEDIA_TYPE}; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, "passwords.csv") or "attachment"
    answer["Cache-Control"] = "no-store"
    return answer


def _address(request: HttpRequest, identity: str) -> str:
    """What is typed into the station, as far as this system knows its own address."""
    if not settings.PUBLIC_URL:
        return ""
    base = settings.PUBLIC_URL.rstrip("/").replace("http", "ws", 1)
    return f"{base}/ocpp/{tenant_of(request).slug}/{quote(identity)}"


def _run(job: Job) -> ImportedStations:
    return import_stations(
        tenant=job.tenant,
        raw=job.raw,
        dry_run=job.dry_run,
        actor=job.actor,
        origin="admin",
        guess=True,
        make_sites=bool(job.options.get("make_sites")),
    )


def _done(request: HttpRequest, imported: ImportedStations) -> HttpResponse:
    """Kept before the transaction commits: where they can't be, nothing is imported."""
    if not imported.passwords:
        return say_done(request, LISTED, imported)
    counts = {"created": imported.count(CREATE), "changed": imported.count(CHANGE)}
    return HttpResponseRedirect(
        _fetched_at(keep(request, PASSWORDS, {"passwords": imported.passwords, **counts}, KEPT_S))
    )


def _said(row: PlannedStation) -> str:
    """Of a new one, in a line."""
    station: ChargePoint = row.station
    number = len(row.connectors)
    sockets = ngettext("%(n)d connector", "%(n)d connectors", number) % {"n": number} if number else ""
    profile = _("profile %(profile)s") % {"profile": station.security_profile}
    site = station.site.name if station.site else ""
    return " · ".join(str(part) for part in (station.name, site, ", ".join(station.tags), sockets, profile) if part)


def _notes(imported: ImportedStations) -> list[str]:
    notes: list[Any] = []
    if imported.new_sites:
        notes.append(_("New sites: %(names)s.") % {"names": ", ".join(imported.new_sites[:20])})
    without = sum(
        1
        for row in imported.rows
        if row.result == CREATE and not row.password and row.station.security_profile in (1, 2)
    )
    if without:
        text = ngettext(
            "A password is made for %(n)d charge point; you can download it once, after the import.",
            "Passwords are made for %(n)d charge points; you can download them once, after the import.",
            without,
        )
        notes.append(text % {"n": without})
    return [str(note) for note in notes]


KIND = ImportKind(
    name="charge-points",
    title=_("Import charge points"),
    thing=_("Charge point"),
    intro=_("A charge point that exists is changed, one that doesn't is made. Nothing is deleted."),
    columns=[
        Column("identity", _("The last part of the address that the station connects to. Must be there."), "CP-0001"),
        Column("name", _("What people call it."), "Car park east 1"),
        Column("site", _("The name of a site."), "Harbour"),
        Column("tags", _("Labels, with commas, semicolons or bars between them."), "fast|public"),
        Column("notes", _("For yourselves."), ""),
        Column("securityProfile", _("0 none, 1 password (empty), 2 TLS and password, 3 TLS and certificate."), "2"),
        Column("password", _("16 to 40 characters. Empty: one is made for a new station."), ""),
        Column("connectors", _("How many there are. Empty: as the station says."), "2"),
    ],
    role=Role.ADMIN,
    blank="admin:station_import_blank",
    back=LISTED,
    run=_run,
    done=_done,
    said=_said,
    notes=_notes,
    form=StationFileForm,
)
