"""The local list to many charge points: to each the one that it takes, by the service of local lists.

Where a list is longer than one message, the rest follows by itself (`local_list`).
"""

from collections.abc import Sequence
from datetime import datetime

from chargepoints.models import BulkCommand, BulkTarget, ChargePoint, Command
from chargepoints.protocol.errors import OcppError
from chargepoints.services.bulk import OFFLINE
from chargepoints.services.commands import StationOffline
from chargepoints.services.local_list import ListRefused, send_list
from chargepoints.services.local_list_entries import Entries, wanted_entries
from tenants.context import tenant_transaction

TargetState = BulkTarget.State


def send_lists(bulk: BulkCommand, targets: Sequence[BulkTarget], now: datetime) -> None:
    """Each of `targets` is sent its list, or skipped with the reason. In the round's transaction."""
    # Read once: the same for all of them.
    tags = wanted_entries(now)
    stations = ChargePoint.objects.in_bulk([target.charge_point_id for target in targets])
    # In one order whoever does it: each locks its list's row.
    for target in sorted(targets, key=lambda one: one.charge_point_id):
        sent = _send(bulk, stations[target.charge_point_id], tags)
        if isinstance(sent, Command):
            target.command, target.state = sent, TargetState.SENT
        else:
            target.state, target.detail, target.skipped_at = TargetState.SKIPPED, sent[:255], now
    BulkTarget.objects.bulk_update(targets, ["command", "state", "detail", "skipped_at"])


def _send(bulk: BulkCommand, station: ChargePoint, tags: Entries) -> Command | str:
    """The command, or why there is none."""
    try:
        with tenant_transaction(bulk.tenant_id):
            return send_list(
                station=station,
                update_type=bulk.payload["updateType"],
                tokens=None,
                requested_by=bulk.requested_by,
                origin=bulk.origin,
                tags=tags,
            )
    except ListRefused as refused:
        return str(refused)
    except OcppError as error:
        return error.description
    except StationOffline:
        return OFFLINE
