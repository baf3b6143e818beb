"""Why a charging profile is refused: every reason with its sentence, in one table. Pure; knows no model.

A problem names the field by the path that the sender knows (`csChargingProfiles.chargingSchedule.duration`), so that an
API can put it beside its field.
"""

from collections.abc import Iterable
from dataclasses import dataclass

REASONS = {
    # What the message itself must be (OCPP 1.6 §7.8, §7.13, §7.14).
    "not_an_object": "This must be an object.",
    "not_a_list": "This must be a list.",
    "not_an_integer": "This must be a whole number.",
    "not_a_number": "This must be a number.",
    "not_a_time": "This must be a date and time (RFC 3339).",
    "not_a_choice": "This must be one of {choices}.",
    "missing": "This is required.",
    "unknown_field": "There is no such field here.",
    "out_of_range": "This must be between {least} and {most}.",
    # The periods of the schedule.
    "no_periods": "A schedule needs at least one period.",
    "too_many_periods": "The charge point takes at most {most} periods.",
    "first_period_not_zero": "The first period must start at 0.",
    "periods_not_rising": "Each period must start after the one before it.",
    "period_after_duration": "This period starts when the schedule is over ({duration} s).",
    "negative_limit": "A limit can't be negative.",
    "limit_not_tenths": "A limit has at most one decimal.",
    "negative_min_rate": "The minimum rate can't be negative.",
    "min_rate_not_tenths": "The minimum rate has at most one decimal.",
    "phases_out_of_range": "The number of phases must be 1, 2 or 3.",
    "phase_switch_not_supported": "The charge point can't change the number of phases during a session.",
    "duration_not_positive": "The duration must be more than 0.",
    # When the schedule holds.
    "absolute_without_start": "An absolute schedule needs startSchedule.",
    "recurring_without_start": "A recurring schedule needs startSchedule.",
    "relative_with_start": "A relative schedule starts with the session and has no startSchedule.",
    "recurring_without_recurrency": "A recurring profile needs recurrencyKind.",
    "recurrency_not_recurring": "Only a recurring profile has recurrencyKind.",
    "recurring_too_long": "A {recurrency} schedule lasts at most {most} s.",
    "validity_reversed": "validTo must be later than validFrom.",
    "validity_over": "validTo has passed.",
    # Purpose, place and session.
    "station_max_on_connector": "A ChargePointMaxProfile is for the whole charge point: connector 0.",
    "station_max_relative": "A ChargePointMaxProfile belongs to no session: its schedule can't be relative to one.",
    "tx_on_station": "A TxProfile is for one connector, not for the whole charge point.",
    "tx_without_transaction": "A TxProfile needs a running session on its connector.",
    "tx_other_transaction": "Another session is running on this connector.",
    "transaction_not_tx": "Only a TxProfile names a session.",
    "start_needs_tx": "A profile that comes with a remote start is a TxProfile.",
    "start_with_transaction": "The session of a remote start has no transactionId yet.",
    # What the charge point can do, as it reports in its configuration.
    "stack_level_negative": "The stack level can't be negative.",
    "stack_level_too_high": "The charge point's highest stack level is {most}.",
    "unit_not_supported": "The charge point takes limits in {units} only.",
    "too_many_installed": "The charge point holds at most {most} profiles.",
    # Ours.
    "held_by_load_management": "Load management holds this stack level here.",
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
    return ProfileProblem(reason, field, REASONS[reason].format(**values))
