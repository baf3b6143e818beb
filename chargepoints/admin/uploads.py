"""Files that stations have sent, and asking for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.files.addresses import InvalidLocation, NoPublicUrl, check_location, shown_location
from chargepoints.files.responses import file_response
from chargepoints.files.storage import path_of
from chargepoints.models import ChargePoint, FirmwareUpdate, StationConnection, StationUpload
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import StationOffline
from chargepoints.services.uploads import Wanted, request_diagnostics, request_log
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.models import Role

FILES = "charge_point_files"
SHOWN = 20


def read_location(location: str) -> str:
    """For forms: the address, or a ValidationError."""
    try:
        return check_location(location) if location else ""
    except InvalidLocation as error:
        raise forms.ValidationError(str(error)) from None


class AskForm(forms.Form):
    """What to ask for, and where it is to go."""

    kind = forms.ChoiceField(label=_("File"), choices=StationUpload.Kind.choices)
    location = forms.CharField(
        label=_("Send it to"),
        max_length=512,
        required=False,
        help_text=_("A folder (ftp, ftps, sftp, http, https). Empty: it is sent here."),
    )
    start = forms.DateTimeField(label=_("From"), required=False, widget=forms.DateTimeInput({"type": "datetime-local"}))
    end = forms.DateTimeField(label=_("Until"), required=False, widget=forms.DateTimeInput({"type": "datetime-local"}))

    def clean_location(self) -> str:
        return read_location(self.cleaned_data["location"])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("start") and given.get("end") and given["end"] < given["start"]:
            self.add_error("end", _("Before the beginning."))
        return given


def upload_link(row: StationUpload) -> SafeString | str:
    """The file to download, or what it is called."""
    if not row.file:
        return row.filename or "–"
    return format_html(
        '<a class="office-link" href="{}">{}</a>', reverse("admin:station_upload_file", args=[row.pk]), row.filename
    )


@admin.register(StationUpload)
class StationUploadAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "charge_point", "kind", "state_shown", "status", "link", "size", "requested_by"]
    list_filter = ["state", "kind"]
    search_fields = ["charge_point__identity_key", "filename"]
    list_select_related = ["charge_point"]
    date_hierarchy = "created_at"
    fields = [
        *("charge_point", "kind", "state_shown", "status", "link", "size", "sha256", "where", "request_id"),
        *("requested_by", "command", "created_at", "expires_at", "received_at"),
    ]
    readonly_fields = ["state_shown", "link", "where"]

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: StationUpload) -> SafeString:
        return pill(row.state, row.get_state_display())

    @admin.display(description=_("File"))
    def link(self, row: StationUpload) -> SafeString | str:
        return upload_link(row)

    @admin.display(description=_("Location"))
    def where(self, row: StationUpload) -> str:
        return shown_location(row.location)

    def get_urls(self) -> list[URLPattern]:
        own = [path("<int:pk>/file/", self.admin_site.admin_view(self.file_view), name="station_upload_file")]
        return [*own, *super().get_urls()]

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Always a download: what a station sends is never shown as a page of ours."""
        row = StationUpload.objects.filter(pk=pk).exclude(file="").first()
        if row is None or not has_role(request, Role.OPERATOR):
            raise Http404
        try:
            return file_response(request, path_of(row.file.name or ""), filename=row.filename, etag=row.sha256)
        except OSError:
            raise Http404 from None


# --- of one charge point ---


@register_view("charge_point", "files/", name=FILES, title=_("Firmware and files"), order=60)
def files_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Its updates and what it has sent."""
    updates = FirmwareUpdate.objects.filter(charge_point=station).select_related("firmware", "rollout")[:SHOWN]
    uploads = StationUpload.objects.filter(charge_point=station)[:SHOWN]
    context = {
        **admin.site.each_context(request),
        "title": _("Firmware and files of %(station)s") % {"station": station.identity},
        "station": station,
        "live": StationConnection.objects.live().filter(charge_point=station).exists(),
        "updates": [(one, pill(one.state, one.get_state_display())) for one in updates],
        "uploads": [(one, pill(one.state, one.get_state_display()), upload_link(one)) for one in uploads],
        "tabs": tabs_of("charge_point", request, station.pk, FILES),
        "may_operate": has_role(request, Role.OPERATOR),
    }
    return TemplateResponse(request, "office/files.html", context)


@register_view("charge_point", "files/ask/", name="charge_point_files_ask", role=Role.OPERATOR)
def ask_view(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """A form; the command goes out when it is sent."""
    form = AskForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _ask(request, station, form):
        messages.success(request, _("The station was asked; what it sends shows here."))
        return HttpResponseRedirect(reverse(f"admin:{FILES}", args=[station.pk]))
    return form_page(
        request,
        form,
        title=_("Ask %(station)s for a file") % {"station": station.identity},
        consequence=_("The station is asked to send its diagnostics or a log. Logs need the security extension."),
        button=_("Ask"),
        back=reverse(f"admin:{FILES}", args=[station.pk]),
    )


def _ask(request: HttpRequest, station: ChargePoint, form: AskForm) -> bool:
    given = form.cleaned_data
    wanted = Wanted(location=given["location"], start=given["start"], end=given["end"])
    actor = request.user.get_username()
    with refused(form):
        if given["kind"] == StationUpload.Kind.DIAGNOSTICS:
            request_diagnostics(charge_point=station, wanted=wanted, requested_by=actor, origin="admin")
        else:
            request_log(charge_point=station, kind=given["kind"], wanted=wanted, requested_by=actor, origin="admin")
    return not form.errors


@contextmanager
def refused(form: forms.Form) -> Iterator[None]:
    """What services refuse, as errors of the form."""
    try:
        yield
    except StationOffline:
        form.add_error(None, _("The station is offline: nothing was sent."))
    except NoPublicUrl as error:
        form.add_error(None, str(error))
    except OcppError as error:
        form.add_error(None, error.description)


def form_page(request: HttpRequest, form: forms.Form, **context: Any) -> HttpResponse:
    """A page with one form: `title`, `consequence`, `button`, `back`."""
    shared = admin.site.each_context(request)
    return TemplateResponse(request, "office/form.html", {**shared, "form": form, **context})
