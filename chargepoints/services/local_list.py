"""The local authorization list of a station: sent in parts, one at a time, and kept in step where it is managed.

A full list first, then differentials with only the changes. What is not accepted is followed by a full list again,
later and later, a few times. Each step locks the list's row; what is under way is that row's `command`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.models import ChargePoint, Command, CommandState, ConfigurationKey, LocalAuthList, StationConnection
from chargepoints.models.command import OPEN_STATES
from chargepoints.reported_keys import reported_flag, reported_number, supports_profile
from chargepoints.services.answers import answer_of
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.local_list_entries import (
    Entries,
    Part,
    cut,
    differential_part,
    full_part,
    next_part,
    next_version,
    wanted_entries,
)
from tenants.context import tenant_transaction
from tenants.services.audit import record
from tenants.stored_words import stored

State = LocalAuthList.State
ASKED_BY = "system"
# For stations that don't tell (§9.3 wants both keys told).
USUAL_LIST, USUAL_PART = 1000, 100
# Whatever a station says that it takes: a frame holds no more entries with all their fields.
MOST_IN_FRAME = 400
# After a failure; then no more until the station boots, a person asks, or a day has passed.
RETRIES = [timedelta(0), timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30)]
STARTS_ANEW = timedelta(days=1)
# A station that has just booted is being asked for its configuration, which holds the limits.
CONFIGURATION_WAIT = timedelta(minutes=2)
NO_SUPPORT = stored("The charge point does not support local lists.")
NO_LIST = stored("The charge point says that it has no local list.")
NOT_IN_PROFILES = stored("The charge point says that it has no local list (SupportedFeatureProfiles).")
OTHER_VERSION = stored("The charge point has version %(version)s, not %(version2)s.")
SWITCHED_OFF = stored("The charge point's local list is switched off (LocalAuthListEnabled).")


class ListRefused(Exception):
    """The state of things forbids it. `reason` is its name for programs, the text a sentence for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a station's list: entries altogether, and in one message."""

    most: int
    part: int


def limits_of(station: ChargePoint) -> Limits:
    """As reported."""
    return Limits(
        reported_number(station, "LocalAuthListMaxLength") or USUAL_LIST,
        min(reported_number(station, "SendLocalListMaxLength") or USUAL_PART, MOST_IN_FRAME),
    )


def list_of(station: ChargePoint) -> LocalAuthList:
    """The row, made if new. In the open scope."""
    return LocalAuthList.objects.get_or_create(charge_point=station, defaults={"tenant_id": station.tenant_id})[0]


def wanted_of(station: ChargePoint, now: datetime) -> Entries:
    """What its list should hold: as many tags as it takes."""
    return cut(wanted_entries(now), limits_of(station).most)


# --- by people ---


def manage_list(*, station: ChargePoint, managed: bool, actor: str, origin: str) -> LocalAuthList:
    """Keep the station's list in step from now on, or no longer."""
    with tenant_transaction(station.tenant_id):
        row = lock_list(list_of(station).pk)
        if row.managed != managed:
            record(actor=actor, origin=origin, action="manage local list", target=station, changes={"managed": managed})
            row.managed, row.attempts = managed, 0
            if row.state in (State.FAILED, State.UNSUPPORTED):
                row.state = State.UNKNOWN
            row.save()
        if managed:
            advance(row, timezone.now())
    return row


def send_list(
    *,
    station: ChargePoint,
    update_type: str,
    tokens: Sequence[str] | None,
    requested_by: str,
    origin: str,
    tags: Entries | None = None,
) -> Command:
    """A list as a person asks for it. Without tokens: all (Full), or what has changed (Differential).

    A Full list of all that is longer than one message is followed by the rest. Tokens without a tag are taken out by
    a Differential. `tags`: as in `advance`. Raises ListRefused, StationOffline.
    """
    now = timezone.now()
    with tenant_transaction(station.tenant_id):
        row = lock_list(list_of(station).pk)
        if _is_open(row.command):
            raise ListRefused("under_way", gettext("A list is on its way to the charge point."))
        if fault := _unsupported(station):
            raise ListRefused("not_supported", gettext(fault))
        limits = limits_of(station)
        wanted = cut(wanted_entries(now) if tags is None else tags, limits.most)
        version = next_version(row.version, row.reported_version)
        part = _asked_part(row, update_type, tokens, wanted, version, limits)
        row.attempts = 0
        row.completing = tokens is None and update_type == "Full" and part.entries != wanted
        return _send(row, station, part, requested_by=requested_by, origin=origin)


