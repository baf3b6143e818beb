"""Gateway processes, and who is connected to them."""

from django.contrib import admin
from django.http import HttpRequest

from chargepoints.models import Gateway, StationConnection
from tenants.admin.base import ReadOnlyAdmin, has_role


@admin.register(Gateway)
class GatewayAdmin(ReadOnlyAdmin):
    """For platform staff."""

    platform_only = True
    list_display = ["host", "pid", "started_at", "seen_at", "id"]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request, "platform")

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return has_role(request, "platform")


@admin.register(StationConnection)
class StationConnectionAdmin(ReadOnlyAdmin):
    list_display = ["charge_point", "ocpp_version", "remote_address", "connected_at", "last_message_at", "gateway"]
    list_select_related = ["charge_point", "gateway"]
    search_fields = ["charge_point__identity_key", "remote_address"]
