"""Commands: what was asked of stations, and what became of it."""

import json
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.message_pairs import MessageQuery, find_messages
from chargepoints.models import Command, CommandState, Outcome
from chargepoints.services.commands import cancel_command
from chargepoints.services.shown_payloads import shown_payload
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.models import Role


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    list_display = [
        *("created_at", "charge_point", "action", "state_shown", "outcome_shown", "requested_by", "origin"),
        "finished_at",
    ]
    list_filter = ["state", "outcome", "action", "origin"]
    search_fields = ["charge_point__identity_key", "requested_by"]
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
        extra = {} if command is None else self._shown(request, command)
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
        return render(request, "office/command_live.html", self._shown(request, command))

    def _shown(self, request: HttpRequest, command: Command) -> dict[str, Any]:
        query = MessageQuery(charge_point_id=command.charge_point_id, direction="out", message_id=str(command.pk))
        pairs, _following = find_messages(query, limit=3)
        return {
            "command": command,
            "state_pill": pill(command.state, command.get_state_display()),
            "outcome_pill": pill(command.outcome, command.get_outcome_display()) if command.outcome else "",
            "reply": pretty(command.reply) if command.reply is not None else "",
            "late_reply": pretty(command.late_reply) if command.late_reply is not None else "",
            "settled": command.is_final and command.outcome != Outcome.WAITING,
            "pairs": pairs,
            "may_cancel": command.state == CommandState.QUEUED and has_role(request, Role.OPERATOR),
        }

    def cancel_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """POST only; a sent command can't be taken back."""
        command = Command.objects.filter(pk=pk).first()
        if command is None or request.method != "POST" or not has_role(request, Role.OPERATOR):
            raise Http404
        if not cancel_command(command, request.user.get_username(), origin="admin"):
            messages.warning(request, _("The command has been sent or has ended: it can't be cancelled."))
        return HttpResponseRedirect(reverse("admin:chargepoints_command_change", args=[command.pk]))


def pretty(value: Any) -> SafeString:
    """JSON for people."""
    return format_html('<pre class="json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))
