"""Sessions, and stops that match none."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.sections import sections_of, tabs_of, urls_of
from chargepoints.admin.session_figures import shown_duration, shown_energy, shown_power
from chargepoints.admin.session_filters import (
    ReasonFilter,
    SiteFilter,
    StateFilter,
    StationFilter,
    TagFilter,
    VerdictFilter,
)
from chargepoints.admin.session_page import live_context, state_pill
from chargepoints.admin.session_timeline import timeline
from chargepoints.admin.session_words import DOUBTFUL, end_in_words, reason_in_words, remarks_of
from chargepoints.models import Transaction, UnmatchedStop
from chargepoints.services.closing_sessions import AlreadyEnded, close_by_hand
from chargepoints.services.commands import StationOffline, send_command
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.admin.events import LocalTimes
from tenants.admin.shown import shown_time
from tenants.models import Role

ACTIVE = Transaction.State.ACTIVE


class CloseForm(forms.Form):
    """Why a session ended that the station never ended (OCPP 1.6 §7.36)."""

    reason = forms.ChoiceField(
        label=_("What happened"),
        choices=[
            ("", _("Choose …")),
            ("EVDisconnected", _("The car has left")),
            ("PowerLoss", _("The station lost its power")),
            ("Reboot", _("The station restarted")),
            ("Other", _("Something else, or not known")),
        ],
        help_text=_("Stands on the session's page and in its record."),
    )


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    list_display = [
        *("protocol_id", "started", "place", "site", "id_tag", "state_shown", "energy", "power", "duration"),
        *("ended", "remarks"),
    ]
    # On a phone the number is left out.
    list_display_links = ["protocol_id", "started"]
    list_filter = [
        *(StateFilter, ("started_at", LocalTimes), StationFilter, SiteFilter, TagFilter, ReasonFilter, VerdictFilter),
    ]
    list_filter_submit = True
    show_facets = ShowFacets.NEVER
    search_fields = [
        *("^protocol_id", "=id_tag", "charge_point__identity_key", "id_tag_row__token_key", "id_tag_row__holder"),
    ]
    list_select_related = ["charge_point__site", "evse"]
    # Outside the form: sections may have forms of their own.
    change_form_outer_before_template = "office/transaction.html"
    fieldsets = [
        (
            _("All that is stored"),
            {
                "classes": ["collapse"],
                "fields": [
                    *("protocol_id", "charge_point", "connector_number", "state_shown", "id_tag", "verdict", "energy"),
                    *("power", "duration", "started_at", "start_received_at", "meter_start_wh", "stopped_at"),
                    *("stop_received_at", "meter_stop_wh", "stop_reason", "stop_id_tag", "stopped_by", "remote_start"),
                    *("flags", "last_reading_at"),
                ],
            },
        )
    ]
    readonly_fields = ["connector_number", "state_shown", "energy", "power", "duration"]

    class Media:
        css = {"all": ["csms/session.css"]}

    @admin.display(description=_("Started"), ordering="started_at")
    def started(self, row: Transaction) -> SafeString | str:
        return shown_time(row.started_at)

    @admin.display(description=_("Charge point"), ordering="charge_point__identity_key")
    def place(self, row: Transaction) -> str:
        return f"{row.charge_point.identity} / {row.evse.number}"

    @admin.display(description=_("Connector"))
    def connector_number(self, row: Transaction) -> int:
        return row.evse.number

    @admin.display(description=_("Site"))
    def site(self, row: Transaction) -> str:
        return row.charge_point.site.name if row.charge_point.site else "–"

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: Transaction) -> SafeString:
        return state_pill(row)

    @admin.display(description=_("Energy"))
    def energy(self, row: Transaction) -> str:
        return shown_energy(row)

    @admin.display(description=_("Power"), ordering="last_power_w")
    def power(self, row: Transaction) -> str:
        return shown_power(row)

    @admin.display(description=_("Duration"))
    def duration(self, row: Transaction) -> str:
        return shown_duration(row)

    @admin.display(description=_("Why it ended"), ordering="stop_reason")
    def ended(self, row: Transaction) -> str:
        if row.state == Transaction.State.STOPPED:
            return reason_in_words(row.stop_reason)
        return end_in_words(row) or "–"

    @admin.display(description=_("Remarks"))
    def remarks(self, row: Transaction) -> SafeString | str:
        """How many; what they are shows on pointing at them, and on the page."""
        if not row.flags:
            return "–"
        kind = "warn" if DOUBTFUL & set(row.flags) else "info"
        said = " ".join(text for _kind, text in remarks_of(row))
        return format_html('<span class="pill pill-{}" title="{}">{}</span>', kind, said, len(row.flags))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        session = self._find(request, int(object_id)) if object_id.isascii() and object_id.isdigit() else None
        extra = {} if session is None else self._page(request, session)
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def _page(self, request: HttpRequest, session: Transaction) -> dict[str, Any]:
        return {
            **live_context(request, session),
            "tabs": tabs_of("transaction", request, session.pk),
            "timeline": timeline(request, session),
            **sections_of("transaction", request, session),
        }

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/stop/", wrap(self.stop_view), name="transaction_stop"),
            path("<int:pk>/close/", wrap(self.close_view), name="transaction_close"),
            path("<int:pk>/figures/", wrap(self.figures_view), name="transaction_figures"),
            path("<int:pk>/timeline/", wrap(self.timeline_view), name="transaction_timeline"),
        ]
        return [*own, *urls_of("transaction", self._find, wrap), *super().get_urls()]

    def figures_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The top of the page, fetched anew while the session runs."""
        return render(request, "office/transaction_figures.html", live_context(request, self._shown(request, pk)))

    def timeline_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What has happened so far, fetched anew while the session runs."""
        return HttpResponse(timeline(request, self._shown(request, pk)))

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """RemoteStopTransaction. What comes of it shows on the session's page."""
        session = self._session(request, pk)
        if request.method != "POST":
            return self._confirm(
                request,
                session,
                title=_("Stop session %(id)s") % {"id": session.protocol_id},
                consequence=_("The station is asked to stop charging; the driver can then unplug."),
                button=_("Stop charging"),
            )
        if session.state != ACTIVE:
            messages.warning(request, _("The session has ended already."))
            return self._back(session)
        try:
            send_command(
                charge_point=session.charge_point,
                action="RemoteStopTransaction",
                payload={"transactionId": int(session.protocol_id)},
                requested_by=request.user.get_username(),
                origin="admin",
            )
        except StationOffline:
            messages.error(request, _("The station is offline: nothing was sent."))
        return self._back(session)

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
        rows = Transaction.objects.select_related("charge_point__site", "evse", "id_tag_row")
        return rows.filter(pk=pk).first()

    def _shown(self, request: HttpRequest, pk: int) -> Transaction:
        session = self._find(request, pk)
        if session is None or not self.has_view_permission(request):
            raise Http404
        return session

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
