"""Accounts of all people: for platform staff."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants.admin.base import PlatformAdmin
from tenants.admin.shown import shown_pill
from tenants.context import directory_transaction
from tenants.models import Authenticator, Membership, PlatformEntry, User
from tenants.services.browser_sessions import end_all_sessions
from tenants.services.people_trail import note_in_tenant
from tenants.services.second_factor import remove_second_factor


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 1

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    has_change_permission = has_delete_permission = has_view_permission = has_add_permission  # type: ignore[assignment]


@admin.register(User)
class UserAdmin(PlatformAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    """Accounts, with their memberships. They are made inactive, not deleted: the audit trail names them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = [
        *("username", "first_name", "last_name", "email", "is_active", "is_superuser"),
        *("two_factor", "last_login"),
    ]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["username", "first_name", "last_name", "email"]
    filter_horizontal: list[str] = []
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipInline]
    actions = ["reset_two_factor", "sign_out"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Access"), {"fields": ["is_active", "is_superuser", "last_login", "date_joined"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("authenticator")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(
        description=_("Take the second factor off: the password alone signs them in, until they set it up anew")
    )
    def reset_two_factor(self, request: HttpRequest, queryset: Any) -> None:
        done = [user for user in queryset if remove_second_factor(user)]
        for user in done:
            end_all_sessions(user)
            self._audit(request, "reset second factor", user, {})
        text = ngettext("Taken off %(count)d account.", "Taken off %(count)d accounts.", len(done))
        messages.success(request, text % {"count": len(done)})

    @admin.action(description=_("Sign out everywhere: their browsers and tokens are refused at once"))
    def sign_out(self, request: HttpRequest, queryset: Any) -> None:
        for user in queryset:
            count = end_all_sessions(user)
            self._audit(request, "end sessions", user, {"browsers": count})
        messages.success(request, _("They are signed out."))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        changed = [("add member", row) for row in formset.new_objects]
        changed += [("change role", row) for row, _fields in formset.changed_objects]
        changed += [("remove member", row) for row in formset.deleted_objects]
        for action, row in changed:
            note_in_tenant(
                row.tenant_id,
                actor=request.user.get_username(),
                origin="admin",
                action=action,
                target=form.instance if change else row,
                changes={"person": row.user.username, "role": row.role},
            )

    def _audit(self, request: HttpRequest, action: str, obj: Any, changes: dict[str, Any]) -> None:
        """In the platform's trail: which tenant the staff works in just now has nothing to do with it."""
        if request.path.endswith("/password/"):
            action = "set password"
            end_all_sessions(obj)
        with directory_transaction():
            PlatformEntry.objects.create(
                actor=request.user.get_username()[:150],
                origin="admin",
                action=action,
                tenant_number=None,
                tenant_slug="",
                changes={"person": str(obj), **changes},
            )

    @admin.display(description=_("Two-factor"))
    def two_factor(self, row: User) -> SafeString | str:
        device: Authenticator | None = getattr(row, "authenticator", None)
        return shown_pill("ok", _("On")) if device is not None and device.confirmed else "–"
