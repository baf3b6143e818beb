"""What files of the lists of alerts, readings, tariffs and records contain; and what a session cost, in the file of sessions."""

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from chargepoints.models import Transaction
from metering.models import (
    Alert,
    AlertRecipient,
    ChargeDetailRecord,
    IdTagLimit,
    MeteringSettings,
    QuarantinedReading,
    SignedReading,
    Tariff,
    TariffAssignment,
    Threshold,
)
from tenants.admin.exports.columns import Column, add_to_export, declare_export


def _of_the_record(name: str) -> Subquery:
    """Of the record of a session that holds: the last revision."""
    records = ChargeDetailRecord.objects.filter(transaction=OuterRef("pk")).order_by("-revision")
    return Subquery(records.values(name)[:1])


add_to_export(
    Transaction,
    [
        Column(_("Record"), _of_the_record("number")),
        Column(_("Cost with tax"), _of_the_record("total_incl_tax")),
        Column(_("Currency"), _of_the_record("currency")),
    ],
)
declare_export(
    Alert,
    [
        Column(_("Alert"), "id"),
        Column(_("Severity"), "severity"),
        Column(_("Kind"), "kind"),
        Column(_("State"), "status"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Connector"), "evse_number"),
        Column(_("Session"), "transaction_id"),
        Column(_("Measurand"), "measurand"),
        Column(_("Phase"), "phase"),
        Column(_("Limit"), "limit_value"),
        Column(_("Worst value"), "worst_value"),
        Column(_("Last value"), "last_value"),
        Column(_("Unit"), "unit"),
        Column(_("Detail"), "detail"),
        Column(_("Count"), "count"),
        Column(_("Began"), "started_at"),
        Column(_("Opened"), "opened_at"),
        Column(_("Last seen"), "last_at"),
        Column(_("Acknowledged"), "acknowledged_at"),
        Column(_("Acknowledged by"), "acknowledged_by"),
        Column(_("Note"), "note"),
        Column(_("Resolved"), "resolved_at"),
        Column(_("Resolution"), "resolution"),
    ],
)
declare_export(
    Threshold,
    [
        Column(_("Measurand"), "measurand"),
        Column(_("Minimum"), "min_value"),
        Column(_("Maximum"), "max_value"),
        Column(_("Hysteresis"), "hysteresis"),
        Column(_("Alternating current only"), "ac_only"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Connector"), "evse_number"),
        Column(_("Severity"), "severity"),
        Column(_("Minimum duration (s)"), "minimum_duration_s"),
        Column(_("Enabled"), "enabled"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    AlertRecipient,
    [
        Column(_("E-mail"), "email"),
        Column(_("Severity from"), "minimum_severity"),
        Column(_("Enabled"), "enabled"),
    ],
)
declare_export(
    MeteringSettings,
    [
        Column(_("Energy of a session, at most (Wh)"), "max_session_energy_wh"),
        Column(_("Duration of a session, at most (s)"), "max_session_duration_s"),
        Column(_("Cost of a session, at most (with tax)"), "max_session_cost"),
        Column(_("Close a silent session after (h)"), "close_after_hours"),
        Column(_("Alert when offline for (min)"), "offline_after_minutes"),
        Column(_("Alert without readings for (min)"), "silent_after_minutes"),
        Column(_("Alert when a clock is off by (s)"), "clock_tolerance_seconds"),
        Column(_("Keep hours for (days)"), "hour_days"),
        Column(_("Keep days for (days)"), "day_days"),
    ],
)
declare_export(
    IdTagLimit,
    [
        Column(_("Id tag"), "id_tag__token"),
        Column(_("Energy, at most (Wh)"), "max_energy_wh"),
        Column(_("Duration, at most (s)"), "max_duration_s"),
        Column(_("Cost, at most (with tax)"), "max_cost"),
    ],
)
declare_export(
    QuarantinedReading,
    [
        Column(_("Received"), "received_at"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Connector"), "evse_number"),
        Column(_("Session"), "transaction_id"),
        Column(_("Reason"), "reason"),
        Column(_("Reading"), "reading"),
    ],
)
declare_export(
    SignedReading,
    [
        Column(_("At"), "at"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Connector"), "evse_number"),
        Column(_("Session"), "transaction_id"),
        Column(_("Measurand"), "measurand"),
        Column(_("Phase"), "phase"),
        Column(_("Location"), "location"),
        Column(_("Context"), "context"),
        Column(_("Unit"), "unit"),
        Column(_("Signed data"), "content"),
        Column(_("Received"), "received_at"),
    ],
)

# --- billing ---

declare_export(
    Tariff,
    [
        Column(_("Name"), "name"),
        Column(_("Currency"), "currency"),
        Column(_("Elements (OCPI)"), "elements"),
        Column(_("At least (before tax)"), "min_price"),
        Column(_("At most (before tax)"), "max_price"),
        Column(_("Valid from"), "valid_from"),
        Column(_("Valid until"), "valid_to"),
        Column(_("Archived"), "archived"),
        Column(_("Created"), "created_at"),
        Column(_("Changed"), "updated_at"),
    ],
)
declare_export(
    TariffAssignment,
    [
        Column(_("Tariff"), "tariff__name"),
        Column(_("Id tag"), "id_tag__token"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Site"), "site__name"),
    ],
)
declare_export(
    ChargeDetailRecord,
    [
        Column(_("Number"), "number"),
        Column(_("Revision"), "revision"),
        Column(_("Corrects"), "corrects__number"),
        Column(_("Replaced"), "replaced"),
        Column(_("Reason"), "reason"),
        Column(_("Session"), "transaction_id"),
        Column(_("Charge point"), "charge_point"),
        Column(_("Connector"), "connector"),
        Column(_("Id tag"), "id_tag"),
        Column(_("Started"), "started_at"),
        Column(_("Stopped"), "stopped_at"),
        Column(_("Charging (s)"), "charging_seconds"),
        Column(_("Parking (s)"), "parking_seconds"),
        Column(_("Energy (Wh)"), "energy_wh"),
        Column(_("Meter at start (Wh)"), "meter_start_wh"),
        Column(_("Meter at stop (Wh)"), "meter_stop_wh"),
        Column(_("Tariff"), "tariff__name"),
        Column(_("Total before tax"), "total_excl_tax"),
        Column(_("Tax"), "total_tax"),
        Column(_("Total with tax"), "total_incl_tax"),
        Column(_("Currency"), "currency"),
        Column(_("Created by"), "created_by"),
        Column(_("Created"), "created_at"),
    ],
)
