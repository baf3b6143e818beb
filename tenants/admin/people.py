"""People: users for platform staff, memberships for a tenant's administrators."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants.admin.base import PlatformAdmin, ReadOnlyAdmin
from tenants.models import Membership, User


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
    list_display = ["username", "first_name", "last_name", "email", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["username", "first_name", "last_name", "email"]
    filter_horizontal: list[str] = []
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Access"), {"fields": ["is_active", "is_superuser", "last_login", "date_joined"]}),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who works in this tenant. The database shows a tenant its own people only."""

    list_display = ["person", "role", "created_at"]
    list_select_related = ["user"]
    list_filter = ["role"]

    def get_queryset(self, request: HttpRequest) -> Any:
        # Not the password column: the app role has no grant on it.
        return (
            super()
            .get_queryset(request)
            .select_related("user")
            .only("role", "created_at", "user__username", "user__email")
        )

    @admin.display(description=_("Person"), ordering="user__username")
    def person(self, row: Membership) -> str:
        return row.user.username
