"""Commands: what was asked of stations, and what became of it."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from chargepoints.admin.command_filters import ActionFilter, ActorFilter, OriginFilter
from chargepoints.admin.command_shown import command_shown, sent_page
from chargepoints.admin.json_box import pretty
from chargepoints.admin.pills import pill
from chargepoints.models import Command
from chargepoints.services.commands import cancel_command
from chargepoints.services.shown_payloads import shown_payload
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.models import Role

__all__ = ["CommandAdmin", "pretty"]


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    list_display = [
        *("created_at", "charge_point", "action", "state_shown", "outcome_shown", "requested_by", "origin"),
        "finished_at",
    ]
    list_filter = [
        *(
            ("state", ChoicesDropdownFilter),
            ("outcome", ChoicesDropdownFilter),
            ActionFilter,
            OriginFilter,
            ActorFilter,
        ),
    ]
    list_filter_submit = True
    search_fields = ["charge_point__identity_key"]
    search_help_text = _("Charge point")
    list_select_related = ["charge_point"]
    date_hierarchy = "created_at"
    change_form_before_template = "office/command.html"
    # What changes stands above, in the part that refreshes itself.
    fields = [
        "charge_point",
        "action",
        "payload_shown",
        "requested_by",
        "origin",
        "created_at",
        "priority",
        "timeout_s",
    ]
    readonly_fields = ["payload_shown"]

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: Command) -> SafeString:
        return pill(row.state, row.get_state_display())

    @admin.display(description=_("Outcome"), ordering="outcome")
    def outcome_shown(self, row: Command) -> SafeString | str:
        return pill(row.outcome, row.get_outcome_display()) if row.outcome else ""

    @admin.display(description=_("Payload"))
    def payload_shown(self, row: Command) -> SafeString:
        return pretty(shown_payload(row.payload))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        command = self.get_object(request, object_id)
        extra = {} if command is None else command_shown(request, command)
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<uuid:pk>/cancel/", wrap(self.cancel_view), name="command_cancel"),
            path("<uuid:pk>/live/", wrap(self.live_view), name="command_live"),
        ]
        return [*own, *super().get_urls()]

    def live_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The part of the page that changes, fetched every other second."""
        command = Command.objects.select_related("charge_point").filter(pk=pk).first()
        if command is None:
            raise Http404
        return render(request, "office/command_live.html", command_shown(request, command))

    def cancel_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """POST only; a sent command can't be taken back."""
        command = Command.objects.filter(pk=pk).first()
        if command is None or request.method != "POST" or not has_role(request, Role.OPERATOR):
            raise Http404
        if not cancel_command(command, request.user.get_username(), origin="admin"):
            messages.warning(request, _("The command has been sent or has ended: it can't be cancelled."))
        if "station" in request.POST:
            # From the page of its charge point, where it is watched too.
            return HttpResponseRedirect(sent_page(command))
        return HttpResponseRedirect(reverse("admin:chargepoints_command_change", args=[command.pk]))
