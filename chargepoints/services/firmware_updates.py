"""The update of one station (OCPP 1.6 §4.5, §6.19; Security Whitepaper L01): told, followed, ended.

1.6 core names no request in its notifications: they are of the update that is under way.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from chargepoints.events import FirmwareUpdateEnded
from chargepoints.files.addresses import HIDDEN, LONGEST_LOCATION, clean_name, digest_of, new_token, own_address
from chargepoints.models import ChargePoint, Command, CommandState, FirmwareFile, FirmwareUpdate, Outcome
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.services.commands import send_command
from chargepoints.services.file_outcomes import await_outcomes, note_outcome
from chargepoints.services.uploads import next_request_id
from tenants.context import system_transaction, tenant_transaction
from tenants.databases.each import in_each_database
from tenants.databases.fence import TenantMoving
from tenants.events import publish
from tenants.models import Tenant
from tenants.stored_words import stored

REPLACED = stored("Replaced by a later update.")
NOT_IN_TIME = stored("Not finished in time.")
ANSWERED = stored("The station answered %(status)s.")

log = structlog.get_logger(__name__)

State = FirmwareUpdate.State
UNDER_WAY = (State.SENT, State.RUNNING)
ENDED = (State.INSTALLED, State.FAILED, State.CANCELLED)
# FirmwareStatus (OCPP 1.6 §7.25) and FirmwareStatusEnumType (whitepaper §5.7). Idle says nothing of an update.
FAILURES = {"DownloadFailed", "InstallationFailed", "InstallVerificationFailed", "InvalidSignature"}
PROGRESS = {
    *("Downloading", "Downloaded", "DownloadScheduled", "DownloadPaused", "Installing", "InstallScheduled"),
    *("InstallRebooting", "SignatureVerified"),
}
# After these a boot with another version is the update's, whatever the version is called.
ABOUT_TO_BOOT = {"Downloaded", "SignatureVerified", "Installing", "InstallRebooting"}
REFUSED = (CommandState.REJECTED, CommandState.FAILED, CommandState.TIMED_OUT, CommandState.CANCELLED)
# A station that repeats itself must not make the row grow without end.
LONGEST_HISTORY = 100
SETTLED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the station fetches and (signed updates only) installs; how often it tries; until when we wait for it.

    `expires_at`: an offline station is waited for until then. `deadline_at`: not finished by then, it has failed.
    """

    retrieve_at: datetime
    install_at: datetime | None = None
    retries: int | None = None
    retry_interval_s: int | None = None
    expires_at: datetime | None = None
    deadline_at: datetime | None = None

    def deadline(self) -> datetime:
        begins = max(at for at in (self.retrieve_at, self.install_at, self.expires_at) if at is not None)
        return self.deadline_at or begins + timedelta(hours=settings.FIRMWARE_UPDATE_HOURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is to be installed: a firmware that is known here, or an address. The signature makes it a signed update."""

    firmware: FirmwareFile | None = None
    location: str = ""
    signature: str = ""
    signing_certificate: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Download:
    """A stored file for a station: `name` below MEDIA_ROOT, `filename` for people."""

    name: str
    filename: str
    sha256: str


def update_station(
    *, charge_point: ChargePoint, source: Source, schedule: Schedule, requested_by: str, origin: str
) -> FirmwareUpdate:
    """UpdateFirmware, or SignedUpdateFirmware. Raises StationOffline, OcppError, NoPublicUrl.

    One that was under way is given up: a station does one update at a time.
    """
    with tenant_transaction(charge_point.tenant_id):
        update = FirmwareUpdate(
            tenant_id=charge_point.tenant_id,
            charge_point=charge_point,
            firmware=source.firmware,
            signed=source.signed,
        )
        send_update(update=update, source=source, schedule=schedule, requested_by=requested_by, origin=origin)
    return update


def send_update(*, update: FirmwareUpdate, source: Source, schedule: Schedule, requested_by: str, origin: str) -> None:
    """Tell the station, in the open tenant transaction; the update is new, or waits. Raises as update_station."""
    location, update.location, update.token_digest = _address(source)
    update.deadline_at = schedule.deadline()
    if source.signed:
        update.request_id = next_request_id()
    update.command = send_command(
        charge_point=update.charge_point,
        action="SignedUpdateFirmware" if source.signed else "UpdateFirmware",
        payload=_payload(update.request_id, location, source, schedule),
        requested_by=requested_by,
        origin=origin,
        expires_at=schedule.expires_at,
        vetted=True,
    )
    begin_updates([update])


def begin_updates(updates: Sequence[FirmwareUpdate]) -> None:
    """Each, of another station and with its command and deadline, is under way from now on; new ones are stored.

    In the transaction that makes the commands. What was under way there is given up: a station does one at a time.
    """
    now = timezone.now()
    mine = [update.pk for update in updates if update.pk is not None]
    earlier = _locked().filter(charge_point__in={update.charge_point_id for update in updates}, state__in=UNDER_WAY)
    for one in earlier.exclude(pk__in=mine).order_by("pk"):
        _end(one, State.CANCELLED, detail=REPLACED)
    for update in updates:
        update.version_before = update.charge_point.firmware_version
        update.state, update.sent_at = State.SENT, now
        if update.pk is not None:
            update.save()
    FirmwareUpdate.objects.bulk_create([update for update in updates if update.pk is None])
    await_outcomes({update.command: update.deadline_at for update in updates if update.command and update.deadline_at})


def _address(source: Source) -> tuple[str, str, str]:
    """(for the station, for people, digest of the token)."""
    firmware = source.firmware
    if firmware is None or not firmware.file:
        location = source.location or (firmware.url if firmware else "")
        return location, location[:LONGEST_LOCATION], ""
    token, digest = new_token()
    name = download_name(firmware)
    return own_address(token, name), own_address(HIDDEN, name), digest


def download_name(firmware: FirmwareFile) -> str:
    """What stations and people see the file as."""
    return clean_name(f"{firmware.name}-{firmware.version}.bin".replace(" ", "_"), "firmware.bin")


def _payload(request_id: int | None, location: str, source: Source, schedule: Schedule) -> dict[str, Any]:
    given = {"retries": schedule.retries, "retryInterval": schedule.retry_interval_s}
    tries = {name: value for name, value in given.items() if value is not None}
    retrieve = format_timestamp(schedule.retrieve_at)
    if not source.signed:
        return {"location": location, "retrieveDate": retrieve, **tries}
    known = source.firmware
    firmware = {
        "location": location,
        "retrieveDateTime": retrieve,
        "signingCertificate": source.signing_certificate or (known.signing_certificate if known else ""),
        "signature": source.signature or (known.signature if known else ""),
    }
    if schedule.install_at is not None:
        firmware["installDateTime"] = format_timestamp(schedule.install_at)
    return {"requestId": request_id, "firmware": firmware, **tries}


def find_download(token: str) -> Download | None:
    """The file that a token stands for, while its update may still be under way."""

    def look() -> FirmwareUpdate | None:
        with system_transaction():
            return (
                FirmwareUpdate.objects.filter(
                    token_digest=digest_of(token),
                    # A station that has told of a failed download may try again.
                    state__in=(*UNDER_WAY, State.FAILED),
                    deadline_at__gt=timezone.now(),
                    tenant__status=Tenant.Status.ACTIVE,
                )
                .select_related("firmware")
                .first()
            )

    # A token says nothing of whose it is.
    update = next((found for found in in_each_database(look, what="firmware") if found), None)
    if update is None or update.firmware is None or not update.firmware.file:
        return None
    return Download(update.firmware.file.name, download_name(update.firmware), update.firmware.sha256)


# --- what the station says ---


def next_state(state: str, status: str, *, in_time: bool) -> State:
    """What a notification makes of an update. Installed is true whenever it comes; a failure may be tried again."""
    known = State(state)
    if status == "Installed":
        return State.INSTALLED
    if known in (State.INSTALLED, State.CANCELLED):
        return known
    if status in FAILURES:
        return State.FAILED
    if status in PROGRESS and (in_time or known != State.FAILED):
        return State.RUNNING
    return known


def record_firmware_status(
    *, tenant_id: int, charge_point_id: int, status: str, request_id: int | None, signed: bool, at: datetime
) -> None:
    """FirmwareStatusNotification and the signed one. One that belongs to no update is logged, nothing more."""
    with tenant_transaction(tenant_id):
        update = _meant(charge_point_id, request_id, signed=signed)
        if update is None or status == "Idle":
            log.info("firmware status noted", charge_point_id=charge_point_id, status=status, request_id=request_id)
            return
        in_time = update.deadline_at is None or at < update.deadline_at
        _note(update, status, at)
        _move(update, next_state(update.state, status, in_time=in_time))


def _meant(charge_point_id: int, request_id: int | None, *, signed: bool) -> FirmwareUpdate | None:
    rows = _of_station(charge_point_id).exclude(state=State.WAITING).order_by("-sent_at")
    if request_id is not None:
        return rows.filter(request_id=request_id).first()
    under_way = rows.filter(state__in=UNDER_WAY)
    return under_way.filter(signed=signed).first() or under_way.first() or rows.first()


def record_answer(*, tenant_id: int, charge_point_id: int, request_id: int, status: str) -> None:
    """SignedUpdateFirmware.conf. AcceptedCanceled: the one before was given up, as it is here already."""
    if status in ("Accepted", "AcceptedCanceled"):
        return
    with tenant_transaction(tenant_id):
        update = _of_station(charge_point_id).filter(request_id=request_id, state=State.SENT).first()
        if update is not None:
            _note(update, status, timezone.now())
            _end(update, State.FAILED, detail=ANSWERED % {"status": status})


def confirm_by_boot(*, tenant_id: int, charge_point_id: int, version: str, at: datetime) -> None:
    """A station that comes back with the new version has installed it, said or not."""
    if not version:
        return
    with tenant_transaction(tenant_id):
        for update in _of_station(charge_point_id).filter(state__in=UNDER_WAY):
            if _is_new(update, version):
                _note(update, f"Booted with {version}"[:40], at)
                _end(update, State.INSTALLED)


def _is_new(update: FirmwareUpdate, version: str) -> bool:
    if version == update.version_before:
        return False
    if update.firmware is not None:
        wanted: str = update.firmware.version
        return version.strip().lower() == wanted.strip().lower()
    return update.status in ABOUT_TO_BOOT


def _of_station(charge_point_id: int) -> QuerySet[FirmwareUpdate]:
    return _locked().filter(charge_point_id=charge_point_id)


def _locked() -> QuerySet[FirmwareUpdate]:
    """A notification and the sweep may meet."""
    return FirmwareUpdate.objects.select_for_update(of=("self",)).select_related("charge_point", "firmware")


def _note(update: FirmwareUpdate, status: str, at: datetime) -> None:
    update.status = status[:40]
    entry = {"status": update.status, "at": format_timestamp(at)}
    update.history = [*update.history[1 - LONGEST_HISTORY :], entry]


def _move(update: FirmwareUpdate, state: State) -> None:
    if state != update.state and state in ENDED:
        _end(update, state, detail=update.status if state == State.FAILED else "")
        return
    if state == State.RUNNING:
        update.finished_at, update.detail = None, ""
        _tell_command(update, Outcome.WAITING)
    update.state = state
    update.save()


def _end(update: FirmwareUpdate, state: State, *, detail: str = "") -> None:
    """Its end, told once; the command's outcome with it."""
    update.state, update.detail, update.finished_at = state, detail[:255], timezone.now()
    update.save()
    _tell_command(update, Outcome.FULFILLED if state == State.INSTALLED else Outcome.UNFULFILLED)
    publish(
        FirmwareUpdateEnded(
            charge_point=update.charge_point.identity,
            at=update.finished_at,
            update_id=update.pk,
            rollout_id=update.rollout_id,
            state=state,
            status=update.status,
            version=update.firmware.version if update.firmware else "",
            detail=update.detail,
        )
    )


def _tell_command(update: FirmwareUpdate, outcome: Outcome) -> None:
    if update.command_id is not None:
        note_outcome(update.command_id, outcome, update.detail or update.status)


def withdraw(update: FirmwareUpdate, detail: str) -> None:
    """Cancelled before the station was told. In the open tenant transaction."""
    _end(update, State.CANCELLED, detail=detail)


def fail(update: FirmwareUpdate, detail: str) -> None:
    """Failed on our side. In the open tenant transaction."""
    _end(update, State.FAILED, detail=detail)


# --- by beat ---


def settle_updates(now: datetime) -> int:
    """End updates whose command was refused or lost, and those past their deadline."""
    refused = Q(state=State.SENT, command__state__in=REFUSED) & ~Q(command__reply__status="AcceptedCanceled")
    with system_transaction():
        overdue = FirmwareUpdate.objects.filter(state__in=UNDER_WAY).filter(Q(deadline_at__lt=now) | refused)
        found = list(overdue.values_list("tenant_id", "pk")[:SETTLED_AT_ONCE])
    for tenant_id, pk in found:
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            _settle(pk, now)
    return len(found)


def _settle(pk: int, now: datetime) -> None:
    rows = FirmwareUpdate.objects.select_for_update(of=("self",)).select_related("charge_point", "firmware", "command")
    update = rows.filter(pk=pk, state__in=UNDER_WAY).first()
    if update is None:
        return
    command = update.command
    if update.state == State.SENT and command is not None and command.state in REFUSED:
        cancelled = command.state == CommandState.CANCELLED
        _end(update, State.CANCELLED if cancelled else State.FAILED, detail=_why(command))
    elif update.deadline_at is not None and update.deadline_at < now:
        _end(update, State.FAILED, detail=NOT_IN_TIME)


def _why(command: Command) -> str:
    status = (command.reply or {}).get("status")
    if status:
        return ANSWERED % {"status": status}
    return command.error_description or command.error_code or str(command.get_state_display())
