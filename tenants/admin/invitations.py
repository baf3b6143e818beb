"""Invitations that were made, with what became of them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tenants.admin import invitation_pages
from tenants.admin.base import ReadOnlyAdmin
from tenants.admin.exports.columns import Column, declare_export
from tenants.admin.shown import shown_pill, shown_time
from tenants.models import Invitation, Role

PILLS = {"open": "info", "accepted": "ok", "revoked": "off", "expired": "warn"}

declare_export(
    Invitation,
    [
        Column(_("E-mail"), "email"),
        Column(_("Role"), "role"),
        Column(_("Invited by"), "invited_by"),
        Column(_("Created"), "created_at"),
        Column(_("Expires"), "expires_at"),
        Column(_("Sent"), "sent_at"),
        Column(_("Accepted"), "accepted_at"),
        Column(_("Accepted by"), "accepted_by"),
        Column(_("Revoked"), "revoked_at"),
    ],
)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Made on the people's page; sent again and revoked here."""

    view_role = Role.ADMIN
    list_display = ["email", "role", "shown_state", "mail", "invited_by", "invited", "good_until", "accepted_by"]
    list_filter = ["role"]
    search_fields = ["email", "accepted_by"]
    change_form_before_template = "office/invitation.html"
    fields = [
        *("email", "role", "shown_state", "mail", "invited_by", "invited", "good_until"),
        *("accepted_at", "accepted_by", "revoked_at"),
    ]
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        def wrapped(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=name)

        own = [
            wrapped("<int:pk>/send-again/", invitation_pages.send_again_page, "invitation_send_again"),
            wrapped("<int:pk>/revoke/", invitation_pages.revoke_page, "invitation_revoke"),
        ]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("token_hash")

    @admin.display(description=_("State"))
    def shown_state(self, row: Invitation) -> SafeString:
        return shown_pill(PILLS[row.state.value], row.state.label)

    @admin.display(description=_("Mail"))
    def mail(self, row: Invitation) -> Any:
        if row.mail_error and row.sent_at is None:
            again = _("tried again") if row.mail_due_at else _("given up")
            return f"{again}: {row.mail_error}"
        if row.mail_due_at:
            return _("waits")
        return shown_time(row.sent_at) if row.sent_at else _("none: the link was shown")

    @admin.display(description=_("Invited"), ordering="created_at")
    def invited(self, row: Invitation) -> SafeString | str:
        return shown_time(row.created_at)

    @admin.display(description=_("Good until"))
    def good_until(self, row: Invitation) -> SafeString | str:
        return shown_time(row.expires_at)
