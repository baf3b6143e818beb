"""Commands to charge points (DESIGN §4): a row per attempt, told to the process that holds the socket after the commit.

States only change by compare-and-set, so a command is sent at most once and ends exactly once.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db.models import DurationField, ExpressionWrapper, F, Q, Value
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.events import CommandFinished
from chargepoints.gateway.local import deliver_locally
from chargepoints.models import ChargePoint, Command, CommandState, StationConnection
from chargepoints.models.command import OPEN_STATES
from chargepoints.protocol.actions import actions_to_station
from chargepoints.protocol.errors import Code, violation
from chargepoints.protocol.validation import validate_call
from chargepoints.services.bulk_wake import wake_bulk
from chargepoints.services.command_ends import end_commands
from chargepoints.services.command_hooks import command_ended, made_by_hand
from chargepoints.services.hand_checks import check_by_hand, check_for_stations
from chargepoints.services.outcomes import answer_written
from chargepoints.services.priorities import priority_of
from chargepoints.services.secret_payloads import reveal
from chargepoints.services.shown_payloads import shown_payload
from tenants.context import on_commit, system_transaction, tenant_transaction
from tenants.databases.each import in_each_database
from tenants.databases.fence import TenantMoving
from tenants.events import publish
from tenants.services.audit import record
from tenants.stored_words import stored

NO_ANSWER = stored("No answer came.")
NOT_FETCHED = stored("The station did not come for it in time.")
CANCELLED_BY = stored("Cancelled by %(actor)s.")

log = structlog.get_logger(__name__)

# How long a command without `expires_at` waits for a station that is just reconnecting.
PATIENCE = timedelta(seconds=60)
# Past its own time-out by this much, nobody is watching a sent command any more.
GRACE = timedelta(seconds=10)
# A frame of 64 KiB without its head; many stations take no larger ones.
LARGEST_PAYLOAD = 65_000
GOOD_STATUSES = {None, "Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked"}


class StationOffline(Exception):
    """The station isn't connected, and the command doesn't wait (`expires_at`)."""


def send_command(
    *,
    charge_point: ChargePoint,
    action: str,
    payload: dict[str, Any],
    requested_by: str,
    origin: str,
    timeout_s: int | None = None,
    expires_at: datetime | None = None,
    vetted: bool = False,
) -> Command:
    """Queue a call to the station. Raises OcppError for a payload that breaks the schema, StationOffline.

    `vetted`: from the service that the action or a reserved key belongs to (`hand_checks`).
    """
    if not vetted:
        check_by_hand(action, payload)
    check_command(charge_point.ocpp_version, action, payload)
    with tenant_transaction(charge_point.tenant_id):
        if not vetted:
            check_for_stations(action, payload, ChargePoint.objects.filter(pk=charge_point.pk))
        connection = (
            StationConnection.objects.live().select_related("gateway").filter(charge_point=charge_point).first()
        )
        if connection is None and expires_at is None:
            raise StationOffline(charge_point.identity)
        command = Command.objects.create(
            tenant_id=charge_point.tenant_id,
            charge_point=charge_point,
            action=action,
            payload=payload,
            priority=priority_of(action),
            timeout_s=timeout_s or settings.COMMAND_TIMEOUT_SECONDS,
            requested_by=requested_by,
            origin=origin,
            expires_at=expires_at,
        )
        if not vetted:
            made_by_hand([command])
        if origin != "system":
            record(
                actor=requested_by,
                origin=origin,
                action=action,
                target=charge_point,
                changes={"command": str(command.pk), "payload": shown_payload(payload)},
            )
        if connection is not None:
            channel = connection.gateway.channel
            on_commit(lambda: _tell_gateway(channel, charge_point.pk))
    return command


def check_command(version: str, action: str, payload: dict[str, Any]) -> None:
    """OcppError for an action that is not sent to stations of `version` ("" is a station that has never come: 1.6).

    The error names `action`, or the path in the payload that breaks the schema.
    """
    version = version or "1.6"
    if action not in actions_to_station(version):
        raise violation(
            Code.NOT_SUPPORTED,
            "action",
            gettext("Not an action that OCPP %(version)s charge points are sent.") % {"version": version},
        )
    validate_call(version, action, payload, lenient=False)
    try:
        size = len(orjson.dumps(payload))
    except orjson.JSONEncodeError as error:
        # The schemas bound no number; what the gateway can't write must not get there.
        raise violation(Code.PROPERTY, "", f"Can't be sent: {error}") from None
    if size > LARGEST_PAYLOAD:
        raise violation(
            Code.PROPERTY,
            "",
            gettext("Can't be sent: %(size)s bytes, and a frame holds %(largest_payload)s.")
            % {"size": f"{size:,}", "largest_payload": f"{LARGEST_PAYLOAD:,}"},
        )


def _tell_gateway(channel: str, charge_point_id: int) -> None:
    """Best effort: a gateway that doesn't hear it finds the command at its next beat."""
    if deliver_locally(charge_point_id):
        return
    layer = get_channel_layer()
    try:
        async_to_sync(layer.send)(channel, {"type": "command", "charge_point_id": charge_point_id})
    except Exception as error:
        log.warning("gateway not told", channel=channel, error=str(error))


