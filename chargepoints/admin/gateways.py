"""Gateway processes, and who is connected to them."""

from django.contrib import admin

from chargepoints.models import Gateway, StationConnection
from tenants.admin.base import ReadOnlyAdmin


@admin.register(Gateway)
class GatewayAdmin(ReadOnlyAdmin):
    """For platform staff."""

    platform_only = True
    view_role = "platform"
    list_display = ["host", "pid", "started_at", "seen_at", "id"]


@admin.register(StationConnection)
class StationConnectionAdmin(ReadOnlyAdmin):
    list_display = ["charge_point", "ocpp_version", "remote_address", "connected_at", "last_message_at", "gateway"]
    list_select_related = ["charge_point", "gateway"]
    search_fields = ["charge_point__identity_key", "remote_address"]
