"""Firmware files, and the update of one station."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_view
from chargepoints.admin.uploads import FILES, form_page, read_location, refused
from chargepoints.files.addresses import shown_location
from chargepoints.files.storage import CHUNK
from chargepoints.models import ChargePoint, FirmwareFile, FirmwareUpdate
from chargepoints.services.firmware import (
    FirmwareDetails,
    InvalidFirmware,
    StillUsed,
    add_firmware,
    check_firmware_signing,
    remove_firmware,
)
from chargepoints.services.firmware_updates import Schedule, Source, update_station
from tenants.admin.base import ReadOnlyAdmin, TenantModelAdmin
from tenants.admin.shown import ShownDetail
from tenants.models import Role


class FirmwareForm(forms.Form):
    """A firmware: a file or an address, for whom, and its signature."""

    name = forms.CharField(label=_("Name"), max_length=120)
    version = forms.CharField(
        label=_("Version"),
        max_length=100,
        help_text=_("As stations report it when they boot: that confirms an update."),
    )
    vendor = forms.CharField(label=_("Only for the vendor"), max_length=50, required=False)
    model = forms.CharField(label=_("Only for the model"), max_length=50, required=False)
    file = forms.FileField(label=_("File"), required=False)
    url = forms.CharField(label=_("Or where it lies"), max_length=512, required=False, help_text=_("A URL."))
    signature = forms.CharField(
        label=_("Signature (Base64)"), max_length=800, required=False, widget=forms.Textarea({"rows": 3})
    )
    signing_certificate = forms.CharField(
        label=_("Signing certificate (PEM)"), max_length=5500, required=False, widget=forms.Textarea({"rows": 6})
    )

    def details(self) -> FirmwareDetails:
        return FirmwareDetails(**{name: value for name, value in self.cleaned_data.items() if name != "file"})


@admin.register(FirmwareFile)
class FirmwareFileAdmin(TenantModelAdmin):
    add_role = Role.OPERATOR
    list_display = ["name", "version", "vendor", "model", "size", "signed", "uploaded_by", "created_at"]
    list_filter = ["vendor", "model"]
    search_fields = ["name", "version"]
    actions = None
    fields = [
        *("name", "version", "vendor", "model", "where", "size", "sha256", "signature", "signing_certificate"),
        *("uploaded_by", "created_at"),
    ]
    readonly_fields = ["where", "created_at"]

    @admin.display(description=_("Signed"), boolean=True)
    def signed(self, row: FirmwareFile) -> bool:
        return bool(row.signature)

    @admin.display(description=_("Where it lies"))
    def where(self, row: FirmwareFile) -> str:
        return shown_location(row.url) if row.url else str(_("Here"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Stations may have it already: another content is another firmware."""
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = FirmwareForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
        if request.method == "POST" and form.is_valid() and (firmware := self._add(request, form)) is not None:
            messages.success(request, _("%(firmware)s was added.") % {"firmware": firmware})
            return HttpResponseRedirect(reverse("admin:chargepoints_firmwarefile_change", args=[firmware.pk]))
        return form_page(
            request,
            form,
            title=_("Add firmware"),
            consequence=_("Stations fetch it from here, with an address of their own, or from the URL."),
            button=_("Add"),
            back=reverse("admin:chargepoints_firmwarefile_changelist"),
        )

    def _add(self, request: HttpRequest, form: FirmwareForm) -> FirmwareFile | None:
        upload = form.cleaned_data["file"]
        try:
            return add_firmware(
                details=form.details(),
                content=upload.chunks(CHUNK) if upload else None,
                actor=request.user.get_username(),
                origin="admin",
            )
        except InvalidFirmware as error:
            for name, text in error.errors.items():
                form.add_error(name, text)
        return None

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except StillUsed:
            messages.error(request, _("A rollout or an update under way needs it: it was not deleted."))
            return HttpResponseRedirect(reverse("admin:chargepoints_firmwarefile_change", args=[object_id]))

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """The service writes the trail."""

    def delete_model(self, request: HttpRequest, obj: FirmwareFile) -> None:
        remove_firmware(firmware=obj, actor=request.user.get_username(), origin="admin")


@admin.register(FirmwareUpdate)
class FirmwareUpdateAdmin(ShownDetail, ReadOnlyAdmin):
    list_display = ["created_at", "charge_point", "firmware", "rollout", "state_shown", "status", "detail_shown"]
    list_filter = ["state", "signed"]
    search_fields = ["charge_point__identity_key"]
    list_select_related = ["charge_point", "firmware", "rollout"]
    date_hierarchy = "created_at"
    fields = [
        *("charge_point", "firmware", "rollout", "wave", "signed", "state_shown", "status", "detail_shown", "history"),
        *("where", "version_before", "command", "request_id", "created_at", "sent_at", "deadline_at", "finished_at"),
    ]
    readonly_fields = ["state_shown", "detail_shown", "where"]

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: FirmwareUpdate) -> SafeString:
        return pill(row.state, row.get_state_display())

    @admin.display(description=_("Location"))
    def where(self, row: FirmwareUpdate) -> str:
        return shown_location(row.location) if row.location else "–"


# --- of one charge point ---


class UpdateForm(forms.Form):
    """What to install, and when."""

    firmware = forms.ModelChoiceField(label=_("Firmware"), queryset=FirmwareFile.objects.none(), required=False)
    location = forms.CharField(label=_("Or an address"), max_length=512, required=False)
    retrieve_at = forms.DateTimeField(
        label=_("Fetch it not before"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}),
        help_text=_("Empty: at once."),
    )
    signed = forms.BooleanField(
        label=_("As a signed update (security extension)"),
        required=False,
        help_text=_("The firmware needs a signature."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["firmware"].queryset = FirmwareFile.objects.all()  # type: ignore[attr-defined]

    def clean_location(self) -> str:
        return read_location(self.cleaned_data["location"])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        firmware, location = given.get("firmware"), given.get("location", "")
        if not self.errors and (firmware is None) == (not location):
            self.add_error("location", _("Either a firmware or an address."))
        elif given.get("signed") and not self.errors:
            self._check_signing(firmware)
        return given

    def _check_signing(self, firmware: FirmwareFile | None) -> None:
        if firmware is None or not firmware.signature:
            self.add_error("signed", _("Choose a firmware that has a signature."))
            return
        try:
            check_firmware_signing(firmware.signature, firmware.signing_certificate, firmware.sha256)
        except InvalidFirmware as error:
            self.add_error("signed", str(error))


@register_view("charge_point", "files/update/", name="charge_point_files_update", role=Role.OPERATOR)
def update_view(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """A form; the command goes out when it is sent."""
    form = UpdateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        with refused(form):
            update_station(
                charge_point=station,
                source=Source(firmware=given["firmware"], location=given["location"], signed=given["signed"]),
                schedule=Schedule(retrieve_at=given["retrieve_at"] or timezone.now()),
                requested_by=request.user.get_username(),
                origin="admin",
            )
        if not form.errors:
            messages.success(request, _("The station was told; how it goes shows here."))
            return HttpResponseRedirect(reverse(f"admin:{FILES}", args=[station.pk]))
    return form_page(
        request,
        form,
        title=_("Update %(station)s") % {"station": station.identity},
        consequence=_(
            "The station fetches the firmware, installs it and starts again: it can't charge meanwhile. "
            "An update that is under way is given up. It reports %(version)s now."
        )
        % {"version": station.firmware_version or _("no version")},
        button=_("Update"),
        back=reverse(f"admin:{FILES}", args=[station.pk]),
    )
