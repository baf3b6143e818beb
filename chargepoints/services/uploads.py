"""Diagnostics and logs that stations are asked for (OCPP 1.6 §6.23, §6.25; Security Whitepaper N01).

A file and what the station says of it come by different ways, in any order: the row takes both, whenever they come.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from chargepoints.events import UploadEnded
from chargepoints.files.addresses import (
    HIDDEN,
    LONGEST_LOCATION,
    check_location,
    clean_name,
    digest_of,
    new_token,
    own_address,
)
from chargepoints.files.storage import UPLOADS, StoredFile, discard, store
from chargepoints.models import ChargePoint, Command, CommandState, Outcome, StationUpload
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.services.commands import send_command
from chargepoints.services.file_outcomes import await_outcomes, note_outcome
from tenants.context import system_transaction, tenant_transaction
from tenants.databases.each import in_each_database
from tenants.events import publish
from tenants.models import Tenant

log = structlog.get_logger(__name__)

Kind, State = StationUpload.Kind, StationUpload.State
OPEN = (State.REQUESTED, State.UPLOADING)
LOG_TYPES: dict[str, str] = {Kind.DIAGNOSTICS_LOG: "DiagnosticsLog", Kind.SECURITY_LOG: "SecurityLog"}
# DiagnosticsStatus (OCPP 1.6 §7.24) and UploadLogStatusEnumType (whitepaper §5.19).
FAILURES = {"UploadFailed", "UploadFailure", "BadMessage", "NotSupportedOperation", "PermissionDenied"}


class EmptyFile(Exception):
    """A station sent no byte: its address stays good for another try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a station is asked for. Without a `location` it gets an address of ours; times bound what is in the file."""

    location: str = ""
    start: datetime | None = None
    end: datetime | None = None
    retries: int | None = None
    retry_interval_s: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExpectedUpload:
    """The row that a token stands for."""

    tenant_id: int
    upload_id: int
    digest: str


def request_diagnostics(
    *, charge_point: ChargePoint, wanted: Wanted, requested_by: str, origin: str
) -> tuple[StationUpload, Command]:
    """GetDiagnostics. Raises StationOffline, OcppError, InvalidLocation, NoPublicUrl."""
    with tenant_transaction(charge_point.tenant_id):
        upload, location = _expect(charge_point, Kind.DIAGNOSTICS, wanted, requested_by)
        times = {"startTime": wanted.start, "stopTime": wanted.end}
        payload: dict[str, Any] = {"location": location, **_retries(wanted), **_times(times)}
        return _ask(upload, "GetDiagnostics", payload, wanted, origin)


def request_log(
    *, charge_point: ChargePoint, kind: str, wanted: Wanted, requested_by: str, origin: str
) -> tuple[StationUpload, Command]:
    """GetLog of the security extension. `kind`: diagnostics_log or security_log. Raises as request_diagnostics."""
    with tenant_transaction(charge_point.tenant_id):
        upload, location = _expect(charge_point, kind, wanted, requested_by, request_id=next_request_id())
        times = _times({"oldestTimestamp": wanted.start, "latestTimestamp": wanted.end})
        payload = {
            "logType": LOG_TYPES[kind],
            "requestId": upload.request_id,
            "log": {"remoteLocation": location, **times},
            **_retries(wanted),
        }
        return _ask(upload, "GetLog", payload, wanted, origin)


def next_request_id() -> int:
    """A requestId of the security extension. Inside a tenant transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('chargepoints_request_id')")
        return int(cursor.fetchone()[0])


def _expect(
    charge_point: ChargePoint, kind: str, wanted: Wanted, requested_by: str, request_id: int | None = None
) -> tuple[StationUpload, str]:
    """(the row, the address for the station). Of our own address only the token's digest is kept."""
    if wanted.location:
        location = shown = check_location(wanted.location)
        digest = ""
    else:
        token, digest = new_token()
        location, shown = own_address(token), own_address(HIDDEN)
    upload = StationUpload(
        tenant_id=charge_point.tenant_id,
        charge_point=charge_point,
        kind=kind,
        request_id=request_id,
        location=shown,
        token_digest=digest,
        expires_at=expected_until(wanted.expires_at),
        requested_by=requested_by[:150],
    )
    return upload, location


