"""The inbox of alerts: what is open first; acknowledged or resolved by operators, one or many at a time."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_section
from chargepoints.models import ChargePoint
from metering.alerts.selectors import UNRESOLVED, inbox
from metering.alerts.services import AlreadyHandled, acknowledge_alert, resolve_alert
from metering.alerts.words import describe, number
from metering.models import Alert
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.admin.shown import shown_time
from tenants.models import Role

# So many rows at a time: their numbers stand in the address of the page that asks.
AT_ONCE = 200


class StateFilter(admin.SimpleListFilter):
    """What needs someone, unless asked otherwise."""

    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("open", _("Open")),
            ("acknowledged", _("Acknowledged")),
            ("resolved", _("Resolved")),
            ("all", _("All")),
        ]

    def choices(self, changelist: Any) -> Any:
        first, *rest = super().choices(changelist)
        yield {**first, "display": _("Not resolved")}
        yield from rest

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        if self.value() in Alert.Status.values:
            return queryset.filter(status=self.value())
        return queryset.filter(status__in=UNRESOLVED)


class NoteForm(forms.Form):
    text = forms.CharField(label=_("Note"), max_length=500, required=False)


class ReasonForm(forms.Form):
    text = forms.CharField(label=_("Reason"), max_length=150)


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    action_role = Role.OPERATOR
    list_display = [
        "severity_shown",
        "what",
        "station",
        "connector",
        "state_shown",
        "since",
        "count",
        "acknowledged_by",
    ]
    list_display_links = ["what"]
    list_filter = [StateFilter, "severity", "kind", ("opened_at", admin.DateFieldListFilter)]
    search_fields = ["charge_point__identity_key", "measurand", "detail"]
    actions = ["acknowledge", "resolve"]
    change_form_before_template = "office/alert.html"
    fieldsets = [
        (None, {"fields": ["what", "severity_shown", "state_shown", "station", "connector", "session", "threshold"]}),
        (_("Values"), {"fields": ["limit", "worst", "last", "phase", "detail", "count"]}),
        (_("Course"), {"fields": ["started_at", "opened_at", "last_at", "resolved_at", "resolution"]}),
        (_("Care"), {"fields": ["acknowledged_at", "acknowledged_by", "note", "mailed_at"]}),
    ]
    readonly_fields = [
        *("what", "severity_shown", "state_shown", "station", "connector", "session", "limit", "worst", "last"),
        "mailed_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        return inbox().select_related("threshold")

    def get_ordering(self, request: HttpRequest) -> list[str]:
        # Resolved ones may be many: by time alone, for which there is an index.
        short = request.GET.get(StateFilter.parameter_name) not in ("resolved", "all")
        return ["turn", "-rank", "-opened_at", "-pk"] if short else ["-opened_at", "-pk"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.lower())

    # --- columns ---

    @admin.display(description=_("Severity"), ordering="rank")
    def severity_shown(self, row: Alert) -> SafeString:
        return severity_pill(row)

    @admin.display(description=_("What"), ordering="kind")
    def what(self, row: Alert) -> str:
        return f"{row.get_kind_display()}: {describe(row)}"

    @admin.display(description=_("Charge point"), ordering="charge_point__identity_key")
    def station(self, row: Alert) -> SafeString:
        url = reverse("admin:chargepoints_chargepoint_change", args=[row.charge_point_id])
        return format_html('<a class="office-link" href="{}">{}</a>', url, row.charge_point.identity)

    @admin.display(description=_("Connector"), ordering="evse_number")
    def connector(self, row: Alert) -> str:
        return "–" if row.evse_number is None else str(row.evse_number)

    @admin.display(description=_("State"), ordering="turn")
    def state_shown(self, row: Alert) -> SafeString:
        return pill(row.status, row.get_status_display())

    @admin.display(description=_("Since"), ordering="opened_at")
    def since(self, row: Alert) -> SafeString | str:
        return shown_time(row.opened_at)

    # --- the page ---

    @admin.display(description=_("Session"))
    def session(self, row: Alert) -> SafeString | str:
        if row.transaction_id is None:
            return "–"
        url = reverse("admin:chargepoints_transaction_change", args=[row.transaction_id])
        return format_html('<a class="office-link" href="{}">{}</a>', url, row.transaction_id)

    @admin.display(description=_("Limit"))
    def limit(self, row: Alert) -> str:
        return _with_unit(row.limit_value, row.unit)

    @admin.display(description=_("Worst value"))
    def worst(self, row: Alert) -> str:
        return _with_unit(row.worst_value, row.unit)

    @admin.display(description=_("Last value"))
    def last(self, row: Alert) -> str:
        return _with_unit(row.last_value, row.unit)

    # --- what can be done ---

    @admin.action(description=_("Acknowledge …"))
    def acknowledge(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._ask(queryset, "alerts_acknowledge")

    @admin.action(description=_("Resolve …"))
    def resolve(self, request: HttpRequest, queryset: Any) -> HttpResponse:
        return self._ask(queryset, "alerts_resolve")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        alert = self.get_object(request, object_id)
        may = alert is not None and has_role(request, Role.OPERATOR)
        extra = {
            "alert": alert,
            "may_acknowledge": may and alert.status == Alert.Status.OPEN,
            "may_resolve": may and alert.status in UNRESOLVED,
        }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("acknowledge/", wrap(self.acknowledge_view), name="alerts_acknowledge"),
            path("resolve/", wrap(self.resolve_view), name="alerts_resolve"),
        ]
        return [*own, *super().get_urls()]

    def acknowledge_view(self, request: HttpRequest) -> HttpResponse:
        """`?ids=1,2`: asks for a note, then acknowledges."""
        return self._handle(
            request,
            form=NoteForm(request.POST or None) if request.method == "POST" else NoteForm(),
            title=_("Acknowledge"),
            consequence=_("The others see that you take care. An alert stays in the list until it is resolved."),
            act=lambda alert, text: acknowledge_alert(
                alert=alert, actor=request.user.get_username(), note=text, origin="admin"
            ),
        )

    def resolve_view(self, request: HttpRequest) -> HttpResponse:
        """`?ids=1,2`: asks for the reason, then resolves."""
        return self._handle(
            request,
            form=ReasonForm(request.POST) if request.method == "POST" else ReasonForm(),
            title=_("Resolve"),
            consequence=_("Most alerts end by themselves. While the same excursion lasts, it is not opened again."),
            act=lambda alert, text: resolve_alert(
                alert=alert, actor=request.user.get_username(), reason=text, origin="admin"
            ),
        )

    # --- helpers of the views ---

    def _ask(self, queryset: Any, name: str) -> HttpResponse:
        ids = queryset.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
        return HttpResponseRedirect(f"{reverse(f'admin:{name}')}?ids={','.join(map(str, ids))}")

    def _handle(
        self, request: HttpRequest, *, form: forms.Form, title: Any, consequence: Any, act: Any
    ) -> HttpResponse:
        alerts = self._chosen(request)
        listed = reverse("admin:metering_alert_changelist")
        back = reverse("admin:metering_alert_change", args=[alerts[0].pk]) if len(alerts) == 1 else listed
        if request.method != "POST" or not form.is_valid():
            names = [f"{one.charge_point}: {describe(one)}" for one in alerts]
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": _("%(what)s: %(alert)s") % {"what": title, "alert": names[0]}
                if len(names) == 1
                else ngettext("%(what)s %(count)d alert", "%(what)s %(count)d alerts", len(names))
                % {"what": title, "count": len(names)},
                "consequence": format_html(
                    "{}<br><br>{}", format_html_join(SafeString("<br>"), "{}", ((name,) for name in names)), consequence
                ),
                "button": title,
                "back": back,
                "form": form,
            }
            return TemplateResponse(request, "office/confirm.html", context)
        self._act_on(request, alerts, act, form.cleaned_data["text"])
        return HttpResponseRedirect(back)

    def _act_on(self, request: HttpRequest, alerts: list[Alert], act: Any, text: str) -> None:
        late = 0
        for alert in alerts:
            try:
                act(alert, text)
            except AlreadyHandled:
                late += 1
        done = len(alerts) - late
        if done:
            messages.success(request, ngettext("%d alert done.", "%d alerts done.", done) % done)
        if late:
            text = ngettext("%d alert had been dealt with already.", "%d alerts had been dealt with already.", late)
            messages.warning(request, text % late)

    def _chosen(self, request: HttpRequest) -> list[Alert]:
        parts = [part for part in request.GET.get("ids", "").split(",") if part.isascii() and part.isdigit()]
        ids = [int(part) for part in parts if len(part) < 19][:AT_ONCE]
        found = list(self.get_queryset(request).filter(pk__in=ids).order_by("pk"))
        if not found or not has_role(request, Role.OPERATOR):
            raise Http404
        return found


def _with_unit(value: Decimal | None, unit: str) -> str:
    return "–" if value is None else f"{number(value)} {unit}"


def severity_pill(alert: Alert) -> SafeString:
    return pill(alert.severity, alert.get_severity_display())


@register_section("charge_point", "alerts", order=10)
def alerts_of_station(request: HttpRequest, station: ChargePoint) -> str:
    """Its alerts that aren't resolved; nothing where there are none."""
    found = inbox().filter(charge_point=station, status__in=UNRESOLVED).order_by("turn", "-rank", "-opened_at")[:20]
    rows = [(one, severity_pill(one), pill(one.status, one.get_status_display()), describe(one)) for one in found]
    return render_to_string("office/station_alerts.html", {"rows": rows}, request=request) if rows else ""
