"""A firmware for a group of stations, wave by wave. The beat advances them; a wave begins when the one before is done.

Whoever advances a rollout holds its row, and one transaction holds a whole step: several workers don't meet, and a
crash leaves the step undone or done. Updates end by what stations say (`firmware_updates`), whatever happens here.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.events import FirmwareRolloutChanged
from chargepoints.files.addresses import NoPublicUrl
from chargepoints.models import ChargePoint, CommandState, FirmwareFile, FirmwareRollout, FirmwareUpdate
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import cancel_command
from chargepoints.services.firmware_updates import Schedule, Source, fail, send_update, withdraw
from tenants.context import current_tenant_id, system_transaction, tenant_transaction
from tenants.databases.fence import passes_over_moving
from tenants.events import publish
from tenants.services.audit import record
from tenants.stored_words import stored

STOPPED = stored("The rollout was stopped: too many failed.")
TOO_MANY = stored("%(failed)s failed; %(allowed)s are allowed.")
CANCELLED_BY = stored("The rollout was cancelled by %(actor)s.")
HAS_IT = stored("It has this version already.")

State = FirmwareRollout.State
UpdateState = FirmwareUpdate.State
OPEN = (UpdateState.WAITING, UpdateState.SENT, UpdateState.RUNNING)
MOST_STATIONS = 10_000
ASKED_BY = "rollout"


class InvalidRollout(ValueError):
    """`errors`: field -> sentence."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


class WrongState(Exception):
    """The rollout can't be paused, resumed or cancelled (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Which stations: those named (identities), else all that fit; empty fields fit all. `tags`: every one of them.

    `leave_out`: of those named, the ones that the firmware isn't for are left out; otherwise they are refused.
    """

    charge_points: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    site: str = ""
    vendor: str = ""
    model: str = ""
    version: str = ""
    leave_out: bool = False

    def is_empty(self) -> bool:
        return replace(self, leave_out=False) == Group()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How it goes: see FirmwareRollout's fields."""

    name: str
    signed: bool = False
    start_at: datetime | None = None
    install_at: datetime | None = None
    wave_size: int = 10
    allowed_failures: int = 1
    wave_hours: int = 4


@dataclass(frozen=True, slots=True)
class Chosen:
    """The stations of a group for a firmware, in order; and those left out: they have the version, or are another's."""

    stations: list[ChargePoint]
    up_to_date: int
    unfit: list[str]


def choose_stations(group: Group, firmware: FirmwareFile) -> Chosen:
    """In the open tenant. Raises InvalidRollout for stations that don't exist, and for too many."""
    rows = _matching(group)
    if group.charge_points:
        known = {row.identity_key for row in rows}
        missing = [one for one in group.charge_points if one.lower() not in known]
        if missing:
            raise InvalidRollout(
                {"chargePointIds": gettext("There is no charge point %(missing)s.") % {"missing": missing[0][:48]}}
            )
    found = list(rows[: MOST_STATIONS + 1])
    if len(found) > MOST_STATIONS:
        raise InvalidRollout(
            {"filter": gettext("More than %(most_stations)s charge points.") % {"most_stations": MOST_STATIONS}}
        )
    fit = [one for one in found if _fits(one, firmware)]
    wanted = [one for one in fit if one.firmware_version != firmware.version]
    return Chosen(wanted, len(fit) - len(wanted), [one.identity for one in found if not _fits(one, firmware)])


def _matching(group: Group) -> QuerySet[ChargePoint]:
    rows = ChargePoint.objects.order_by("identity_key")
    if group.charge_points:
        return rows.filter(identity_key__in=[one.lower() for one in group.charge_points])
    if group.tags:
        rows = rows.filter(tags__contains=list(group.tags))
    exact = {
        "site__name": group.site,
        "vendor__iexact": group.vendor,
        "model__iexact": group.model,
        "firmware_version": group.version,
    }
    return rows.filter(**{name: value for name, value in exact.items() if value})


def _fits(station: ChargePoint, firmware: FirmwareFile) -> bool:
    """A firmware of one maker or model is never offered to another's station; one that is not known yet may fit."""
    pairs = ((firmware.vendor, station.vendor), (firmware.model, station.model))
    return all(not wanted or not has or wanted.lower() == has.lower() for wanted, has in pairs)