def tell_gateways(waiting: Iterable[tuple[str, int]]) -> None:
    """For many stations at once, (channel, charge point id) each: one message to each gateway. Best effort as well."""
    by_channel: dict[str, list[int]] = {}
    for channel, charge_point_id in waiting:
        if not deliver_locally(charge_point_id):
            by_channel.setdefault(channel, []).append(charge_point_id)
    layer = get_channel_layer()
    if not by_channel or layer is None:
        return

    async def tell() -> None:
        for channel, ids in by_channel.items():
            await layer.send(channel, {"type": "commands", "charge_point_ids": ids})

    try:
        async_to_sync(tell)()
    except Exception as error:
        log.warning("gateways not told", error=str(error)[:200])


def queued_by_station(tenant_id: int, charge_point_ids: Collection[int]) -> dict[int, list[Command]]:
    """What waits for stations of a tenant, for each in the order in which it is to be sent. One query."""
    waiting: dict[int, list[Command]] = {pk: [] for pk in charge_point_ids}
    with tenant_transaction(tenant_id):
        queued = Command.objects.filter(charge_point__in=list(waiting), state=CommandState.QUEUED)
        rows = queued.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now())).order_by("priority", "created_at")
        for row in rows:
            if reveal(row):
                waiting[row.charge_point_id].append(row)
    return waiting


def stations_with_queue(gateway_id: UUID) -> list[int]:
    """Charge points of a gateway that commands wait for (ids)."""

    def waiting() -> list[int]:
        with system_transaction():
            return list(
                Command.objects.filter(state=CommandState.QUEUED, charge_point__connection__gateway_id=gateway_id)
                .values_list("charge_point_id", flat=True)
                .distinct()
            )

    return [pk for found in in_each_database(waiting, what="waiting commands") for pk in found]


def claim_for_sending(*, tenant_id: int, command_id: UUID, gateway_id: UUID, connection_id: UUID) -> bool:
    """queued -> sent, just before the frame leaves. False: cancelled, expired, or taken elsewhere."""
    with tenant_transaction(tenant_id):
        claimed = Command.objects.filter(id=command_id, state=CommandState.QUEUED).update(
            state=CommandState.SENT, sent_at=timezone.now(), gateway_id=gateway_id, connection_id=connection_id
        )
    return bool(claimed)


def finish_command(
    *,
    tenant_id: int,
    command_id: UUID,
    state: CommandState,
    reply: dict[str, Any] | None = None,
    error_code: str = "",
    error_description: str = "",
) -> bool:
    """sent -> a final state, once. False where it had ended; a late answer is kept beside it."""
    with tenant_transaction(tenant_id):
        finished = Command.objects.filter(id=command_id, state=CommandState.SENT).update(
            state=state,
            finished_at=timezone.now(),
            reply=reply,
            error_code=error_code[:50],
            error_description=error_description[:255],
        )
        if not finished:
            if reply is not None:
                _keep_late_reply(command_id, reply)
            return False
        command = Command.objects.select_related("charge_point", "bulk_target").get(id=command_id)
        answer_written(command)
        command_ended(command)
        target = getattr(command, "bulk_target", None)
        if target is not None:
            on_commit(lambda: wake_bulk(tenant_id, target.bulk_id))
        publish(
            CommandFinished(
                charge_point=command.charge_point.identity,
                at=timezone.now(),
                command_id=str(command_id),
                action=command.action,
                state=state,
            )
        )
    return True


def _keep_late_reply(command_id: UUID, reply: dict[str, Any]) -> None:
    late = Command.objects.filter(id=command_id, late_reply__isnull=True).exclude(state__in=OPEN_STATES)
    if late.update(late_reply=reply):
        command_ended(Command.objects.select_related("charge_point").get(id=command_id))


def cancel_command(command: Command, actor: str, origin: str = "api") -> bool:
    """queued -> cancelled. False where it has been sent or has ended: then it can't be taken back."""
    with tenant_transaction(command.tenant_id):
        queued = Command.objects.filter(id=command.pk, state=CommandState.QUEUED)
        cancelled = end_commands(
            queued, CommandState.CANCELLED, at=timezone.now(), description=CANCELLED_BY % {"actor": actor}
        )
        if cancelled:
            record(actor=actor, origin=origin, action="cancel", target=command)
            command_ended(Command.objects.select_related("charge_point").get(id=command.pk))
    return bool(cancelled)


def state_of_reply(reply: dict[str, Any]) -> CommandState:
    """Accepted or rejected, by the status that the station gave."""
    status = reply.get("status")
    good = status is None or (isinstance(status, str) and status in GOOD_STATUSES)
    return CommandState.ACCEPTED if good else CommandState.REJECTED


def sweep_commands() -> int:
    """End what a crash left: sent commands past their time-out, queued ones that nobody came for."""
    now = timezone.now()
    sent_for = ExpressionWrapper(F("timeout_s") * Value(timedelta(seconds=1)), output_field=DurationField())
    overdue = Q(state=CommandState.SENT, sent_at__lt=now - GRACE - sent_for)
    too_late = Q(expires_at__lt=now) | Q(expires_at=None, created_at__lt=now - PATIENCE)
    unclaimed = Q(state=CommandState.QUEUED) & too_late
    with system_transaction():
        tenants = list(Command.objects.filter(overdue | unclaimed).order_by().values_list("tenant_id").distinct())
    ended = 0
    for (tenant_id,) in tenants:
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            for which, why in ((overdue, NO_ANSWER), (unclaimed, NOT_FETCHED)):
                lost = Command.objects.filter(which)
                ended += len(end_commands(lost, CommandState.TIMED_OUT, at=now, description=why))
    return ended
