"""Id tags."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.bulk_tags import tags_page, tags_view
from chargepoints.admin.pills import pill
from chargepoints.admin.tag_files import blank_view, export_tags, import_view
from chargepoints.models import IdTag
from chargepoints.services.bulk_tags import InvalidChange
from chargepoints.services.tag_changes import NONE, Rights, rights_of, tags_changed, takes_away
from chargepoints.services.tag_groups import lock_for_parent
from tenants.admin.base import TenantModelAdmin
from tenants.admin.forms import TenantModelForm
from tenants.admin.paging import WorkedOnPaginator
from tenants.models import Role


class IdTagForm(TenantModelForm):
    """Its parent is checked, and kept as it is until the tag is saved."""

    def clean(self) -> dict[str, Any] | None:
        given = super().clean()
        parent = self.cleaned_data.get("parent")
        if parent is not None:
            try:
                lock_for_parent(tag_pk=self.instance.pk, parent_pk=parent.pk)
            except InvalidChange as invalid:
                self.add_error("parent", str(invalid))
        return given


@admin.register(IdTag)
class IdTagAdmin(TenantModelAdmin):
    form = IdTagForm
    add_role = change_role = Role.OPERATOR
    # Changing; Django's deletion asks for its own role.
    action_role = Role.OPERATOR
    actions = ["change_many"]
    paginator = WorkedOnPaginator
    list_before_template = "office/id_tag_buttons.html"
    list_display = [
        "token",
        "holder",
        "status_shown",
        "type",
        "parent",
        "expires_at",
        "max_active_transactions",
        "note",
    ]
    list_filter = ["status", "type", "seen_offline"]
    search_fields = ["token_key", "holder", "note"]
    list_select_related = ["parent"]
    autocomplete_fields = ["parent"]
    readonly_fields = ["seen_offline", "created_at"]
    fields = [
        *("token", "holder", "type", "status", "parent", "expires_at", "max_active_transactions", "note"),
        *("seen_offline", "created_at"),
    ]

    @admin.display(description=_("Status"), ordering="status")
    def status_shown(self, row: IdTag) -> SafeString:
        return pill(row.status, row.get_status_display())

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("import/", wrap(import_view), name="id_tag_import"),
            path("import/blank.csv", wrap(blank_view), name="id_tag_import_blank"),
            path("change/", wrap(tags_view), name="bulk_tags"),
            path("export/", wrap(export_tags), name="id_tag_export"),
        ]
        return [*own, *super().get_urls()]

    @admin.action(description=_("Change status, expiry or group …"))
    def change_many(self, request: HttpRequest, queryset: QuerySet[IdTag]) -> HttpResponse:
        """Nothing is changed yet: what, then who is meant."""
        return tags_page(request, queryset)

    def save_model(self, request: HttpRequest, obj: IdTag, form: Any, change: bool) -> None:
        before = rights_of(IdTag.objects.get(pk=obj.pk)) if change else NONE
        super().save_model(request, obj, form, change)
        tags_changed(revoked=takes_away(before, rights_of(obj)))

    def delete_model(self, request: HttpRequest, obj: IdTag) -> None:
        before = rights_of(obj)
        super().delete_model(request, obj)
        tags_changed(revoked=takes_away(before, NONE))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        before: list[Rights] = [rights_of(tag) for tag in queryset]
        super().delete_queryset(request, queryset)
        tags_changed(revoked=any(takes_away(one, NONE) for one in before))