def create_rollout(*, firmware: FirmwareFile, group: Group, plan: Plan, actor: str, origin: str) -> FirmwareRollout:
    """Lay out the waves in the open tenant; the beat begins with the first. Raises InvalidRollout."""
    tenant_id = current_tenant_id()
    with tenant_transaction(tenant_id):
        if group.is_empty():
            raise InvalidRollout({"chargePointIds": gettext("Name charge points or a filter.")})
        if plan.signed and not (firmware.signature and firmware.signing_certificate):
            raise InvalidRollout({"signed": gettext("The firmware has no signature.")})
        if plan.install_at is not None and not plan.signed:
            raise InvalidRollout({"installTime": gettext("Only signed updates have one; OCPP 1.6 knows no other.")})
        chosen = choose_stations(group, firmware)
        if group.charge_points and chosen.unfit and not group.leave_out:
            raise InvalidRollout(
                {
                    "chargePointIds": gettext("The firmware is not for %(unfit)s: vendor or model.")
                    % {"unfit": chosen.unfit[0]}
                }
            )
        if not chosen.stations:
            raise InvalidRollout({"chargePointIds" if group.charge_points else "filter": _nobody(chosen)})
        rollout = FirmwareRollout.objects.create(
            tenant_id=tenant_id,
            firmware=firmware,
            name=plan.name,
            signed=plan.signed,
            start_at=plan.start_at or timezone.now(),
            install_at=plan.install_at,
            wave_size=plan.wave_size,
            allowed_failures=plan.allowed_failures,
            wave_hours=plan.wave_hours,
            created_by=actor[:150],
        )
        FirmwareUpdate.objects.bulk_create(
            [
                FirmwareUpdate(
                    tenant_id=tenant_id,
                    charge_point=station,
                    rollout=rollout,
                    firmware=firmware,
                    signed=plan.signed,
                    wave=index // plan.wave_size + 1,
                    version_before=station.firmware_version,
                )
                for index, station in enumerate(chosen.stations)
            ]
        )
        details = {"firmware": str(firmware), "stations": len(chosen.stations), "wave_size": plan.wave_size}
        record(actor=actor, origin=origin, action="create", target=rollout, changes=details)
        _tell(rollout)
    return rollout


def _nobody(chosen: Chosen) -> str:
    return gettext("All of these have this version.") if chosen.up_to_date else gettext("No charge point fits.")


# --- what people decide ---


def pause_rollout(*, rollout: FirmwareRollout, actor: str, origin: str) -> FirmwareRollout:
    """No further wave begins; the stations of this one go on. Raises WrongState."""
    return _change(rollout, "pause", [State.RUNNING], State.PAUSED, actor, origin)


def resume_rollout(*, rollout: FirmwareRollout, actor: str, origin: str) -> FirmwareRollout:
    """Raises WrongState."""
    return _change(rollout, "resume", [State.PAUSED], State.RUNNING, actor, origin)


def cancel_rollout(*, rollout: FirmwareRollout, actor: str, origin: str) -> FirmwareRollout:
    """Nobody else is told; who has been told can't be stopped. Raises WrongState."""
    return _change(rollout, "cancel", [State.RUNNING, State.PAUSED], State.CANCELLED, actor, origin)


def _change(
    rollout: FirmwareRollout, action: str, before: Collection[str], after: State, actor: str, origin: str
) -> FirmwareRollout:
    with tenant_transaction(rollout.tenant_id):
        row = FirmwareRollout.objects.select_for_update(of=("self",)).filter(pk=rollout.pk, state__in=before).first()
        if row is None:
            raise WrongState
        record(actor=actor, origin=origin, action=action, target=row, changes={"state": [row.state, after]})
        if after == State.CANCELLED:
            _withdraw_all(row, CANCELLED_BY % {"actor": actor})
        _set_state(row, after)
        return row


# --- by beat ---


def advance_rollouts(now: datetime) -> int:
    """Every running rollout a step; how many did something."""
    with system_transaction():
        due = FirmwareRollout.objects.filter(state=State.RUNNING, start_at__lte=now)
        found = list(due.order_by("pk").values_list("tenant_id", "pk"))
    return sum(advance_rollout(tenant_id=tenant_id, rollout_id=pk, now=now) for tenant_id, pk in found)


