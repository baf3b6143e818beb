"""Why a charging profile is refused: every reason with its sentence, in one table. Pure; knows no model.

A problem names the field by the path that the sender knows (`csChargingProfiles.chargingSchedule.duration`), so that an
API can put it beside its field.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

REASONS = {
    # What the message itself must be (OCPP 1.6 §7.8, §7.13, §7.14).
    "not_an_object": gettext_noop("This must be an object."),
    "not_a_list": gettext_noop("This must be a list."),
    "not_an_integer": gettext_noop("This must be a whole number."),
    "not_a_number": gettext_noop("This must be a number."),
    "not_a_time": gettext_noop("This must be a date and time (RFC 3339)."),
    "not_a_choice": gettext_noop("This must be one of {choices}."),
    "missing": gettext_noop("This is required."),
    "unknown_field": gettext_noop("There is no such field here."),
    "out_of_range": gettext_noop("This must be between {least} and {most}."),
    # The periods of the schedule.
    "no_periods": gettext_noop("A schedule needs at least one period."),
    "too_many_periods": gettext_noop("The charge point takes at most {most} periods."),
    "first_period_not_zero": gettext_noop("The first period must start at 0."),
    "periods_not_rising": gettext_noop("Each period must start after the one before it."),
    "period_after_duration": gettext_noop("This period starts when the schedule is over ({duration} s)."),
    "negative_limit": gettext_noop("A limit can't be negative."),
    "limit_not_tenths": gettext_noop("A limit has at most one decimal."),
    "negative_min_rate": gettext_noop("The minimum rate can't be negative."),
    "min_rate_not_tenths": gettext_noop("The minimum rate has at most one decimal."),
    "phases_out_of_range": gettext_noop("The number of phases must be 1, 2 or 3."),
    "phase_switch_not_supported": gettext_noop("The charge point can't change the number of phases during a session."),
    "duration_not_positive": gettext_noop("The duration must be more than 0."),
    # When the schedule holds.
    "absolute_without_start": gettext_noop("An absolute schedule needs startSchedule."),
    "recurring_without_start": gettext_noop("A recurring schedule needs startSchedule."),
    "relative_with_start": gettext_noop("A relative schedule starts with the session and has no startSchedule."),
    "recurring_without_recurrency": gettext_noop("A recurring profile needs recurrencyKind."),
    "recurrency_not_recurring": gettext_noop("Only a recurring profile has recurrencyKind."),
    "recurring_too_long": gettext_noop("A {recurrency} schedule lasts at most {most} s."),
    "validity_reversed": gettext_noop("validTo must be later than validFrom."),
    "validity_over": gettext_noop("validTo has passed."),
    # Purpose, place and session.
    "station_max_on_connector": gettext_noop("A ChargePointMaxProfile is for the whole charge point: connector 0."),
    "station_max_relative": gettext_noop(
        "A ChargePointMaxProfile belongs to no session: its schedule can't be relative to one."
    ),
    "tx_on_station": gettext_noop("A TxProfile is for one connector, not for the whole charge point."),
    "tx_without_transaction": gettext_noop("A TxProfile needs a running session on its connector."),
    "tx_other_transaction": gettext_noop("Another session is running on this connector."),
    "transaction_not_tx": gettext_noop("Only a TxProfile names a session."),
    "start_needs_tx": gettext_noop("A profile that comes with a remote start is a TxProfile."),
    "start_with_transaction": gettext_noop("The session of a remote start has no transactionId yet."),
    # What the charge point can do, as it reports in its configuration.
    "stack_level_negative": gettext_noop("The stack level can't be negative."),
    "stack_level_too_high": gettext_noop("The charge point's highest stack level is {most}."),
    "unit_not_supported": gettext_noop("The charge point takes limits in {units} only."),
    "too_many_installed": gettext_noop("The charge point holds at most {most} profiles."),
    # Ours.
    "held_by_load_management": gettext_noop("Load management holds this stack level here."),
}


@dataclass(frozen=True, slots=True)
class ProfileProblem:
    """One reason of `REASONS`, the field that it is about (camelCase path) and its sentence."""

    reason: str
    field: str
    sentence: str


class InvalidProfile(ValueError):
    """What was read is no profile; `problems` says why, each with its field."""

    def __init__(self, problems: Iterable[ProfileProblem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{problem.field}: {problem.sentence}" for problem in self.problems))


def problem(reason: str, field: str, **values: object) -> ProfileProblem:
    """A problem with its sentence; `values` fill the sentence's gaps. KeyError if there is no such reason."""
    return ProfileProblem(reason, field, gettext(REASONS[reason]).format(**values))