def _ask(
    upload: StationUpload, action: str, payload: dict[str, Any], wanted: Wanted, origin: str
) -> tuple[StationUpload, Command]:
    upload.command = send_command(
        charge_point=upload.charge_point,
        action=action,
        payload=payload,
        requested_by=upload.requested_by,
        origin=origin,
        expires_at=wanted.expires_at,
        vetted=True,
    )
    begin_uploads([upload])
    return upload, upload.command


def expected_until(command_expires_at: datetime | None) -> datetime:
    """How long a file is waited for whose command waits for its station until then; None: sent now or never."""
    return (command_expires_at or timezone.now()) + timedelta(hours=settings.UPLOAD_HOURS)


def begin_uploads(uploads: Sequence[StationUpload]) -> None:
    """Store new rows, each with its command: what stations say is theirs. In the transaction that makes the commands."""
    StationUpload.objects.bulk_create(uploads)
    await_outcomes({upload.command: upload.expires_at for upload in uploads if upload.command})


def _retries(wanted: Wanted) -> dict[str, int]:
    given = {"retries": wanted.retries, "retryInterval": wanted.retry_interval_s}
    return {name: value for name, value in given.items() if value is not None}


def _times(given: dict[str, datetime | None]) -> dict[str, str]:
    return {name: format_timestamp(at) for name, at in given.items() if at is not None}


# --- the file ---


def find_upload(token: str) -> ExpectedUpload | None:
    """The upload that a token still stands for. A failed one too: the file may come late, until the token expires."""
    digest = digest_of(token)

    def look() -> tuple[int, int] | None:
        with system_transaction():
            return (
                StationUpload.objects.filter(
                    token_digest=digest, expires_at__gt=timezone.now(), tenant__status=Tenant.Status.ACTIVE
                )
                .values_list("tenant_id", "pk")
                .first()
            )

    # A token says nothing of whose it is.
    row = next((found for found in in_each_database(look, what="upload") if found), None)
    return ExpectedUpload(*row, digest) if row else None


def keep_upload(expected: ExpectedUpload, *, chunks: Iterable[bytes], filename: str) -> bool:
    """Store the file; the token is spent then. False where another request was faster.

    Raises TooBig and EmptyFile (the token stays good), OSError where the disk doesn't take it.
    """
    stored = store(expected.tenant_id, UPLOADS, chunks, settings.UPLOAD_MAX_BYTES)
    try:
        if stored.size == 0:
            raise EmptyFile
        kept = _receive(expected, stored, filename)
    except BaseException:
        discard(stored.name)
        raise
    if not kept:
        discard(stored.name)
    return kept


def _receive(expected: ExpectedUpload, stored: StoredFile, filename: str) -> bool:
    with tenant_transaction(expected.tenant_id):
        upload = locked_upload(expected.tenant_id, pk=expected.upload_id, token_digest=expected.digest)
        if upload is None:
            return False
        upload.file.name = stored.name
        upload.size, upload.sha256 = stored.size, stored.sha256
        # What the station called it in its answer is the better name where the address named none.
        if not upload.filename or filename != "file":
            upload.filename = filename
        upload.token_digest, upload.received_at = "", timezone.now()
        end_upload(upload, State.RECEIVED)
    return True


# --- what the station says ---


