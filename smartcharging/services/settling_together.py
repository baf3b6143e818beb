"""SetChargingProfile answered by many stations at once: settled as `settling` settles one, in a few statements for all.

Only the plain case, which is nearly every one that load management sends: a profile of ours that waited, and was
accepted. What is anything else goes the long way, by itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from chargepoints.models import Command, Transaction
from smartcharging.models import ChargingProfile
from smartcharging.services.settling import SESSION_ENDED, answer_of, lock_profiles, set_ended, tell_all
from tenants.arrays import array_literal
from tenants.context import scope_connection

State, Source = ChargingProfile.State, ChargingProfile.Source

END = """
UPDATE smartcharging_chargingprofile AS p SET state = ended.state, detail = ended.detail, ended_at = %s
FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS ended (id, state, detail) WHERE p.id = ended.id
"""


def many_set_ended(commands: Sequence[Command]) -> None:
    """They have ended with an answer (a hook), each of another station, in the order of the stations' ids."""
    _lock_all(commands)
    rows: dict[object, list[ChargingProfile]] = {}
    for row in ChargingProfile.objects.filter(command__in=commands).order_by("pk"):
        rows.setdefault(row.command_id, []).append(row)
    often = Counter(command.charge_point_id for command in commands)
    plain = []
    for command in commands:
        found = rows.get(command.pk, [])
        if often[command.charge_point_id] == 1 and len(found) == 1 and _is_plain(found[0], command):
            found[0].charge_point = command.charge_point
            plain.append((found[0], command))
        else:
            set_ended(command)
    _install_all(plain)


def _lock_all(commands: Iterable[Command]) -> None:
    """Of each station's profiles, always in the same order: two that lock many don't wait for each other."""
    for charge_point_id in sorted({command.charge_point_id for command in commands}):
        lock_profiles(charge_point_id)


def _is_plain(row: ChargingProfile, command: Command) -> bool:
    return row.state == State.SENDING and row.source != Source.REMOTE_START and answer_of(command) == "Accepted"


def _install_all(pairs: Sequence[tuple[ChargingProfile, Command]]) -> None:
    """Each lies at its place now; what had its place or its id is replaced (OCPP 1.6 §3.13.2, §5.16.2)."""
    if not pairs:
        return
    now = timezone.now()
    rivals = _installed_at(row.charge_point_id for row, _ in pairs)
    running = _running(row.transaction_id for row, _ in pairs if row.transaction_id is not None)
    ended: list[ChargingProfile] = []
    installed: list[ChargingProfile] = []
    for row, command in pairs:
        gone = _replaced(row, command, rivals.get(row.charge_point_id, ()), now)
        ended += gone
        if row in gone:
            continue
        if row.transaction_id is not None and row.transaction_id not in running:
            ended.append(_end(row, State.DROPPED, SESSION_ENDED, now))
            continue
        row.state, row.installed_at, row.ended_at, row.detail = State.INSTALLED, now, None, ""
        installed.append(row)
    _write(ended, installed, now)
    tell_all([*ended, *installed])


def _installed_at(charge_point_ids: Iterable[int]) -> Mapping[int, list[ChargingProfile]]:
    found: dict[int, list[ChargingProfile]] = {}
    held = ChargingProfile.objects.filter(charge_point__in=list(charge_point_ids), state=State.INSTALLED)
    for row in held.annotate(left_at=F("command__sent_at")).order_by("pk"):
        found.setdefault(row.charge_point_id, []).append(row)
    return found


def _running(transaction_ids: Iterable[int]) -> set[int]:
    running = Transaction.objects.filter(pk__in=list(transaction_ids), state=Transaction.State.ACTIVE)
    return set(running.values_list("pk", flat=True))


def _replaced(
    row: ChargingProfile, command: Command, held: Iterable[ChargingProfile], now: datetime
) -> list[ChargingProfile]:
    """What ends because of this answer: those that were there, or the row itself where its answer came late."""
    ended = []
    for rival in held:
        if not _is_rival(row, rival):
            continue
        rival.charge_point = row.charge_point
        left_at: datetime | None = getattr(rival, "left_at", None)
        if command.sent_at is not None and left_at is not None and left_at > command.sent_at:
            # Another one has been taken since.
            ended.append(_end(row, State.REPLACED, f"Replaced by {rival.profile_id}.", now))
            return ended
        ended.append(_end(rival, State.REPLACED, f"Replaced by {row.profile_id}.", now))
    return ended


def _is_rival(row: ChargingProfile, rival: ChargingProfile) -> bool:
    place = (rival.evse_number, rival.purpose, rival.stack_level)
    return rival.pk != row.pk and (
        place == (row.evse_number, row.purpose, row.stack_level) or rival.profile_id == row.profile_id
    )


def _end(row: ChargingProfile, state: str, detail: str, now: datetime) -> ChargingProfile:
    row.state, row.detail, row.ended_at = state, detail[:255], now
    return row


def _write(ended: Sequence[ChargingProfile], installed: Sequence[ChargingProfile], now: datetime) -> None:
    """What ends first: one place holds one profile."""
    if ended:
        columns = [array_literal([getattr(row, name) for row in ended]) for name in ("pk", "state", "detail")]
        with scope_connection().cursor() as cursor:
            cursor.execute(END, [now, *columns])
    if installed:
        ChargingProfile.objects.filter(pk__in=[row.pk for row in installed]).update(
            state=State.INSTALLED, installed_at=now, ended_at=None, detail=""
        )
