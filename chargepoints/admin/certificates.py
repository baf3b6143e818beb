"""Certificate authorities, the certificates that they signed, and what stations report of their security."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from chargepoints.admin.pills import pill
from chargepoints.admin.security import colour_of
from chargepoints.models import CertificateAuthority, SecurityEvent, StationCertificate
from chargepoints.services.certificate_authority import (
    LONGEST_VALIDITY_DAYS,
    activate_authority,
    bring_authority,
    create_authority,
    delete_authority,
    read_brought,
)
from chargepoints.services.certificates import AlreadyRevoked, revoke_certificate
from tenants.admin.base import ReadOnlyAdmin, TenantModelAdmin, access_of, has_role
from tenants.admin.forms import TenantModelForm
from tenants.admin.shown import ShownDetail
from tenants.models import Role

PEM = {"rows": 10, "spellcheck": "false", "autocomplete": "off"}


class AuthorityForm(TenantModelForm):
    """Without a certificate an authority is made here."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Empty: the tenant's name and the year."),
    )
    validity_days = forms.IntegerField(
        label=_("Validity in days"),
        min_value=1,
        max_value=LONGEST_VALIDITY_DAYS,
        initial=365,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("Of the certificates that it signs."),
    )
    brought_certificate = forms.CharField(
        label=_("Certificate"),
        required=False,
        max_length=60_000,
        widget=UnfoldAdminTextareaWidget(PEM),
        help_text=_("To bring your own: PEM, then its chain. Empty: one is made here, for 10 years."),
    )
    brought_key = forms.CharField(
        label=_("Private key"),
        required=False,
        max_length=60_000,
        widget=UnfoldAdminTextareaWidget(PEM),
        help_text=_("PEM, without a passphrase; kept sealed, never shown again. Without one it only checks."),
    )

    class Meta:
        model = CertificateAuthority
        fields = ["name", "validity_days"]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("brought_key") and not given.get("brought_certificate"):
            raise ValidationError({"brought_certificate": _("A key comes with its certificate.")})
        if given.get("brought_certificate"):
            try:
                read_brought(given["brought_certificate"], given.get("brought_key", ""))
            except ValidationError as error:
                for name, texts in error.message_dict.items():
                    self.add_error("brought_key" if name == "privateKey" else "brought_certificate", texts)
        return given


