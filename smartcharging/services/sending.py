"""Profiles on their way to stations: many at once, in one transaction and with one message to each gateway.

A row is written for each beside its command (`profiles` settles it when the command ends). What a queued command of
before would have said is taken back; one that has left can't be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, StationConnection
from chargepoints.protocol.errors import OcppError
from chargepoints.services.command_ends import end_commands
from chargepoints.services.commands import check_command, tell_gateways
from chargepoints.services.priorities import priority_of
from smartcharging.models import ChargingProfile
from smartcharging.profiles.shapes import Profile
from smartcharging.profiles.translation import profile_to_ocpp16, schedule_to_json
from tenants.context import on_commit, scope_connection, tenant_transaction
from tenants.many_rows import insert_rows
from tenants.services.audit import record
from tenants.stored_words import stored

ACTION = "SetChargingProfile"
OFFLINE = "offline"
SUPERSEDED = "superseded"
TAKEN_BACK = stored("Superseded.")
# `Profile.profile_id` of one that has none yet; no station could store it (32 bits).
NEW_ID = -(2**31) - 1

State = ChargingProfile.State


@dataclass(frozen=True, slots=True)
class ProfileToSend:
    """A profile for one place. `profile.profile_id` NEW_ID: the id of what lies at that place now, else a new one.

    `transaction_id`: our Transaction's pk (TxProfiles). `supersedes`: a command that need not be sent any more.
    """

    charge_point_id: int
    evse_number: int
    profile: Profile
    transaction_id: int | None = None
    source: str = ChargingProfile.Source.PERSON
    template_id: int | None = None
    supersedes: UUID | None = None
    timeout_s: int | None = None


def send_profiles(
    *, tenant_id: int, items: Sequence[ProfileToSend], requested_by: str, origin: str
) -> list[ChargingProfile]:
    """Queue SetChargingProfile for each and store the profiles as being sent; rows in the order of `items`.

    One that can't be sent comes back rejected, without a command: its station is "offline", or `detail` says what is
    wrong with the message. Nothing is validated here beyond the message's schema.
    """
    if not items:
        return []
    with tenant_transaction(tenant_id):
        ids = {item.charge_point_id for item in items}
        stations = ChargePoint.objects.only("tenant_id", "identity", "ocpp_version").in_bulk(ids)
        channels = dict(
            StationConnection.objects.live()
            .filter(charge_point__in=ids)
            .values_list("charge_point_id", "gateway__channel")
        )
        items = with_ids(items)
        take_back([item.supersedes for item in items if item.supersedes is not None])
        rows = [
            _row(tenant_id, item, stations[item.charge_point_id], item.charge_point_id in channels, requested_by)
            for item in items
        ]
        commands = [
            _command(row, item, requested_by, origin)
            for row, item in zip(rows, items, strict=True)
            if row.state == State.SENDING
        ]
        insert_rows(commands)
        insert_rows(rows)
        if origin != "system":
            _audit(rows, items, requested_by, origin)
        told = [(channels[command.charge_point_id], command.charge_point_id) for command in commands]
        on_commit(lambda: tell_gateways(told))
    return rows


def with_ids(items: Sequence[ProfileToSend]) -> list[ProfileToSend]:
    """Each with a profile id. Some stations tell profiles apart by id alone: what replaces another goes by its id."""
    new = [item for item in items if item.profile.profile_id == NEW_ID]
    if not new:
        return list(items)
    known: dict[tuple[int, int, str, int], int] = {
        (pk, evse, purpose, level): profile_id
        for pk, evse, purpose, level, profile_id in ChargingProfile.objects.filter(
            charge_point__in={item.charge_point_id for item in new}, state__in=[State.SENDING, State.INSTALLED]
        )
        .order_by("pk")
        .values_list("charge_point_id", "evse_number", "purpose", "stack_level", "profile_id")
    }
    missing = sum(1 for item in new if _place(item) not in known)
    fresh = iter(next_profile_ids(missing))

    def numbered(item: ProfileToSend) -> ProfileToSend:
        if item.profile.profile_id != NEW_ID:
            return item
        found = known.get(_place(item))
        return replace(item, profile=replace(item.profile, profile_id=next(fresh) if found is None else found))

    return [numbered(item) for item in items]


def next_profile_ids(count: int) -> list[int]:
    """New chargingProfileIds, all different."""
    if not count:
        return []
    with scope_connection().cursor() as cursor:
        cursor.execute("SELECT nextval('smartcharging_profile_id') FROM generate_series(1, %s)", [count])
        return [int(value) for (value,) in cursor.fetchall()]


def take_back(command_ids: Iterable[UUID]) -> int:
    """Cancel those that are still queued, and the profiles that they carried; the number. In an open transaction.

    Each end is told (`command.finished`), as any other.
    """
    wanted = list(command_ids)
    if not wanted:
        return 0
    now = timezone.now()
    queued = Command.objects.filter(pk__in=wanted, state=CommandState.QUEUED)
    found = end_commands(queued, CommandState.CANCELLED, at=now, description=TAKEN_BACK)
    ChargingProfile.objects.filter(command__in=found, state=State.SENDING).update(
        state=State.REJECTED, detail=SUPERSEDED, ended_at=now
    )
    return len(found)


def profile_fields(profile: Profile) -> dict[str, Any]:
    """The columns that a profile or template is kept in."""
    return {
        "purpose": profile.purpose,
        "stack_level": profile.stack_level,
        "kind": profile.kind,
        "recurrency": profile.recurrency,
        "valid_from": profile.valid_from,
        "valid_to": profile.valid_to,
        "schedule": schedule_to_json(profile.schedule),
    }


def payload_of(evse_number: int, profile: Profile) -> dict[str, Any]:
    """SetChargingProfile.req (OCPP 1.6 §6.43)."""
    return {"connectorId": evse_number, "csChargingProfiles": profile_to_ocpp16(profile)}


def _place(item: ProfileToSend) -> tuple[int, int, str, int]:
    return item.charge_point_id, item.evse_number, item.profile.purpose, item.profile.stack_level


def _row(tenant_id: int, item: ProfileToSend, station: ChargePoint, online: bool, requested_by: str) -> ChargingProfile:
    row = ChargingProfile(
        tenant_id=tenant_id,
        charge_point=station,
        evse_number=item.evse_number,
        profile_id=item.profile.profile_id,
        transaction_id=item.transaction_id,
        source=item.source,
        template_id=item.template_id,
        requested_by=requested_by[:150],
        **profile_fields(item.profile),
    )
    problem = _problem(item, station) if online else OFFLINE
    if problem:
        row.state, row.detail, row.ended_at = State.REJECTED, problem[:255], timezone.now()
    return row


def _problem(item: ProfileToSend, station: ChargePoint) -> str:
    try:
        check_command(station.ocpp_version, ACTION, payload_of(item.evse_number, item.profile))
    except OcppError as error:
        faults = error.details.get("errors") or [{"path": "", "fault": error.description}]
        return "; ".join(f"{fault['path']}: {fault['fault']}".strip(": ") for fault in faults)
    return ""


def _command(row: ChargingProfile, item: ProfileToSend, requested_by: str, origin: str) -> Command:
    command = Command(
        tenant_id=row.tenant_id,
        charge_point_id=item.charge_point_id,
        action=ACTION,
        payload=payload_of(item.evse_number, item.profile),
        priority=priority_of(ACTION),
        timeout_s=item.timeout_s or settings.COMMAND_TIMEOUT_SECONDS,
        requested_by=requested_by[:150],
        origin=origin,
    )
    row.command = command
    return command


def _audit(rows: Sequence[ChargingProfile], items: Sequence[ProfileToSend], actor: str, origin: str) -> None:
    for row, item in zip(rows, items, strict=True):
        changes = {"command": str(row.command_id or ""), "payload": payload_of(item.evse_number, item.profile)}
        record(actor=actor, origin=origin, action=ACTION, target=row.charge_point, changes=changes)
