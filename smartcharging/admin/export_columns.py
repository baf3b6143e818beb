"""What files of the lists of load management contain."""

from django.utils.translation import gettext_lazy as _

from smartcharging.models import Circuit, EnergyPrice, IdTagNeed, LimitSent, ProfileTemplate
from smartcharging.reason_words import cause_in_words, reason_in_words
from tenants.admin.exports.columns import Column, declare_export

declare_export(
    Circuit,
    [
        Column(_("Name"), "name"),
        Column(_("Kind"), "kind"),
        Column(_("Site"), "site__name"),
        Column(_("Below"), "parent__name"),
        Column(_("Enabled"), "enabled"),
        Column(_("Capacity"), "capacity"),
        Column(_("Unit"), "unit"),
        Column(_("Phases"), "phases"),
        Column(_("Voltage (V)"), "voltage"),
        Column(_("Base load (A)"), "base_load_a"),
        Column(_("Strategy"), "strategy"),
        Column(_("Minimum (A)"), "minimum_a"),
        Column(_("Fallback (A)"), "fallback_a"),
        Column(_("Turns last (s)"), "rotation_s"),
        Column(_("Ramp (A)"), "raise_step_a"),
        Column(_("Hysteresis (A)"), "hysteresis_a"),
        Column(_("Hold (s)"), "hold_s"),
        Column(_("Lends"), "lend"),
        Column(_("Price zone"), "price_zone"),
        Column(_("Has a meter"), "has_meter"),
        Column(_("Over its capacity since"), "over_since"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    LimitSent,
    [
        Column(_("At"), "at"),
        Column(_("Circuit"), "circuit__name"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Connector"), "evse_number"),
        Column(_("Session"), "transaction_id"),
        Column(_("Purpose"), "purpose"),
        Column(_("Limit (A)"), "limit_a"),
        Column(_("Before (A)"), "previous_a"),
        Column(_("Reason"), "reason"),
        Column(_("Why"), "reason", reason_in_words),
        Column(_("Cause"), "cause"),
        Column(_("Set off by"), "cause", lambda cause: cause_in_words(cause) if cause else ""),
        Column(_("Result"), "result"),
        Column(_("Result at"), "result_at"),
        Column(_("Detail"), "detail"),
        Column(_("Command"), "command_id"),
    ],
)
declare_export(
    EnergyPrice,
    [
        Column(_("Price zone"), "zone"),
        Column(_("From"), "start_at"),
        Column(_("Until"), "end_at"),
        Column(_("Price for a kWh"), "price"),
        Column(_("Currency"), "currency"),
        Column(_("Uploaded by"), "uploaded_by"),
        Column(_("Uploaded"), "uploaded_at"),
    ],
)
declare_export(
    IdTagNeed,
    [
        Column(_("Id tag"), "id_tag__token"),
        Column(_("Holder"), "id_tag__holder"),
        Column(_("Departure"), "departure_time"),
        Column(_("Energy wanted (Wh)"), "energy_wh"),
        Column(_("Priority"), "priority"),
        Column(_("The car takes at most (A)"), "max_a"),
    ],
)
declare_export(
    ProfileTemplate,
    [
        Column(_("Name"), "name"),
        Column(_("Description"), "description"),
        Column(_("Purpose"), "purpose"),
        Column(_("Kind"), "kind"),
        Column(_("Recurs"), "recurrency"),
        Column(_("Stack level"), "stack_level"),
        Column(_("Valid from"), "valid_from"),
        Column(_("Valid until"), "valid_to"),
        Column(_("Schedule"), "schedule"),
        Column(_("Created by"), "created_by"),
        Column(_("Created"), "created_at"),
    ],
)
