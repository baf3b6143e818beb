"""Commands: what was asked of stations, and what became of it."""

import json
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.models import Command, CommandState
from chargepoints.services.commands import cancel_command
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.models import Role


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "charge_point", "action", "state_shown", "requested_by", "origin", "finished_at"]
    list_filter = ["state", "action", "origin"]
    search_fields = ["charge_point__identity_key", "requested_by"]
    list_select_related = ["charge_point"]
    date_hierarchy = "created_at"
    change_form_before_template = "office/command.html"
    fields = [
        *("action", "charge_point", "state_shown", "requested_by", "origin", "payload_shown", "reply_shown"),
        *("error_code", "error_description", "created_at", "sent_at", "finished_at", "timeout_s", "expires_at"),
        "late_reply",
    ]
    readonly_fields = ["state_shown", "payload_shown", "reply_shown"]

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: Command) -> SafeString:
        return pill(row.state, row.get_state_display())

    @admin.display(description=_("Payload"))
    def payload_shown(self, row: Command) -> SafeString:
        return pretty(row.payload)

    @admin.display(description=_("Reply"))
    def reply_shown(self, row: Command) -> SafeString | str:
        return pretty(row.reply) if row.reply is not None else "–"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        command = self.get_object(request, object_id)
        may = command is not None and command.state == CommandState.QUEUED and has_role(request, Role.OPERATOR)
        extra = {"command": command, "may_cancel": may}
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        own = [path("<uuid:pk>/cancel/", self.admin_site.admin_view(self.cancel_view), name="command_cancel")]
        return [*own, *super().get_urls()]

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
