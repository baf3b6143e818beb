"""Answers to commands of many stations at once: one statement ends them, one look finds what follows.

Only of actions whose hooks take many (`command_hooks`); each ends exactly as it would by itself (`finish_command`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.utils import timezone

from chargepoints.events import CommandFinished
from chargepoints.models import Command, CommandState
from chargepoints.services.bulk_wake import wake_bulk
from chargepoints.services.command_hooks import commands_ended
from chargepoints.services.outcomes import answer_written
from tenants.arrays import array_literal
from tenants.context import on_commit, scope_connection, tenant_transaction
from tenants.events import publish_all

# A row that somebody else has locked is left out, so that this never waits with many rows in its hands.
FINISH = """
WITH answered AS (
    SELECT c.id, a.state, a.reply
    FROM chargepoints_command AS c
    JOIN unnest(%s::uuid[], %s::text[], %s::text[]) AS a (id, state, reply) ON a.id = c.id
    WHERE c.state = %s
    FOR NO KEY UPDATE OF c SKIP LOCKED
)
UPDATE chargepoints_command AS c
SET state = answered.state, finished_at = %s, reply = answered.reply::jsonb, error_code = '', error_description = ''
FROM answered WHERE c.id = answered.id
RETURNING c.id
"""
# Of the charge point, what no hook needs.
LARGE = tuple(f"charge_point__{name}" for name in ("boot_info", "tags", "notes", "desired_configuration"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a station said to a command, and the final state that it means."""

    command_id: UUID
    state: CommandState
    reply: dict[str, Any]


def finish_many(*, tenant_id: int, answers: Sequence[Answer]) -> set[UUID]:
    """sent -> a final state, of all that still were that; which. The others had ended, or are locked now."""
    with tenant_transaction(tenant_id):
        finished = _finish(answers)
        rows = Command.objects.select_related("charge_point", "bulk_target").defer(*LARGE)
        commands = list(rows.filter(pk__in=finished).order_by("charge_point_id", "pk"))
        for command in commands:
            answer_written(command)
        commands_ended(commands)
        _wake_bulks(tenant_id, commands)
        now = timezone.now()
        publish_all(
            CommandFinished(
                charge_point=command.charge_point.identity,
                at=now,
                command_id=str(command.pk),
                action=command.action,
                state=command.state,
            )
            for command in commands
        )
    return finished


def _finish(answers: Sequence[Answer]) -> set[UUID]:
    columns = [
        array_literal([answer.command_id for answer in answers]),
        array_literal([str(answer.state) for answer in answers]),
        array_literal([orjson.dumps(answer.reply).decode() for answer in answers]),
    ]
    with scope_connection().cursor() as cursor:
        cursor.execute(FINISH, [*columns, CommandState.SENT, timezone.now()])
        return {command_id for (command_id,) in cursor.fetchall()}


def _wake_bulks(tenant_id: int, commands: Sequence[Command]) -> None:
    targets = [target for command in commands if (target := getattr(command, "bulk_target", None)) is not None]
    for bulk_id in {target.bulk_id for target in targets}:
        on_commit(partial(wake_bulk, tenant_id, bulk_id))