def record_answer(
    *, tenant_id: int, charge_point_id: int, request_id: int | None, location: str, filename: str, status: str
) -> None:
    """GetDiagnostics.conf or GetLog.conf: the file's name; no diagnostics without one; a log refused.

    AcceptedCanceled: the log that was being sent before is given up (whitepaper N01.FR.12).
    """
    with tenant_transaction(tenant_id):
        rows = StationUpload.objects.select_for_update(of=("self",)).filter(charge_point_id=charge_point_id)
        upload = _answered(rows, request_id, location)
        if upload is None:
            log.info("answer to no upload", charge_point_id=charge_point_id, request_id=request_id)
            return
        if filename and not upload.filename:
            upload.filename = clean_name(filename, "file")
            upload.save(update_fields=["filename"])
        if status == "AcceptedCanceled":
            earlier = rows.filter(state__in=OPEN, kind__in=LOG_TYPES, pk__lt=upload.pk)
            for one in earlier:
                one.status = "Canceled"
                end_upload(one, State.FAILED)
            return
        nothing_comes = status == "Rejected" or (upload.kind == Kind.DIAGNOSTICS and not filename)
        if nothing_comes and upload.state == State.REQUESTED:
            upload.status = status or "NothingToUpload"
            end_upload(upload, State.FAILED)


def _answered(rows: Any, request_id: int | None, location: str) -> StationUpload | None:
    """By request id; GetDiagnostics has none: by the address, of which we kept the token's digest or all."""
    if request_id is not None:
        found: StationUpload | None = rows.filter(request_id=request_id).first()
        return found
    token = location.rstrip("/").rpartition("/")[2]
    # What a command asks for that has not left yet is not what was answered.
    mine = rows.filter(kind=Kind.DIAGNOSTICS).exclude(command__state=CommandState.QUEUED)
    by_token: StationUpload | None = mine.filter(token_digest=digest_of(token)).first()
    return by_token or mine.filter(location=location[:LONGEST_LOCATION], token_digest="").first()


def record_upload_status(
    *, tenant_id: int, charge_point_id: int, status: str, request_id: int | None, is_log: bool
) -> None:
    """DiagnosticsStatusNotification, LogStatusNotification. One that belongs to no upload is logged, nothing more.

    Without a request id (1.6 core has none) it is of the station's latest upload that is still open, else its latest.
    """
    kinds = list(LOG_TYPES) if is_log else [Kind.DIAGNOSTICS]
    with tenant_transaction(tenant_id):
        rows = StationUpload.objects.select_for_update(of=("self",)).select_related("charge_point")
        mine = rows.filter(charge_point_id=charge_point_id, kind__in=kinds)
        if request_id is not None:
            upload = mine.filter(request_id=request_id).first()
        else:
            upload = mine.filter(state__in=OPEN).first() or mine.first()
        if upload is None or status == "Idle":
            log.info("upload status noted", charge_point_id=charge_point_id, status=status, request_id=request_id)
            return
        upload.status = status[:40]
        _apply(upload, status)


def _apply(upload: StationUpload, status: str) -> None:
    """The file itself has the last word: what has been received stays received."""
    if upload.state == State.RECEIVED:
        upload.save(update_fields=["status"])
    elif status in FAILURES:
        end_upload(upload, State.FAILED)
    elif status == "Uploaded" and not upload.token_digest:
        end_upload(upload, State.ELSEWHERE)
    elif upload.state in (*OPEN, State.FAILED):
        # To our own address "Uploaded" may be told before the file has been written here.
        upload.state = State.UPLOADING
        upload.save(update_fields=["status", "state"])
    else:
        upload.save(update_fields=["status"])


def end_upload(upload: StationUpload, state: str) -> None:
    """Its end, told once."""
    news = upload.state != state
    upload.state = state
    upload.save()
    if news and upload.command_id is not None:
        came = state in (State.RECEIVED, State.ELSEWHERE)
        note_outcome(upload.command_id, Outcome.FULFILLED if came else Outcome.UNFULFILLED, upload.status)
    if news:
        publish(
            UploadEnded(
                charge_point=upload.charge_point.identity,
                at=timezone.now(),
                upload_id=upload.pk,
                kind=upload.kind,
                state=state,
                status=upload.status,
                size=upload.size,
            )
        )


def locked_upload(tenant_id: int, **wanted: Any) -> StationUpload | None:
    """The row, held until the open transaction ends: file, notification and sweep may meet."""
    rows = StationUpload.objects.select_for_update(of=("self",)).select_related("charge_point")
    return rows.filter(tenant_id=tenant_id, **wanted).first()
