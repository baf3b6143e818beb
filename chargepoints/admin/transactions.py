"""Sessions, and stops that match none."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import sections_of, tabs_of, urls_of
from chargepoints.models import Transaction, UnmatchedStop
from chargepoints.services.closing_sessions import AlreadyEnded, close_by_hand
from chargepoints.services.commands import StationOffline, send_command
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.models import Role

ACTIVE = Transaction.State.ACTIVE


class CloseForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=40, initial="Other")


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    list_display = [
        *("protocol_id", "charge_point", "connector_number", "id_tag", "state_shown", "energy", "power"),
        *("started_at", "duration", "stop_reason", "flags"),
    ]
    list_filter = ["state", "stop_reason", "verdict"]
    search_fields = ["protocol_id", "id_tag", "charge_point__identity_key"]
    list_select_related = ["charge_point", "evse"]
    date_hierarchy = "started_at"
    # Outside the form: sections may have forms of their own.
    change_form_outer_before_template = "office/transaction.html"
    change_form_outer_after_template = "office/sections_below.html"
    fields = [
        *("protocol_id", "charge_point", "connector_number", "state_shown", "id_tag", "verdict", "energy", "power"),
        *("duration", "started_at", "start_received_at", "meter_start_wh", "stopped_at", "stop_received_at"),
        *("meter_stop_wh", "stop_reason", "stop_id_tag", "stopped_by", "remote_start", "flags", "last_reading_at"),
    ]
    readonly_fields = ["connector_number", "state_shown", "energy", "power", "duration"]

    @admin.display(description=_("Connector"), ordering="evse__number")
    def connector_number(self, row: Transaction) -> int:
        return row.evse.number

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: Transaction) -> SafeString:
        return pill(row.state, row.get_state_display())

    @admin.display(description=_("Energy"))
    def energy(self, row: Transaction) -> str:
        return "–" if row.energy_wh is None else f"{(row.energy_wh / 1000).quantize(Decimal('0.001'))} kWh"

    @admin.display(description=_("Power"), ordering="last_power_w")
    def power(self, row: Transaction) -> str:
        return f"{row.last_power_w / 1000:.1f} kW" if row.state == ACTIVE and row.last_power_w is not None else "–"

    @admin.display(description=_("Duration"))
    def duration(self, row: Transaction) -> str:
        seconds = max(0, int(((row.stopped_at or timezone.now()) - row.started_at).total_seconds()))
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        session = self.get_object(request, object_id)
        extra = {} if session is None else self._page(request, session)
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def _page(self, request: HttpRequest, session: Transaction) -> dict[str, Any]:
        return {
            **self._figures(session),
            "may_stop": session.state == ACTIVE and has_role(request, Role.OPERATOR),
            "tabs": tabs_of("transaction", request, session.pk),
            **sections_of("transaction", request, session),
        }

    def _figures(self, session: Transaction) -> dict[str, Any]:
        return {
            "session": session,
            "running": session.state == ACTIVE,
            "state": self.state_shown(session),
            "energy": self.energy(session),
            "power": self.power(session),
            "duration": self.duration(session),
        }

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/stop/", wrap(self.stop_view), name="transaction_stop"),
            path("<int:pk>/close/", wrap(self.close_view), name="transaction_close"),
            path("<int:pk>/figures/", wrap(self.figures_view), name="transaction_figures"),
        ]
        return [*own, *urls_of("transaction", self._find, wrap), *super().get_urls()]

    def figures_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that refreshes itself."""
        session = self._find(request, pk)
        if session is None or not self.has_view_permission(request):
            raise Http404
        return render(request, "office/transaction_figures.html", self._figures(session))

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """RemoteStopTransaction."""
        session = self._session(request, pk)
        if request.method != "POST":
            return self._confirm(
                request,
                session,
                title=_("Stop session %(id)s") % {"id": session.protocol_id},
                consequence=_("The station is asked to stop charging; the driver can then unplug."),
                button=_("Stop charging"),
            )
        try:
            command = send_command(
                charge_point=session.charge_point,
                action="RemoteStopTransaction",
                payload={"transactionId": int(session.protocol_id)},
                requested_by=request.user.get_username(),
                origin="admin",
            )
        except StationOffline:
            messages.error(request, _("The station is offline: nothing was sent."))
            return self._back(session)
        return HttpResponseRedirect(reverse("admin:chargepoints_command_change", args=[command.pk]))

    def close_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Close by hand."""
        session = self._session(request, pk)
        form = CloseForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self._confirm(
                request,
                session,
                title=_("Close session %(id)s by hand") % {"id": session.protocol_id},
                consequence=_(
                    "The session ends with its last reading. Nothing is sent to the station; "
                    "if its own stop still comes, that replaces this one."
                ),
                button=_("Close"),
                form=form,
            )
        try:
            actor, reason = request.user.get_username(), form.cleaned_data["reason"]
            close_by_hand(transaction=session, actor=actor, reason=reason, origin="admin")
        except AlreadyEnded:
            messages.warning(request, _("The session has ended already."))
        return self._back(session)

    def _find(self, request: HttpRequest, pk: int) -> Transaction | None:
        return Transaction.objects.select_related("charge_point", "evse").filter(pk=pk).first()

    def _session(self, request: HttpRequest, pk: int) -> Transaction:
        session = self._find(request, pk)
        if session is None or not has_role(request, Role.OPERATOR):
            raise Http404
        return session

    def _confirm(self, request: HttpRequest, session: Transaction, **context: Any) -> HttpResponse:
        shared = self.admin_site.each_context(request)
        back = reverse("admin:chargepoints_transaction_change", args=[session.pk])
        return TemplateResponse(request, "office/confirm.html", {**shared, "opts": self.opts, "back": back, **context})

    def _back(self, session: Transaction) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:chargepoints_transaction_change", args=[session.pk]))


@admin.register(UnmatchedStop)
class UnmatchedStopAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "station", "protocol_id", "id_tag", "meter_stop_wh", "reason", "stopped_at"]
    list_select_related = ["charge_point"]
    date_hierarchy = "received_at"

    @admin.display(description=_("Charge point"))
    def station(self, row: UnmatchedStop) -> SafeString:
        url = reverse("admin:chargepoints_chargepoint_change", args=[row.charge_point_id])
        return format_html('<a href="{}">{}</a>', url, row.charge_point.identity)
