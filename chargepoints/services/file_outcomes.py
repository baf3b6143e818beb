"""The outcome of commands about files and firmware (Command.outcome): kept by the services that follow the file."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from chargepoints.events import CommandOutcome
from chargepoints.models import Command, CommandState, Outcome
from tenants.events import publish

# What was never accepted has no outcome: its state says it all.
_REFUSED = (CommandState.REJECTED, CommandState.FAILED, CommandState.TIMED_OUT, CommandState.CANCELLED)


def await_outcomes(until: Mapping[Command, datetime]) -> None:
    """Something is to come of each by its time. In the open tenant transaction, as the other one."""
    for command, at in until.items():
        command.outcome, command.outcome_until = Outcome.WAITING, at
    Command.objects.bulk_update(until, ["outcome", "outcome_until"])


def note_outcome(command_id: UUID, outcome: Outcome, detail: str = "") -> None:
    """What came of it, told once; WAITING: it goes on after all."""
    command = Command.objects.select_for_update(of=("self",)).select_related("charge_point").get(pk=command_id)
    if command.state in _REFUSED and outcome != Outcome.FULFILLED:
        outcome = Outcome.NONE
    if command.outcome == outcome:
        return
    ended = None if outcome == Outcome.WAITING else timezone.now()
    command.outcome, command.outcome_at, command.outcome_detail = outcome, ended, detail[:255]
    command.save(update_fields=["outcome", "outcome_at", "outcome_detail"])
    if outcome in (Outcome.FULFILLED, Outcome.UNFULFILLED):
        publish(
            CommandOutcome(
                charge_point=command.charge_point.identity,
                at=timezone.now(),
                command_id=str(command.pk),
                action=command.action,
                outcome=outcome,
                detail=command.outcome_detail,
            )
        )
