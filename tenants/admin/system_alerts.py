"""What is wrong with the system itself: for platform staff."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from tenants.admin.base import ReadOnlyAdmin
from tenants.models import SystemAlert


@admin.register(SystemAlert)
class SystemAlertAdmin(ReadOnlyAdmin):
    """They end by themselves."""

    platform_only = True
    view_role = "platform"
    list_display = ["kind", "subject", "shown_state", "count", "opened_at", "last_at", "resolved_at", "detail"]
    list_filter = [("resolved_at", admin.EmptyFieldListFilter), "kind"]
    search_fields = ["kind", "subject", "detail"]

    @display(description=_("State"), label={"open": "danger", "over": "success"})
    def shown_state(self, row: SystemAlert) -> tuple[str, str]:
        return ("over", str(_("Over"))) if row.resolved_at else ("open", str(_("Open")))