@passes_over_moving
def advance_rollout(*, tenant_id: int, rollout_id: int, now: datetime) -> bool:
    """Stop it, finish it, or begin the next wave; False where there is nothing to do, or another worker does it."""
    with tenant_transaction(tenant_id):
        rows = FirmwareRollout.objects.select_for_update(of=("self",), skip_locked=True).select_related("firmware")
        rollout = rows.filter(pk=rollout_id, state=State.RUNNING, start_at__lte=now).first()
        if rollout is None:
            return False
        updates = FirmwareUpdate.objects.filter(rollout=rollout)
        failed = updates.filter(state=UpdateState.FAILED).count()
        if failed > rollout.allowed_failures:
            _withdraw_all(rollout, STOPPED)
            _set_state(rollout, State.STOPPED, TOO_MANY % {"failed": failed, "allowed": rollout.allowed_failures})
            return True
        if updates.filter(wave__lte=rollout.current_wave, state__in=OPEN).exists():
            return False
        following = updates.filter(wave__gt=rollout.current_wave, state=UpdateState.WAITING).order_by("wave").first()
        if following is None:
            _set_state(rollout, State.FINISHED)
            return True
        rollout.current_wave = following.wave
        rollout.save(update_fields=["current_wave"])
        _begin_wave(rollout, now)
    return True


def _begin_wave(rollout: FirmwareRollout, now: datetime) -> None:
    begins = max(now, rollout.install_at) if rollout.install_at else now
    # An offline station is waited for as long as its wave lasts; then it has failed.
    deadline = begins + timedelta(hours=rollout.wave_hours)
    schedule = Schedule(retrieve_at=now, install_at=rollout.install_at, expires_at=deadline, deadline_at=deadline)
    source = Source(firmware=rollout.firmware, signed=rollout.signed)
    rows = FirmwareUpdate.objects.select_for_update(of=("self",)).select_related("charge_point", "firmware")
    waiting = rows.filter(rollout=rollout, wave=rollout.current_wave, state=UpdateState.WAITING)
    for update in waiting.order_by("charge_point__identity_key"):
        if update.charge_point.firmware_version == rollout.firmware.version:
            withdraw(update, HAS_IT)
            continue
        try:
            with tenant_transaction(rollout.tenant_id):
                send_update(
                    update=update,
                    source=source,
                    schedule=schedule,
                    requested_by=f"{ASKED_BY} of {rollout.created_by}"[:150],
                    origin="system",
                )
        except OcppError as error:
            fail(update, error.description)
        except NoPublicUrl as error:
            fail(update, str(error))


def _withdraw_all(rollout: FirmwareRollout, detail: str) -> None:
    """Nobody who has not been told yet is told: updates that wait, and commands that wait for an offline station."""
    rows = FirmwareUpdate.objects.select_for_update(of=("self",)).select_related("charge_point", "firmware", "command")
    waiting = Q(state=UpdateState.WAITING) | Q(state=UpdateState.SENT, command__state=CommandState.QUEUED)
    for update in rows.filter(waiting, rollout=rollout):
        if update.command is None or cancel_command(update.command, ASKED_BY, origin="system"):
            withdraw(update, detail)


def _set_state(rollout: FirmwareRollout, state: State, detail: str = "") -> None:
    rollout.state, rollout.detail = state, detail[:255]
    rollout.finished_at = None if state in (State.RUNNING, State.PAUSED) else timezone.now()
    rollout.save(update_fields=["state", "detail", "finished_at"])
    _tell(rollout)


def _tell(rollout: FirmwareRollout) -> None:
    publish(
        FirmwareRolloutChanged(
            at=timezone.now(), rollout_id=rollout.pk, name=rollout.name, state=rollout.state, detail=rollout.detail
        )
    )


# --- reading ---


def with_progress(rollouts: QuerySet[FirmwareRollout]) -> QuerySet[FirmwareRollout]:
    """Each with `total`, `waiting`, `under_way`, `installed`, `failed`, and `cancelled`."""

    def count(*states: Any) -> Count:
        return Count("updates", filter=Q(updates__state__in=states))

    return rollouts.annotate(
        total=Count("updates"),
        waiting=count(UpdateState.WAITING),
        under_way=count(UpdateState.SENT, UpdateState.RUNNING),
        installed=count(UpdateState.INSTALLED),
        failed=count(UpdateState.FAILED),
        cancelled=count(UpdateState.CANCELLED),
    )
