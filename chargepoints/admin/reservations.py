"""Reservations: what is held for whom, and letting go."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.models import Reservation
from chargepoints.services.commands import StationOffline
from chargepoints.services.reservation_checks import ReservationRefused
from chargepoints.services.reservations import cancel_reservation
from tenants.admin.base import TenantModelAdmin, has_role
from tenants.admin.shown import ShownDetail
from tenants.models import Role

COLOURS = {
    "requested": "queued",
    "active": "active",
    "cancelling": "queued",
    "used": "accepted",
    "rejected": "rejected",
    "ended": "timed_out",
}


@admin.register(Reservation)
class ReservationAdmin(ShownDetail, TenantModelAdmin):
    read_only = True
    action_role = Role.OPERATOR
    list_display = [
        *("protocol_id", "charge_point", "connector", "id_tag", "state_shown", "expires_at", "detail_shown"),
        *("requested_by", "created_at"),
    ]
    list_filter = ["state"]
    search_fields = ["protocol_id", "id_tag", "parent_id_tag", "charge_point__identity_key"]
    list_select_related = ["charge_point"]
    date_hierarchy = "created_at"
    actions = ["cancel"]
    fields = [
        *("protocol_id", "charge_point", "connector", "id_tag", "parent_id_tag", "expires_at", "state_shown"),
        *("detail_shown", "transaction", "command", "cancel_command", "requested_by", "created_at", "ended_at"),
    ]
    readonly_fields = ["connector", "state_shown", "detail_shown"]

    @admin.display(description=_("Connector"), ordering="evse_number")
    def connector(self, row: Reservation) -> Any:
        return row.evse_number or _("any")

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: Reservation) -> SafeString:
        return pill(COLOURS.get(row.state, "cancelled"), row.get_state_display())

    def get_actions(self, request: HttpRequest) -> Any:
        """Rows are never deleted by hand: they are the record of what was promised."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions if has_role(request, self.action_role) else {}

    @admin.action(description=_("Cancel: ask the stations to let go"))
    def cancel(self, request: HttpRequest, queryset: Any) -> None:
        asked, actor = 0, request.user.get_username()
        for row in queryset:
            try:
                cancel_reservation(reservation=row, requested_by=actor, origin="admin")
                asked += 1
            except (ReservationRefused, StationOffline) as error:
                reason = _("The station is offline.") if isinstance(error, StationOffline) else error
                messages.error(request, f"{row.protocol_id}: {reason}")
        if asked:
            messages.success(request, _("Asked to let go: %(count)s.") % {"count": asked})