def _asked_part(
    row: LocalAuthList, update_type: str, tokens: Sequence[str] | None, wanted: Entries, version: int, limits: Limits
) -> Part:
    if tokens is None:
        part = (
            full_part(wanted, version, limits.part)
            if update_type == "Full"
            else next_part(row.entries, wanted, version, limits.part)
        )
        if part is None:
            raise ListRefused("in_step", gettext("The charge point's list is in step: nothing has changed."))
        return part
    if len(tokens) > limits.part:
        raise ListRefused(
            "too_long",
            gettext("The charge point takes at most %(part)s id tags in one message.") % {"part": limits.part},
        )
    spelled = {token.lower(): token for token in (*row.entries, *wanted)}
    named = list(dict.fromkeys(spelled.get(token.strip().lower(), token.strip()) for token in tokens))
    if update_type == "Full":
        if missing := [token for token in named if token not in wanted]:
            raise ListRefused(
                "unknown_id_tag", gettext("There is no id tag %(missing)s for a list.") % {"missing": missing[0]}
            )
        return full_part({token: wanted[token] for token in named}, version, limits.part)
    return differential_part(row.entries, wanted, named, version)


def ask_version(*, station: ChargePoint, requested_by: str, origin: str) -> Command:
    """GetLocalListVersion. Raises StationOffline."""
    return send_command(
        charge_point=station, action="GetLocalListVersion", payload={}, requested_by=requested_by, origin=origin
    )


# --- what the station says ---


def list_answered(*, tenant_id: int, charge_point_id: int, version: int, status: str) -> None:
    """SendLocalList.conf (§7.46: Accepted, Failed, NotSupported, VersionMismatch); then the next part."""
    with tenant_transaction(tenant_id):
        row = _row_of(charge_point_id)
        if row is None:
            return
        # The answer to one sent by hand, past us, has been seen to (`local_list_adoption`).
        if row.sent_version == version and row.state == State.SENDING and not _is_open(row.command):
            _settle(row, status)
        advance(row, timezone.now())


def version_answered(*, tenant_id: int, charge_point_id: int, version: int) -> None:
    """GetLocalListVersion.conf: -1 is no support, 0 an empty list (§5.10). Another than ours: a full list again."""
    with tenant_transaction(tenant_id):
        station = ChargePoint.objects.get(pk=charge_point_id)
        row = lock_list(list_of(station).pk)
        row.reported_version = version
        if version < 0:
            _give_up(row, NO_LIST)
            return
        if row.state == State.UNSUPPORTED or (row.state != State.SENDING and version != row.version):
            row.state = State.UNKNOWN
            row.detail = "" if version == row.version else OTHER_VERSION % {"version": version, "version2": row.version}
        row.save()
        advance(row, timezone.now())


def booted(*, tenant_id: int, charge_point_id: int) -> None:
    """A station may have lost its list: ask which version it has, where it is kept in step."""
    with tenant_transaction(tenant_id):
        row = _row_of(charge_point_id)
        if row is None or not row.managed or not row.charge_point.send_unasked:
            return
        row.attempts = 0
        row.save(update_fields=["attempts"])
        try:
            ask_version(station=row.charge_point, requested_by=ASKED_BY, origin="system")
        except StationOffline:
            return


# --- step by step ---


def advance(row: LocalAuthList, now: datetime, tags: Entries | None = None) -> bool:
    """Send what is next, if anything is; whether something was. The row is locked by the caller.

    `tags`: the tenant's `wanted_entries`, where the caller has them already.
    """
    station = row.charge_point
    if row.state == State.SENDING:
        if _is_open(row.command):
            return False
        _settle_lost(row)
    if not (row.managed or row.completing) or not _may_send(row, station, now):
        return False
    if fault := _unsupported(station):
        _set(row, State.UNSUPPORTED, fault)
        return False
    limits = limits_of(station)
    wanted = cut(wanted_entries(now) if tags is None else tags, limits.most)
    version = next_version(row.version, row.reported_version)
    anew = row.state in (State.UNKNOWN, State.FAILED, State.UNSUPPORTED) or version <= row.version
    part = full_part(wanted, version, limits.part) if anew else next_part(row.entries, wanted, version, limits.part)
    if part is None:
        if row.state != State.IN_STEP or row.completing:
            row.completing = False
            _set(row, State.IN_STEP, "")
        return False
    try:
        _send(row, station, part, requested_by=ASKED_BY, origin="system")
    except StationOffline:
        return False
    return True


