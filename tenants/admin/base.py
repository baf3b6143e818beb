"""What all pages of the back office share: roles instead of Django's permissions, the tenant, the audit trail."""

from typing import Any

from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from tenants.admin.changelist import TenantChangeList
from tenants.admin.changes import changes_of, deleted_values
from tenants.admin.exports.lists import ExportedList
from tenants.admin.forms import TenantModelForm
from tenants.admin.paging import CappedPaginator
from tenants.admin.related import RelatedBox
from tenants.admin.search import search
from tenants.context import tenant_transaction
from tenants.models.people import ROLE_RANK, Role
from tenants.selectors import Access
from tenants.services.audit import record


def access_of(request: HttpRequest) -> Access | None:
    """The person's access to the tenant that they work in."""
    access: Access | None = getattr(request, "access", None)
    return access


def has_role(request: HttpRequest, role: str) -> bool:
    access = access_of(request)
    return access is not None and ROLE_RANK[access.role] >= ROLE_RANK[role]


class TenantModelAdmin(ExportedList):
    """Rows of one tenant. Viewers read; `change_role` and the like say who may do more.

    Actions on selected rows are for `action_role`, whatever else Django would allow.
    """

    form = TenantModelForm
    paginator = CappedPaginator
    view_role: str = Role.VIEWER
    action_role: str = Role.ADMIN
    add_role: str = Role.ADMIN
    change_role: str = Role.ADMIN
    delete_role: str = Role.ADMIN
    read_only = False
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request, self.view_role)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return has_role(request, self.view_role)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not self.read_only and has_role(request, self.add_role)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return not self.read_only and has_role(request, self.change_role)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return not self.read_only and has_role(request, self.delete_role)

    def get_actions(self, request: HttpRequest) -> Any:
        if not has_role(request, self.action_role):
            return {}
        actions = super().get_actions(request)
        # What can't be undone is not what a hand falls on first.
        if "delete_selected" in actions:
            actions["delete_selected"] = actions.pop("delete_selected")
        return actions

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TenantChangeList]:
        return TenantChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # Django looks for a field without a name where the address has `_to_field=`.
        return super().get_object(request, object_id, from_field or None)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """As tables of millions of rows can be searched (tenants.admin.search)."""
        return search(queryset, self.get_search_fields(request), search_term), False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = RelatedBox(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        access = access_of(request)
        if access is not None:
            form.tenant_id = access.tenant.pk
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        access = access_of(request)
        if not change and access is not None:
            obj.tenant_id = access.tenant.pk
        super().save_model(request, obj, form, change)

    # Django's own log has no tenant; ours does.
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        self._audit(request, "create", obj, getattr(request, "audited_changes", {}))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        self._audit(request, "change", obj, getattr(request, "audited_changes", {}))

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self._audit(request, "delete", obj, deleted_values(obj))

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        request.audited_changes = changes_of(form, formsets)  # type: ignore[attr-defined]
        return []

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The audit trail of the object."""
        kind = self.opts.model_name
        return HttpResponseRedirect(
            f"{reverse('admin:tenants_auditentry_changelist')}?object_type={kind}&object_id={object_id}"
        )

    def _audit(self, request: HttpRequest, action: str, obj: Any, changes: dict[str, Any]) -> None:
        access = access_of(request)
        assert access is not None  # noqa: S101 (the view asked for it)
        record(actor=request.user.get_username(), origin="admin", action=action, target=obj, changes=changes)


class ReadOnlyAdmin(TenantModelAdmin):
    """Pages that only show."""

    read_only = True
    actions = None


class PlatformAdmin(TenantModelAdmin):
    """Pages for platform staff, over all tenants (the site opens the system scope for them)."""

    platform_only = True
    form = ModelForm
    view_role = action_role = add_role = change_role = delete_role = "platform"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.save()

    def _audit(self, request: HttpRequest, action: str, obj: Any, changes: dict[str, Any]) -> None:
        access = access_of(request)
        assert access is not None  # noqa: S101
        # In the trail of the tenant that the person works in.
        with tenant_transaction(access.tenant.pk):
            super()._audit(request, action, obj, changes)