@admin.register(CertificateAuthority)
class CertificateAuthorityAdmin(TenantModelAdmin):
    form = AuthorityForm
    actions = None
    list_display = ["name", "signs_shown", "brought", "validity_days", "created_by", "created_at"]
    fields = ["name", "validity_days", "brought_certificate", "brought_key"]
    change_form_outer_before_template = "office/authority.html"

    def get_fields(self, request: HttpRequest, obj: CertificateAuthority | None = None) -> Any:
        if obj is None:
            return self.fields
        return ["name", "signs_shown", "brought", "validity_days", "certificate_shown", "created_by", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: CertificateAuthority | None = None) -> Any:
        return [] if obj is None else self.get_fields(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is not None:
            kwargs["form"] = TenantModelForm
        return super().get_form(request, obj, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not while stations have valid certificates of it."""
        return super().has_delete_permission(request, obj) and (obj is None or not _held(obj))

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: CertificateAuthority, form: Any, change: bool) -> None:
        given = form.cleaned_data
        shared = {"name": given["name"], "validity_days": given["validity_days"], **_who(request)}
        if given["brought_certificate"]:
            created = bring_authority(
                certificate=given["brought_certificate"], private_key=given["brought_key"], **shared
            )
        else:
            created = create_authority(**shared)
        obj.pk, obj.tenant_id, obj.name = created.pk, created.tenant_id, created.name

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing beside it."""

    def delete_model(self, request: HttpRequest, obj: CertificateAuthority) -> None:
        delete_authority(obj, **_who(request))

    # The services write the trail; what was typed here must not get there.
    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        return []

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        pass

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        pass

    @admin.display(description=_("Signs"), ordering="active")
    def signs_shown(self, row: CertificateAuthority) -> SafeString:
        if row.active:
            return pill("accepted", str(_("Signs")))
        return pill("off", str(_("Could sign") if row.private_key else _("Only checks")))

    @admin.display(description=_("Certificate"))
    def certificate_shown(self, row: CertificateAuthority) -> SafeString:
        return format_html('<pre class="json">{}</pre>', row.certificate)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row, access = self.get_object(request, object_id), access_of(request)
        may = row is not None and not row.active and bool(row.private_key) and has_role(request, Role.ADMIN)
        extra = {"authority": row, "may_activate": may, "slug": access.tenant.slug if access else ""}
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.activate_view)
        return [path("<int:pk>/activate/", view, name="authority_activate"), *super().get_urls()]

    def activate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST only."""
        row = CertificateAuthority.objects.filter(pk=pk).first()
        if row is None or request.method != "POST" or not row.private_key or not has_role(request, Role.ADMIN):
            raise Http404
        activate_authority(row, **_who(request))
        messages.success(request, _("It signs from now on."))
        return HttpResponseRedirect(reverse("admin:chargepoints_certificateauthority_change", args=[row.pk]))


class RevokeForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=255, required=False)


@admin.register(StationCertificate)
class StationCertificateAdmin(ShownDetail, ReadOnlyAdmin):
    list_display = [
        "created_at",
        "charge_point",
        "state_shown",
        "serial_number",
        "not_after",
        "authority",
        "detail_shown",
    ]
    list_filter = ["state"]
    search_fields = ["charge_point__identity_key", "serial_number"]
    list_select_related = ["charge_point", "authority"]
    change_form_outer_before_template = "office/certificate.html"
    fields = [
        *(
            "charge_point",
            "state_shown",
            "detail_shown",
            "authority",
            "serial_number",
            "fingerprint_shown",
            "not_before",
        ),
        *("not_after", "request_shown", "certificate_shown", "command", "created_at", "revoked_at", "revoked_by"),
    ]
    readonly_fields = ["state_shown", "detail_shown", "fingerprint_shown", "request_shown", "certificate_shown"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: StationCertificate) -> SafeString:
        return pill(colour_of(row), row.get_state_display())

    @admin.display(description=_("Fingerprint (SHA-256)"))
    def fingerprint_shown(self, row: StationCertificate) -> SafeString | str:
        return (
            format_html('<span style="overflow-wrap:anywhere">{}</span>', row.fingerprint) if row.fingerprint else "–"
        )

    @admin.display(description=_("Request"))
    def request_shown(self, row: StationCertificate) -> SafeString:
        return format_html('<pre class="json">{}</pre>', row.request)

    @admin.display(description=_("Certificate"))
    def certificate_shown(self, row: StationCertificate) -> SafeString | str:
        return format_html('<pre class="json">{}</pre>', row.certificate) if row.certificate else "–"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        may = row is not None and row.state in StationCertificate.TRUSTED and has_role(request, Role.ADMIN)
        extra = {"certificate": row, "may_revoke": may}
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [path("<int:pk>/revoke/", view, name="certificate_revoke"), *super().get_urls()]

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask once, with the consequence in words."""
        row = StationCertificate.objects.select_related("charge_point").filter(pk=pk).first()
        if row is None or not has_role(request, Role.ADMIN):
            raise Http404
        back = reverse("admin:chargepoints_stationcertificate_change", args=[row.pk])
        form = RevokeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                revoke_certificate(row, reason=form.cleaned_data["reason"], **_who(request))
                messages.success(request, _("Revoked."))
            except AlreadyRevoked:
                messages.warning(request, _("It is not in use: refused, failed or revoked already."))
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "back": back,
            "title": _("Revoke the certificate of %(station)s") % {"station": row.charge_point},
            "consequence": _("At once the station can't sign in with it any more; an open connection is closed."),
            "button": _("Revoke"),
            "form": form,
        }
        return TemplateResponse(request, "office/confirm.html", context)


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "charge_point", "type", "critical_shown", "tech_info", "received_at"]
    list_filter = ["critical", "type"]
    search_fields = ["charge_point__identity_key"]
    list_select_related = ["charge_point"]
    date_hierarchy = "at"
    fields = ["charge_point", "type", "critical", "tech_info", "at", "received_at"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())

    @admin.display(description=_("Critical"), ordering="critical")
    def critical_shown(self, row: SecurityEvent) -> SafeString | str:
        return pill("critical", str(_("Critical"))) if row.critical else "–"


def _held(authority: CertificateAuthority) -> bool:
    return StationCertificate.objects.filter(
        authority=authority, state__in=StationCertificate.TRUSTED, not_after__gt=timezone.now()
    ).exists()


def _who(request: HttpRequest) -> dict[str, str]:
    return {"actor": request.user.get_username(), "origin": "admin"}
