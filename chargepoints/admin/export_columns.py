"""What files of the lists of stations, sessions and drivers contain."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, DurationField, ExpressionWrapper, F, OuterRef, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint, Connector, IdTag, Reservation, Site, Transaction, UnmatchedStop
from tenants.admin.exports.columns import Column, declare_export

# "1 Available", one for each connector that people see.
_CONNECTORS = ArraySubquery(
    Connector.objects.filter(charge_point=OuterRef("pk"), evse__number__gt=0)
    .order_by("evse__number")
    .values(shown=Concat(Cast("evse__number", CharField()), Value(" "), F("status"), output_field=CharField()))
)

declare_export(
    ChargePoint,
    [
        Column(_("Identity"), "identity"),
        Column(_("Name"), "name"),
        Column(_("Site"), "site__name"),
        Column(_("Online"), "online"),
        Column(_("Connectors"), _CONNECTORS),
        Column(_("Registration"), "registration"),
        Column(_("Vendor"), "vendor"),
        Column(_("Model"), "model"),
        Column(_("Serial number"), "serial_number"),
        Column(_("Firmware"), "firmware_version"),
        Column(_("OCPP version"), "ocpp_version"),
        Column(_("Security profile"), "security_profile"),
        Column(_("Tags"), "tags"),
        Column(_("Notes"), "notes"),
        Column(_("Last boot"), "last_boot_at"),
        Column(_("Last seen"), "last_seen_at"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    Transaction,
    [
        Column(_("Session"), "id"),
        Column(_("Transaction id"), "protocol_id"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Site"), "charge_point__site__name"),
        Column(_("Connector"), "evse__number"),
        Column(_("Id tag"), "id_tag"),
        Column(_("State"), "state"),
        Column(_("Verdict"), "verdict"),
        Column(_("Energy (Wh)"), Coalesce("meter_stop_wh", "last_register_wh") - F("meter_start_wh")),
        Column(_("Power (W)"), "last_power_w"),
        Column(_("Started"), "started_at"),
        Column(_("Stopped"), "stopped_at"),
        Column(_("Duration (s)"), ExpressionWrapper(F("stopped_at") - F("started_at"), DurationField())),
        Column(_("Stop reason"), "stop_reason"),
        Column(_("Stopped with tag"), "stop_id_tag"),
        Column(_("Stopped by"), "stopped_by"),
        Column(_("Meter at start (Wh)"), "meter_start_wh"),
        Column(_("Meter at stop (Wh)"), "meter_stop_wh"),
        Column(_("Last reading"), "last_reading_at"),
        Column(_("Start received"), "start_received_at"),
        Column(_("Stop received"), "stop_received_at"),
        Column(_("Flags"), "flags"),
    ],
)
declare_export(
    UnmatchedStop,
    [
        Column(_("Received"), "received_at"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Transaction id"), "protocol_id"),
        Column(_("Id tag"), "id_tag"),
        Column(_("Meter at stop (Wh)"), "meter_stop_wh"),
        Column(_("Reason"), "reason"),
        Column(_("Stopped"), "stopped_at"),
    ],
)
declare_export(
    Reservation,
    [
        Column(_("Reservation"), "protocol_id"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Connector (0: any)"), "evse_number"),
        Column(_("Id tag"), "id_tag"),
        Column(_("Parent tag"), "parent_id_tag"),
        Column(_("State"), "state"),
        Column(_("Detail"), "detail"),
        Column(_("Session"), "transaction_id"),
        Column(_("Expires"), "expires_at"),
        Column(_("Requested by"), "requested_by"),
        Column(_("Created"), "created_at"),
        Column(_("Ended"), "ended_at"),
    ],
)
declare_export(
    IdTag,
    [
        Column(_("Id tag"), "token"),
        Column(_("Holder"), "holder"),
        Column(_("Type"), "type"),
        Column(_("Status"), "status"),
        Column(_("Parent tag"), "parent__token"),
        Column(_("Expires"), "expires_at"),
        Column(_("Sessions at a time"), "max_active_transactions"),
        Column(_("Note"), "note"),
        Column(_("First seen offline"), "seen_offline"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    Site,
    [
        Column(_("Name"), "name"),
        Column(_("Address"), "address"),
        Column(_("Latitude (°)"), "latitude"),
        Column(_("Longitude (°)"), "longitude"),
        Column(_("Time zone"), "timezone"),
    ],
)
