"""Commands that end without an answer, many at once: lost connections, sweeps, cancellations. Each end has its event.

The hooks of `command_hooks` are not called here: who registers there also looks at the rows by beat.
"""

from datetime import datetime
from operator import attrgetter
from uuid import UUID

from django.db.models import QuerySet

from chargepoints.events import CommandFinished
from chargepoints.models import Command, CommandState
from tenants.events import publish_all


def end_commands(
    open_commands: QuerySet[Command], state: CommandState, *, at: datetime, description: str, error_code: str = ""
) -> list[UUID]:
    """Give them their final state; which. In the open transaction of their tenant; told in the order of their making.

    The rows are locked by the very condition that they are chosen by: one that has just ended otherwise is left alone.
    """
    chosen = open_commands.select_for_update(of=("self",), no_key=True).select_related("charge_point").order_by("pk")
    rows = list(chosen.only("action", "created_at", "charge_point__identity"))
    if not rows:
        return []
    Command.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=state, finished_at=at, error_code=error_code, error_description=description[:255]
    )
    publish_all(
        CommandFinished(
            charge_point=row.charge_point.identity, at=at, command_id=str(row.pk), action=row.action, state=state
        )
        for row in sorted(rows, key=attrgetter("created_at"))
    )
    return [row.pk for row in rows]
