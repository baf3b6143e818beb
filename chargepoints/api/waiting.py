"""Waiting for stations to answer. No transaction and no connection is held meanwhile."""

import time
from collections.abc import Collection
from uuid import UUID

from chargepoints.models import Command
from tenants.context import tenant_transaction

# A station that is connected answers within milliseconds; one that takes its time is not asked about all the while.
FIRST_LOOK_S, LONGEST_PAUSE_S, GROWTH = 0.02, 0.25, 1.5


def wait_for_commands(tenant_id: int, command_ids: Collection[UUID], seconds: float) -> dict[UUID, Command]:
    """The commands as they stand once all have ended, or once the time is over."""
    deadline, pause_s = time.monotonic() + seconds, FIRST_LOOK_S
    while True:
        with tenant_transaction(tenant_id):
            commands = Command.objects.in_bulk(command_ids)
        if all(command.is_final for command in commands.values()) or time.monotonic() >= deadline:
            return commands
        time.sleep(min(pause_s, max(deadline - time.monotonic(), 0)))
        pause_s = min(pause_s * GROWTH, LONGEST_PAUSE_S)
