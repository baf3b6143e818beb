"""One command to many charge points: chosen in the list, filled in, confirmed; then watched, and tried again."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chargepoints.admin.bulk_choice import confirm_page, ids_of, order_of, page, stations_in, who
from chargepoints.admin.bulk_page import csv_file, progress_of
from chargepoints.admin.bulk_retry import retry_page
from chargepoints.admin.bulk_words import words_for
from chargepoints.admin.command_forms import PayloadForm, SendManyForm, action_groups
from chargepoints.admin.commands import pretty
from chargepoints.admin.pills import pill
from chargepoints.models import BulkCommand, ChargePoint
from chargepoints.protocol.errors import OcppError
from chargepoints.services.bulk import NoTargets, Order, cancel_bulk, check_order, create_bulk
from chargepoints.services.shown_payloads import shown_payload
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.models import Role

LISTED = "admin:chargepoints_chargepoint_changelist"
# Of the fields of these pages: all else belongs to the forms.
STEPS = ("choose", "check", "send")


def choose_page(request: HttpRequest, stations: QuerySet[ChargePoint]) -> HttpResponse:
    """The first step, for the charge points that were chosen in the list."""
    ids = ids_of(stations)
    number = ids.count(",") + 1
    title = ngettext("Send a command to %(n)d charge point", "Send a command to %(n)d charge points", number)
    groups = action_groups(_version(stations))
    return page(
        request,
        "office/bulk_choose.html",
        title=title % {"n": number},
        groups=groups,
        stations_chosen=ids,
        back=reverse(LISTED),
    )


def form_page(request: HttpRequest, stations: QuerySet[ChargePoint], action: str) -> HttpResponse:
    """The form of one action, at once."""
    payload = PayloadForm(version=_version(stations), action=action)
    return _form(request, stations, payload, SendManyForm(), ids_of(stations))


@admin.register(BulkCommand)
class BulkCommandAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "action", "state_shown", "total", "requested_by", "origin", "finished_at"]
    list_filter = ["state", "kind", "action", "origin"]
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
            path("<uuid:pk>/retry/", wrap(self.retry_view), name="bulk_command_retry"),
            path("<uuid:pk>/results.csv", wrap(self.csv_view), name="bulk_command_csv"),
        ]
        return [*own, *super().get_urls()]

    def compose_view(self, request: HttpRequest) -> HttpResponse:
        """The form, the page that asks once more, and sending; every step carries all before it."""
        if not has_role(request, Role.OPERATOR):
            raise Http404
        step = request.POST.get("step", "")
        stations = stations_in(request.POST.get("stations", ""))
        if request.method != "POST" or step not in STEPS or not stations.exists():
            return HttpResponseRedirect(reverse(LISTED))
        bound = None if step == "choose" else request.POST
        try:
            payload = PayloadForm(bound, version=_version(stations), action=request.POST.get("chosen", ""))
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
            bulk = create_bulk(
                stations=stations,
                order=order,
                requested_by=request.user.get_username(),
                origin="admin",
                order_id=order_of(request),
            )
        except OcppError as error:
            payload.add_faults(error)
            return _form(request, stations, payload, sending)
        except NoTargets:
            return HttpResponseRedirect(reverse(LISTED))
        return HttpResponseRedirect(reverse("admin:chargepoints_bulkcommand_change", args=[bulk.pk]))

    def retry_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Those that failed once more: asked, then sent."""
        if not has_role(request, Role.OPERATOR):
            raise Http404
        return retry_page(request, self._bulk(pk))

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

    def csv_view(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """All results, or those of one status."""
        return csv_file(request, self._bulk(pk))

    def _bulk(self, pk: Any) -> BulkCommand:
        bulk = BulkCommand.objects.filter(pk=pk).first()
        if bulk is None:
            raise Http404
        return bulk

    def _shown(self, request: HttpRequest, bulk: BulkCommand) -> dict[str, Any]:
        return progress_of(request, bulk, may_operate=has_role(request, Role.OPERATOR))


def _version(stations: QuerySet[ChargePoint]) -> str:
    """Of the forms; each version among them is checked before anything is sent."""
    return stations.order_by().values_list("ocpp_version", flat=True).first() or "1.6"


def _form(
    request: HttpRequest, stations: QuerySet[ChargePoint], payload: PayloadForm, sending: SendManyForm, ids: str = ""
) -> HttpResponse:
    number = stations.order_by().values("pk").distinct().count()
    title = ngettext("%(action)s to %(n)d charge point", "%(action)s to %(n)d charge points", number)
    return page(
        request,
        "office/command_form.html",
        title=title % {"action": payload.action, "n": number},
        forms=[payload, sending],
        hidden={"stations": ids or request.POST["stations"], "chosen": payload.action, "step": "check"},
        post_to=reverse("admin:bulk_command_new"),
        back=reverse(LISTED),
        button=_("Look it over"),
        online=True,
    )


def _confirm(request: HttpRequest, stations: QuerySet[ChargePoint], order: Order) -> HttpResponse:
    meant = who(stations)
    number = meant["number"]
    title = ngettext("Send %(action)s to %(n)d charge point?", "Send %(action)s to %(n)d charge points?", number)
    button = ngettext("Send to %(n)d charge point", "Send to %(n)d charge points", number)
    return confirm_page(
        request,
        title=title % {"action": order.action, "n": number},
        words=words_for(order.action, order.payload, meant["sessions"]),
        who=meant,
        waits_until=order.expires_at,
        concurrency=order.concurrency,
        payload_title=order.action,
        payload_shown=json.dumps(order.payload, indent=2, ensure_ascii=False) if order.payload else "",
        button=button % {"n": number},
        post_to=reverse("admin:bulk_command_new"),
        back=reverse(LISTED),
    )
