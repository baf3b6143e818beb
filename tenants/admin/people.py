"""The people of a tenant: who they are, how they sign in, and what may be done about it."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from tenants.admin import member_pages
from tenants.admin.base import ReadOnlyAdmin, access_of, has_role
from tenants.admin.shown import shown_pill, shown_time
from tenants.models import Invitation, Membership, Role
from tenants.people import Doing, doings_of

NOTHING = Doing()
ABOUT_SIGN_IN = {"two_factor", "last_seen", "sessions"}
ROLE_PILLS = {"admin": "info", "operator": "busy"}


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who works in this tenant. The database shows a tenant its own people only; changing them has pages of its own."""

    list_display = ["person", "name", "email", "shown_role", "two_factor", "last_seen", "sessions", "since"]
    list_filter = ["role"]
    search_fields = ["user__username", "user__first_name", "user__last_name", "user__email"]
    ordering = ["user__username"]
    list_before_template = "office/people.html"
    change_form_before_template = "office/member.html"
    fields = ["person", "name", "email", "since"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        # Not the password column: the app role has no grant on it.
        seen = ["username", "first_name", "last_name", "email", "is_active", "is_superuser"]
        chosen = ["tenant", "role", "created_at", *(f"user__{name}" for name in seen)]
        return super().get_queryset(request).select_related("user").only(*chosen)

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """How colleagues sign in, and when, is for those who answer for it."""
        shown = self.list_display
        return shown if has_role(request, Role.ADMIN) else [name for name in shown if name not in ABOUT_SIGN_IN]

    def get_urls(self) -> list[URLPattern]:
        def wrapped(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=name)

        own = [
            wrapped("invite/", member_pages.invite_page, "people_invite"),
            wrapped("two-factor/", member_pages.two_factor_policy, "people_two_factor"),
            wrapped("<int:pk>/role/", member_pages.role_page, "member_role"),
            wrapped("<int:pk>/remove/", member_pages.remove_page, "member_remove"),
            wrapped("<int:pk>/sign-out/", member_pages.sign_out_page, "member_sign_out"),
            wrapped("<int:pk>/reset-two-factor/", member_pages.reset_two_factor_page, "member_reset_two_factor"),
        ]
        return [*own, *super().get_urls()]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """With what is known of the page's people, in two queries for all of them."""
        found: Any = super().get_changelist_instance(request)
        access = access_of(request)
        ids = [row.user_id for row in found.result_list]
        doings = doings_of(ids, access.tenant) if access is not None else {}
        for row in found.result_list:
            row.doing = doings.get(row.user_id, NOTHING)
        return found

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        access = access_of(request)
        mine: dict[str, Any] = {}
        if access is not None and has_role(request, Role.ADMIN):
            waiting = Invitation.objects.filter(accepted_at=None, revoked_at=None).order_by("-created_at")
            mine = {"may_change": True, "invitations": waiting[:20], "policy": access.tenant.get_two_factor_display()}
        return super().changelist_view(request, {**mine, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row, access = self.get_object(request, object_id), access_of(request)
        mine: dict[str, Any] = {}
        if row is not None and access is not None:
            doing = doings_of([row.user_id], access.tenant).get(row.user_id, NOTHING)
            mine = {"doing": doing, "may_change": has_role(request, Role.ADMIN)}
        return super().change_view(request, object_id, form_url, {**mine, **(extra_context or {})})

    @admin.display(description=_("Person"), ordering="user__username")
    def person(self, row: Membership) -> str:
        return row.user.username

    @admin.display(description=_("Name"), ordering="user__last_name")
    def name(self, row: Membership) -> str:
        return f"{row.user.first_name} {row.user.last_name}".strip() or "–"

    @admin.display(description=_("E-mail"), ordering="user__email")
    def email(self, row: Membership) -> str:
        return row.user.email or "–"

    @admin.display(description=_("Role"), ordering="role")
    def shown_role(self, row: Membership) -> SafeString:
        return shown_pill(ROLE_PILLS.get(row.role, "off"), row.get_role_display())

    @admin.display(description=_("Two-factor"))
    def two_factor(self, row: Membership) -> SafeString | str:
        doing: Doing = getattr(row, "doing", NOTHING)
        return shown_pill("ok", _("On")) if doing.two_factor else "–"

    @admin.display(description=_("Since"), ordering="created_at")
    def since(self, row: Membership) -> str:
        return timezone.localtime(row.created_at).strftime("%Y-%m-%d")

    @admin.display(description=_("Last seen"))
    def last_seen(self, row: Membership) -> SafeString | str:
        doing: Doing = getattr(row, "doing", NOTHING)
        return shown_time(doing.last_seen)

    @admin.display(description=_("Signed in"))
    def sessions(self, row: Membership) -> str:
        doing: Doing = getattr(row, "doing", NOTHING)
        return str(doing.sessions) if doing.sessions else "–"
