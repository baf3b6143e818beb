"""The charge point: list, overview, settings. What else its page has stands in files of its own and registers (sections)."""

from typing import Any

import orjson
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from chargepoints.admin.bulk_actions import WorkOnMany
from chargepoints.admin.bulk_forms import LabelsField
from chargepoints.admin.pills import pill, pills
from chargepoints.admin.sections import register_view, tabs_of, urls_of
from chargepoints.admin.station_access import do_page, password_shown
from chargepoints.admin.station_overview import overview
from chargepoints.models import ChargePoint, Connector
from chargepoints.selectors import charge_points
from chargepoints.services.provisioning import check_new_identity, create_charge_point
from tenants.admin.forms import TenantModelForm
from tenants.models import Role, Tenant

SETTINGS = "charge_point_settings"


class OnlineFilter(admin.SimpleListFilter):
    title, parameter_name = _("connection"), "online"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Online")), ("0", _("Offline"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(online=self.value() == "1") if self.value() in ("0", "1") else queryset


class StationLabels(LabelsField):
    """The labels of one charge point; a JSON list, which the field once took, is one too."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = self.prepare_value(orjson.loads(value))
            except orjson.JSONDecodeError:
                raise ValidationError(_("Labels with commas between them.")) from None
        return super().clean(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.clean(data) != (initial or [])
        except ValidationError:
            return True


class ChargePointForm(TenantModelForm):
    """Says beforehand what the service would refuse."""

    def clean_identity(self) -> str:
        identity: str = self.cleaned_data["identity"]
        try:
            check_new_identity(identity, Tenant.objects.get(pk=self.tenant_id))
        except ValidationError as error:
            raise ValidationError(error.messages) from None
        return identity


@admin.register(ChargePoint)
class ChargePointAdmin(WorkOnMany):
    form = ChargePointForm
    change_role = Role.OPERATOR
    list_display = [
        *("identity", "name", "site", "presence", "connectors_shown", "registration_shown"),
        *("vendor", "model", "firmware_version", "last_seen_at"),
    ]
    list_filter = [OnlineFilter, "registration", "connectors__status", "vendor", ("site", AutocompleteSelectFilter)]
    list_filter_submit = True
    search_fields = ["identity_key", "name", "serial_number"]
    list_select_related = ["site"]
    # There may be thousands.
    autocomplete_fields = ["site"]
    # Outside the form: the buttons there have pages of their own.
    change_form_outer_before_template = "office/charge_point_settings.html"
    readonly_fields = ["created_at"]

    def get_fieldsets(self, request: HttpRequest, obj: ChargePoint | None = None) -> Any:
        inventory = ["identity", "name", "site", "tags", "notes"] if obj is None else ["name", "site", "tags", "notes"]
        behaviour = ["security_profile", "strict", "send_unasked", "imply_status"]
        known = [] if obj is None else ["created_at"]
        return [(None, {"fields": inventory}), (_("Behaviour"), {"fields": [*behaviour, *known]})]

    def get_readonly_fields(self, request: HttpRequest, obj: ChargePoint | None = None) -> Any:
        """The profile is changed on the security page: step by step, and with the station."""
        return self.readonly_fields if obj is None else [*self.readonly_fields, "security_profile"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChargePoint]:
        shown = Connector.objects.filter(evse__number__gt=0).select_related("evse").order_by("evse__number")
        return charge_points().select_related("site").prefetch_related(Prefetch("connectors", shown))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())

    def save_model(self, request: HttpRequest, obj: ChargePoint, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        names = ("name", "site", "tags", "notes", "security_profile", "strict", "send_unasked", "imply_status")
        created, password = create_charge_point(
            identity=obj.identity, **{name: form.cleaned_data[name] for name in names}
        )
        obj.pk, obj.tenant_id = created.pk, created.tenant_id
        if password:
            messages.warning(request, password_shown(password))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "tags":
            labels = StationLabels(label=_("Labels"), help_text=_("With commas between them."))
            labels.widget = UnfoldAdminTextInputWidget()
            return labels
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "notes" and field is not None:
            field.label = _("Description")
            field.widget.attrs["rows"] = 3
        return field

    # --- columns ---

    @admin.display(description=_("Connection"), ordering="online")
    def presence(self, row: Any) -> SafeString:
        return pill("Online", str(_("Online"))) if row.online else pill("Offline", str(_("Offline")))

    @admin.display(description=_("Connectors"))
    def connectors_shown(self, row: ChargePoint) -> SafeString:
        return pills([(one.status, f"{one.evse.number} {one.get_status_display()}") for one in row.connectors.all()])

    @admin.display(description=_("Registration"), ordering="registration")
    def registration_shown(self, row: ChargePoint) -> SafeString:
        return pill(row.registration, row.get_registration_display())

    # --- the page ---

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/do/<str:what>/", wrap(self.do_view), name="charge_point_do"),
        ]
        return [*own, *urls_of("charge_point", self._find, wrap), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The overview; what is sent here is the form of the settings, as everywhere in the admin."""
        station = self.get_object(request, object_id)
        if station is None or not self.has_view_permission(request, station):
            return super().change_view(request, object_id, form_url, extra_context)
        if request.method in ("GET", "HEAD") and "_popup" not in request.GET:
            return overview(request, station)
        return self.form_of(request, station)

    def form_of(self, request: HttpRequest, station: ChargePoint) -> HttpResponse:
        """Its settings."""
        extra = {
            "station": station,
            "subtitle": station.identity,
            "tabs": tabs_of("charge_point", request, station.pk, SETTINGS),
        }
        return super().change_view(request, str(station.pk), "", extra)

    def response_post_save_change(self, request: HttpRequest, obj: ChargePoint) -> HttpResponseRedirect:
        """Back to where one came from, not to the list."""
        return HttpResponseRedirect(reverse("admin:chargepoints_chargepoint_change", args=[obj.pk]))

    def do_view(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        """Ask once, with the consequence in words; then do it."""
        station = self._find(request, pk)
        if station is None:
            raise Http404
        return do_page(request, station, what)

    def _find(self, request: HttpRequest, pk: int) -> ChargePoint | None:
        return self.get_queryset(request).filter(pk=pk).first()


@register_view("charge_point", "settings/", name=SETTINGS, title=_("Settings"), order=95)
def settings_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """What people set of it, and what is rarely done with it."""
    page = admin.site.get_model_admin(ChargePoint)
    assert isinstance(page, ChargePointAdmin)  # noqa: S101 (registered above)
    return page.form_of(request, station)
