"""One command to many charge points: chosen in the list, filled in, confirmed; then watched."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chargepoints.admin.bulk_page import csv_file, progress_of
from chargepoints.admin.command_forms import PayloadForm, SendManyForm, action_groups
from chargepoints.admin.commands import pretty
from chargepoints.admin.pills import pill
from chargepoints.models import BulkCommand, ChargePoint
from chargepoints.protocol.errors import OcppError
from chargepoints.selectors import charge_points
from chargepoints.services.bulk import NoTargets, Order, cancel_bulk, check_order, create_bulk
from chargepoints.services.shown_payloads import shown_payload
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.models import Role

SHOWN = 20
# Of the fields of these pages: all else belongs to the forms.
STEPS = ("choose", "check", "send")


def choose_page(request: HttpRequest, stations: QuerySet[ChargePoint]) -> HttpResponse:
    """The first step, for the charge points that are ticked in the list."""
    ids = ",".join(str(pk) for pk in stations.order_by().values_list("pk", flat=True).distinct())
    version = stations.order_by().values_list("ocpp_version", flat=True).first() or "1.6"
    number = ids.count(",") + 1
    title = ngettext("Send a command to %(n)d charge point", "Send a command to %(n)d charge points", number)
    context = {"title": title % {"n": number}, "groups": action_groups(version), "stations_chosen": ids}
    return _page(request, "office/bulk_choose.html", context)


@admin.register(BulkCommand)
class BulkCommandAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "action", "state_shown", "total", "requested_by", "origin", "finished_at"]
    list_filter = ["state", "action", "origin"]
    date_hierarchy = "created_at"
    change_form_before_template = "office/bulk.html"
    fields = ["action", "payload_shown", "filter", "concurrency", "requested_by", "origin", "created_at", "expires_at"]

    readonly_fields = ["payload_shown"]

    @admin.display(description=_("Payload"))
    def payload_shown(self, row: BulkCommand) -> SafeString:
        return pretty(shown_payload(row.payload))

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: BulkCommand) -> SafeString:
        return pill(row.state, row.get_state_display())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        bulk = self.get_object(request, object_id)
        extra = {} if bulk is None else self._shown(request, bulk)
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("new/", wrap(self.compose_view), name="bulk_command_new"),
            path("<uuid:pk>/live/", wrap(self.live_view), name="bulk_command_live"),
            path("<uuid:pk>/cancel/", wrap(self.cancel_view), name="bulk_command_cancel"),
            path("<uuid:pk>/results.csv", wrap(self.csv_view), name="bulk_command_csv"),
        ]
        return [*own, *super().get_urls()]

    def compose_view(self, request: HttpRequest) -> HttpResponse:
        """The form, the page that asks once more, and sending; every step carries all before it."""
        if not has_role(request, Role.OPERATOR):
            raise Http404
        step = request.POST.get("step", "")
        stations = _chosen(request.POST.get("stations", ""))
        if request.method != "POST" or step not in STEPS or not stations.exists():
            return HttpResponseRedirect(reverse("admin:chargepoints_chargepoint_changelist"))
        bound = None if step == "choose" else request.POST
        version = stations.order_by().values_list("ocpp_version", flat=True).first() or "1.6"
        try:
            payload = PayloadForm(bound, version=version, action=request.POST.get("chosen", ""))
        except KeyError:
            raise Http404 from None
        sending = SendManyForm(bound)
        if bound is None or not (payload.is_valid() and sending.is_valid()):
            return _form(request, stations, payload, sending)
        order = Order(
            action=payload.action,
            payload=payload.payload,
            expires_at=sending.cleaned_data["wait_until"],
            concurrency=sending.cleaned_data["concurrency"],
        )
        try:
            check_order(order, stations)
            if step == "check":
                return _confirm(request, stations, order)
            actor = request.user.get_username()
            bulk = create_bulk(stations=stations, order=order, requested_by=actor, origin="admin")
        except OcppError as error:
            payload.add_faults(error)
            return _form(request, stations, payload, sending)
        except NoTargets:
            return HttpResponseRedirect(reverse("admin:chargepoints_chargepoint_changelist"))
        return HttpResponseRedirect(reverse("admin:chargepoints_bulkcommand_change", args=[bulk.pk]))

    def live_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The part that changes, fetched every other second."""
        bulk = self._bulk(pk)
        return render(request, "office/bulk_live.html", self._shown(request, bulk))

    def cancel_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """POST only."""
        bulk = self._bulk(pk)
        if request.method != "POST" or not has_role(request, Role.OPERATOR):
            raise Http404
        if not cancel_bulk(bulk, request.user.get_username(), origin="admin"):
            messages.warning(request, _("It has ended: there is nothing left to cancel."))
        return HttpResponseRedirect(reverse("admin:chargepoints_bulkcommand_change", args=[bulk.pk]))

    def csv_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """All results."""
        return csv_file(self._bulk(pk))

    def _bulk(self, pk: Any) -> BulkCommand:
        bulk = BulkCommand.objects.filter(pk=pk).first()
        if bulk is None:
            raise Http404
        return bulk

    def _shown(self, request: HttpRequest, bulk: BulkCommand) -> dict[str, Any]:
        may_cancel = bulk.state == BulkCommand.State.RUNNING and has_role(request, Role.OPERATOR)
        return {**progress_of(bulk, request.GET.get("only", "")), "may_cancel": may_cancel}


def _chosen(text: str) -> QuerySet[ChargePoint]:
    """The person's own among the numbers; what isn't a number is nobody's."""
    numbers = [int(part) for part in text.split(",") if part.isascii() and part.isdigit() and len(part) < 19]
    return charge_points().filter(pk__in=numbers)


def _form(
    request: HttpRequest, stations: QuerySet[ChargePoint], payload: PayloadForm, sending: SendManyForm
) -> HttpResponse:
    context = {
        "title": _("%(action)s to %(n)d charge points") % {"action": payload.action, "n": stations.count()},
        "forms": [payload, sending],
        "hidden": {"stations": request.POST["stations"], "chosen": payload.action, "step": "check"},
        "post_to": reverse("admin:bulk_command_new"),
        "back": reverse("admin:chargepoints_chargepoint_changelist"),
        "button": _("Look it over"),
        "online": True,
    }
    return _page(request, "office/command_form.html", context)


def _confirm(request: HttpRequest, stations: QuerySet[ChargePoint], order: Order) -> HttpResponse:
    number, online = stations.count(), stations.filter(online=True).count()
    kept = {name: value for name, value in request.POST.items() if name not in {"csrfmiddlewaretoken", "step"}}
    context = {
        "title": _("Send %(action)s to %(n)d charge points?") % {"action": order.action, "n": number},
        "order": order,
        "payload_shown": json.dumps(order.payload, indent=2, ensure_ascii=False),
        "number": number,
        "online": online,
        "offline": number - online,
        "named": list(stations.order_by("identity_key")[:SHOWN]),
        "more": max(0, number - SHOWN),
        "hidden": {**kept, "step": "send"},
        "back": reverse("admin:chargepoints_chargepoint_changelist"),
    }
    return _page(request, "office/bulk_confirm.html", context)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
