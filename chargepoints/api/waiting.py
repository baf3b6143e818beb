"""Waiting for stations to answer. No transaction and no connection is held meanwhile."""

import time
from collections.abc import Collection
from uuid import UUID

from chargepoints.models import Command
from tenants.context import tenant_transaction

LOOK_EVERY_S = 0.1


def wait_for_commands(tenant_id: int, command_ids: Collection[UUID], seconds: float) -> dict[UUID, Command]:
    """The commands as they stand once all have ended, or once the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        with tenant_transaction(tenant_id):
            commands = Command.objects.in_bulk(command_ids)
        if all(command.is_final for command in commands.values()) or time.monotonic() >= deadline:
            return commands
        time.sleep(LOOK_EVERY_S)
