"""UpdateFirmware, GetDiagnostics, GetLog and SignedUpdateFirmware sent by hand (`call`, bulk, the admin's forms).

What stations say of files names a row of ours, or none at all: so each gets the row that its service would give it, in
the transaction that makes the command, and is followed, settled and shown as any other from then on.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from chargepoints.files.addresses import LONGEST_LOCATION
from chargepoints.models import ChargePoint, Command, FirmwareUpdate, StationUpload
from chargepoints.protocol.timestamps import parse_timestamp
from chargepoints.services.firmware_updates import Schedule, begin_updates
from chargepoints.services.uploads import LOG_TYPES, Kind, begin_uploads, expected_until

KINDS = {log_type: kind for kind, log_type in LOG_TYPES.items()}
# A time beyond that is a slip of the pen: nobody waits so long to hear that an update has failed.
FARTHEST = timedelta(days=366)


def adopt_updates(commands: Sequence[Command]) -> None:
    """(Signed)UpdateFirmware: the update of each station; what was under way there is given up."""
    stations = _stations(commands)
    begin_updates([_update(command, stations[command.charge_point_id]) for command in commands])


def adopt_uploads(commands: Sequence[Command]) -> None:
    """GetDiagnostics and GetLog: the file that each station is to send, to an address that is not ours."""
    stations = _stations(commands)
    begin_uploads([_upload(command, stations[command.charge_point_id]) for command in commands])


def _stations(commands: Sequence[Command]) -> Mapping[int, ChargePoint]:
    wanted = {command.charge_point_id for command in commands}
    return ChargePoint.objects.only("tenant_id", "identity", "firmware_version").in_bulk(wanted)


def _update(command: Command, station: ChargePoint) -> FirmwareUpdate:
    signed = command.action == "SignedUpdateFirmware"
    asked = command.payload["firmware"] if signed else command.payload
    now = timezone.now()
    retrieve_at = _time(asked, "retrieveDateTime" if signed else "retrieveDate", now)
    install_at = _time(asked, "installDateTime", now)
    schedule = Schedule(retrieve_at=retrieve_at, install_at=install_at, expires_at=command.expires_at)
    return FirmwareUpdate(
        tenant_id=command.tenant_id,
        charge_point=station,
        signed=signed,
        request_id=_request_id(command),
        location=asked["location"][:LONGEST_LOCATION],
        command=command,
        deadline_at=schedule.deadline(),
    )


def _upload(command: Command, station: ChargePoint) -> StationUpload:
    is_log = command.action == "GetLog"
    location = command.payload["log"]["remoteLocation"] if is_log else command.payload["location"]
    return StationUpload(
        tenant_id=command.tenant_id,
        charge_point=station,
        kind=KINDS[command.payload["logType"]] if is_log else Kind.DIAGNOSTICS,
        request_id=_request_id(command),
        location=location[:LONGEST_LOCATION],
        expires_at=expected_until(command.expires_at),
        command=command,
        requested_by=command.requested_by,
    )


def _request_id(command: Command) -> int | None:
    """The schema takes 5.0 for a whole number too."""
    number = command.payload.get("requestId")
    return None if number is None else int(number)


def _time(asked: Mapping[str, Any], name: str, now: datetime) -> datetime:
    """When the station is to do it, as far as it matters here; what is past or can't be read: now."""
    try:
        at = parse_timestamp(asked[name])
    except (KeyError, ValueError):
        return now
    return min(max(at, now), now + FARTHEST)