def _may_send(row: LocalAuthList, station: ChargePoint, now: datetime) -> bool:
    if not (station.send_unasked or row.completing) or not _is_online(station):
        return False
    if row.state in (State.FAILED, State.UNSUPPORTED) and row.changed_at is not None:
        if row.attempts > len(RETRIES):
            if row.changed_at > now - STARTS_ANEW:
                return False
            row.attempts = 0
        elif row.changed_at > now - RETRIES[max(row.attempts - 1, 0)]:
            return False
    fresh = station.last_boot_at is not None and station.last_boot_at > now - CONFIGURATION_WAIT
    return not fresh or ConfigurationKey.objects.filter(charge_point=station).exists()


def _unsupported(station: ChargePoint) -> str:
    """Why not, as far as the station has told; empty: it may be."""
    if supports_profile(station, "LocalAuthListManagement") is False:
        return NOT_IN_PROFILES
    if reported_flag(station, "LocalAuthListEnabled") is False:
        return SWITCHED_OFF
    return ""


def _send(row: LocalAuthList, station: ChargePoint, part: Part, *, requested_by: str, origin: str) -> Command:
    command = send_command(
        charge_point=station,
        action="SendLocalList",
        payload=part.payload,
        requested_by=requested_by,
        origin=origin,
        vetted=True,
    )
    row.command = command
    row.sent_entries, row.sent_version = part.entries, part.payload["listVersion"]
    _set(row, State.SENDING, "")
    return command


def _settle(row: LocalAuthList, status: str) -> None:
    sent, version = row.sent_entries, row.sent_version
    row.sent_entries, row.sent_version = {}, None
    if status == "Accepted":
        row.version, row.entries, row.reported_version, row.attempts = version or 0, sent, version, 0
        _set(row, State.IN_STEP, "")
    elif status == "NotSupported":
        _give_up(row, NO_SUPPORT)
    else:
        was_full = row.command is not None and row.command.payload.get("updateType") == "Full"
        # A differential that fails falls back to a full list at once, a full one waits.
        row.attempts = max(row.attempts + 1, 2 if was_full else 1)
        row.completing = row.completing and row.attempts <= len(RETRIES)
        _set(row, State.FAILED, status)


def _give_up(row: LocalAuthList, why: str) -> None:
    row.completing, row.attempts = False, len(RETRIES) + 1
    _set(row, State.UNSUPPORTED, why)


def _settle_lost(row: LocalAuthList) -> None:
    """The command has ended without its answer having been acted on."""
    command = row.command
    if answer := answer_of(command):
        _settle(row, answer)
        return
    code = command.error_code if command is not None else ""
    if code in {"NotImplemented", "NotSupported"}:
        _settle(row, "NotSupported")
    elif command is None or command.state == CommandState.CANCELLED or command.sent_at is None:
        # It never left: the list is what it was.
        row.sent_entries, row.sent_version = {}, None
        _set(row, State.IN_STEP if row.version and row.attempts == 0 else State.FAILED, "")
    else:
        _settle(row, code or "No answer")


# --- rows ---


def _is_open(command: Command | None) -> bool:
    return command is not None and command.state in OPEN_STATES


def _is_online(station: ChargePoint) -> bool:
    return StationConnection.objects.live().filter(charge_point=station).exists()


def _row_of(charge_point_id: int) -> LocalAuthList | None:
    pk = LocalAuthList.objects.filter(charge_point_id=charge_point_id).values_list("pk", flat=True).first()
    return None if pk is None else lock_list(pk)


def lock_list(pk: int) -> LocalAuthList:
    """The row, locked."""
    rows = LocalAuthList.objects.select_for_update(of=("self",)).select_related("charge_point", "command")
    return rows.get(pk=pk)


def _set(row: LocalAuthList, state: str, detail: str) -> None:
    row.state, row.detail, row.changed_at = state, detail[:255], timezone.now()
    row.save()


def advance_by_id(tenant_id: int, pk: int, tags: Entries | None = None) -> bool:
    """`advance`, in a transaction of its own."""
    with tenant_transaction(tenant_id):
        row = LocalAuthList.objects.filter(pk=pk).exists() and lock_list(pk)
        return advance(row, timezone.now(), tags) if row else False
