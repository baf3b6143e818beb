"""The charge point: list, page, and what can be done with it."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.bulk import choose_page
from chargepoints.admin.pills import pill, pills
from chargepoints.admin.sections import sections_of, tabs_of, urls_of
from chargepoints.message_pairs import MessageQuery, find_messages
from chargepoints.models import ChargePoint, Command, Connector, Registration, StationConnection, Transaction
from chargepoints.protocol.errors import OcppError
from chargepoints.selectors import charge_points
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.provisioning import (
    check_new_identity,
    create_charge_point,
    set_password,
    set_registration,
)
from chargepoints.services.remote_limits import LimitValues, keep_limits
from tenants.admin.base import TenantModelAdmin, has_role
from tenants.admin.forms import TenantModelForm
from tenants.models import Role, Tenant


class OnlineFilter(admin.SimpleListFilter):
    title, parameter_name = _("connection"), "online"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Online")), ("0", _("Offline"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(online=self.value() == "1") if self.value() in ("0", "1") else queryset


class RemoteStartForm(forms.Form):
    """Which connector, which driver."""

    connector = forms.ChoiceField(label=_("Connector"), required=False)
    id_tag = forms.CharField(label=_("Id tag"), max_length=20)
    max_kwh = forms.DecimalField(
        label=_("At most kWh"), required=False, min_value=Decimal("0.001"), max_digits=9, decimal_places=3
    )
    max_minutes = forms.IntegerField(label=_("At most minutes"), required=False, min_value=1, max_value=1_000_000)
    max_cost = forms.DecimalField(
        label=_("At most this cost, with tax"),
        required=False,
        min_value=Decimal("0.0001"),
        max_digits=12,
        decimal_places=4,
    )

    def limits(self) -> LimitValues | None:
        """What the session is limited to, of a valid form."""
        kwh, minutes, cost = (self.cleaned_data[name] for name in ("max_kwh", "max_minutes", "max_cost"))
        limits = LimitValues(kwh and kwh * 1000, minutes and minutes * 60, cost)
        return None if limits == LimitValues() else limits

    def __init__(self, *args: Any, station: ChargePoint, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        numbers = station.evses.filter(number__gt=0).values_list("number", flat=True)
        choices = [("", str(_("the station chooses"))), *((str(number), str(number)) for number in numbers)]
        self.fields["connector"].choices = choices  # type: ignore[attr-defined]


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
class ChargePointAdmin(TenantModelAdmin):
    form = ChargePointForm
    change_role = Role.OPERATOR
    # Sending commands; Django's deletion asks for its own role.
    action_role = Role.OPERATOR
    actions = ["send_to_many"]
    list_display = [
        *("identity", "name", "site", "presence", "connectors_shown", "registration_shown"),
        *("vendor", "model", "firmware_version", "last_seen_at"),
    ]
    list_filter = [OnlineFilter, "registration", "connectors__status", "vendor", "site"]
    search_fields = ["identity_key", "name", "serial_number"]
    list_select_related = ["site"]
    # Outside the form: sections may have forms of their own.
    change_form_outer_before_template = "office/charge_point.html"
    change_form_outer_after_template = "office/sections_below.html"
    readonly_fields = [
        *("vendor", "model", "serial_number", "firmware_version", "ocpp_version", "boot_info"),
        *("last_boot_at", "last_seen_at", "created_at"),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: ChargePoint | None = None) -> Any:
        inventory = ["identity", "name", "site", "tags", "notes"] if obj is None else ["name", "site", "tags", "notes"]
        behaviour = ["security_profile", "strict", "send_unasked", "imply_status"]
        sections = [(None, {"fields": inventory}), (_("Behaviour"), {"fields": behaviour})]
        if obj is not None:
            sections.append(
                (_("What the station says of itself"), {"fields": self.readonly_fields, "classes": ["collapse"]})
            )
        return sections

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
            self._show_password(request, password)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in {"tags", "notes"} and field is not None:
            field.widget.attrs["rows"] = 2
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

    @admin.action(description=_("Send a command …"))
    def send_to_many(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> HttpResponse:
        """Nothing is sent yet: choose, fill in, confirm."""
        return choose_page(request, queryset)

    # --- the page ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        station = self.get_object(request, object_id)
        extra = self._page(request, station) if station is not None else {}
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def _page(self, request: HttpRequest, station: ChargePoint) -> dict[str, Any]:
        pairs, _following = find_messages(MessageQuery(charge_point_id=station.pk), limit=15)
        return {
            "station": station,
            "live": StationConnection.objects.live().select_related("gateway").filter(charge_point=station).first(),
            "connectors": [(one, pill(one.status, one.get_status_display())) for one in station.connectors.all()],
            "sessions": Transaction.objects.filter(charge_point=station).select_related("evse")[:8],
            "commands": [
                (one, pill(one.state, one.get_state_display()))
                for one in Command.objects.filter(charge_point=station)[:8]
            ],
            "pairs": pairs,
            "may_operate": has_role(request, Role.OPERATOR),
            "may_administer": has_role(request, Role.ADMIN),
            "subtitle": station.identity,
            "tabs": tabs_of("charge_point", request, station.pk),
            **sections_of("charge_point", request, station),
        }

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/remote-start/", wrap(self.remote_start_view), name="charge_point_remote_start"),
            path("<int:pk>/do/<str:what>/", wrap(self.do_view), name="charge_point_do"),
        ]
        return [*own, *urls_of("charge_point", self._find, wrap), *super().get_urls()]

    def remote_start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A form; the command goes out when it is sent."""
        station = self._station(request, pk, Role.OPERATOR)
        form = RemoteStartForm(request.POST or None, station=station)
        if request.method == "POST" and form.is_valid():
            payload: dict[str, Any] = {"idTag": form.cleaned_data["id_tag"]}
            if form.cleaned_data["connector"]:
                payload["connectorId"] = int(form.cleaned_data["connector"])
            return self._send(request, station, "RemoteStartTransaction", payload, form.limits())
        return self._confirm(
            request,
            station,
            title=_("Start a session on %(station)s") % {"station": station.identity},
            consequence=_("The station is asked to start charging for this driver."),
            button=_("Start"),
            form=form,
        )

    def do_view(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        """Ask once, with the consequence in words; then do it."""
        known: dict[str, tuple[str, Any, Any, Any]] = {
            "password": (
                Role.ADMIN,
                _("Give %(station)s a new password"),
                _("The present password stops working: the station can't sign in until the new one is set in it."),
                _("New password"),
            ),
            "accept": (
                Role.ADMIN,
                _("Accept %(station)s"),
                _("At its next BootNotification the station is told that it may work."),
                _("Accept"),
            ),
            "reject": (
                Role.ADMIN,
                _("Reject %(station)s"),
                _("At its next BootNotification the station is told that it may not work; sessions are refused."),
                _("Reject"),
            ),
        }
        if what not in known:
            raise Http404
        role, title, consequence, button = known[what]
        station = self._station(request, pk, role)
        if request.method != "POST":
            return self._confirm(
                request, station, title=title % {"station": station.identity}, consequence=consequence, button=button
            )
        if what == "password":
            self._show_password(request, set_password(station))
        else:
            set_registration(station, Registration.ACCEPTED if what == "accept" else Registration.REJECTED)
        self._audit(request, what, station, {})
        return self._back(station)

    # --- helpers of the views ---

    def _find(self, request: HttpRequest, pk: int) -> ChargePoint | None:
        return self.get_queryset(request).filter(pk=pk).first()

    def _station(self, request: HttpRequest, pk: int, role: str) -> ChargePoint:
        station = self._find(request, pk)
        if station is None or not has_role(request, role):
            raise Http404
        return station

    def _send(
        self,
        request: HttpRequest,
        station: ChargePoint,
        action: str,
        payload: dict[str, Any],
        limits: LimitValues | None = None,
    ) -> HttpResponse:
        try:
            command = send_command(
                charge_point=station,
                action=action,
                payload=payload,
                requested_by=request.user.get_username(),
                origin="admin",
            )
        except StationOffline:
            messages.error(request, _("The station is offline: nothing was sent."))
            return self._back(station)
        except OcppError as error:
            messages.error(request, error.description)
            return self._back(station)
        if limits is not None:
            keep_limits(command, limits)
        return HttpResponseRedirect(reverse("admin:chargepoints_command_change", args=[command.pk]))

    def _confirm(self, request: HttpRequest, station: ChargePoint, **context: Any) -> HttpResponse:
        shared = self.admin_site.each_context(request)
        back = reverse("admin:chargepoints_chargepoint_change", args=[station.pk])
        return TemplateResponse(request, "office/confirm.html", {**shared, "opts": self.opts, "back": back, **context})

    def _back(self, station: ChargePoint) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:chargepoints_chargepoint_change", args=[station.pk]))

    def _show_password(self, request: HttpRequest, password: str) -> None:
        text = _("The password is %(password)s — copy it now, it is not shown again.") % {"password": password}
        messages.warning(request, format_html("{}", text))
