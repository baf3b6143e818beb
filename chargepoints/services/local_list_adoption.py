"""SendLocalList sent by hand (`call`, bulk, the admin's forms), past `local_list`: what the station then holds.

Kept in the transaction that writes the answer down. A list that is kept in step is brought back to the tags afterwards.
"""

from chargepoints.models import Command, LocalAuthList
from chargepoints.services.answers import answer_of
from chargepoints.services.local_list import State, list_of, lock_list
from chargepoints.services.local_list_entries import after_update


def adopt_list(command: Command) -> None:
    """The station has taken a list that is not from us: entries and version are that one's.

    A differential to a list that nobody knows leaves it unknown.
    """
    if answer_of(command) != "Accepted":
        return
    row = lock_list(list_of(command.charge_point).pk)
    if row.command_id == command.pk:
        return
    asked = command.payload
    known = row.version > 0 and row.state != State.UNKNOWN
    row.reported_version = asked["listVersion"]
    if asked["updateType"] == "Full" or known:
        row.entries, row.version = after_update(row.entries, asked), asked["listVersion"]
        _pass_on(row)
    else:
        row.state = State.UNKNOWN
    row.save()


def _pass_on(row: LocalAuthList) -> None:
    """One of ours that waits its turn changes what is there by then; otherwise the list is known now."""
    if row.state == State.SENDING and row.command is not None:
        row.sent_entries = after_update(row.entries, row.command.payload)
    else:
        row.state, row.detail = State.IN_STEP, ""
