"""Do stations hold what we think they hold? Their composite schedule is asked for now and then and compared with ours.

What differs twice in a row is sent again, three times at most; then a person is told. Stations that can't say are left
alone. Load management's own profiles are not sent from here: it is told that they are gone and sends what is right now.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, Connector, Registration, StationConnection
from chargepoints.services.commands import tell_gateways
from chargepoints.services.priorities import priority_of
from metering.alerts.incidents import Incident, end_alerts, record_incidents
from metering.models import Alert, Severity
from smartcharging.models import ChargingProfile, ScheduleCheck
from smartcharging.selectors import composite_of, installed_of, installed_rows, running_session, zone_of
from smartcharging.services.anchoring import anchored
from smartcharging.services.comparison import Difference, first_difference
from smartcharging.services.profiles import limits_of
from smartcharging.services.schedule_answers import NotReported, Reported, periods_json, read_answer
from smartcharging.services.sending import ProfileToSend, send_profiles
from smartcharging.services.settling import NO_ANSWER, end, lock_profiles
from tenants.context import on_commit, system_transaction, tenant_transaction
from tenants.stored_words import stored

State, Source, Result = ChargingProfile.State, ChargingProfile.Source, ScheduleCheck.Result

ACTION = "GetCompositeSchedule"
ASKED_BY = "schedule check"
ASKED_S = 4 * 3600
EVERY = timedelta(hours=1)
# After a difference, and after a boot, sooner; a station that has just booted is busy.
AGAIN_AFTER = timedelta(minutes=2)
AFTER_BOOT = timedelta(seconds=30)
# One that can't say is asked again after a boot (another firmware), else now and then.
UNSUPPORTED_FOR = timedelta(days=7)
STATIONS_AT_ONCE = 60
CONNECTORS_AT_ONCE = 8
MOST_MENDS = 3
PHASES = (3, 1, 2)
GONE = "not in the schedule that the charge point reports"
EQUAL_AGAIN = stored("The charge point reports the schedule that it should.")
# Those without a limit first: the gaps of the last would take them for their own.
NONE_EXPECTED = stored("no limit expected from %(start_s)s s on, %(reported)s reported.")
NONE_REPORTED = stored("%(ours)s expected from %(start_s)s s on, no limit reported.")
OTHERS = stored("%(ours)s expected from %(start_s)s s on, %(reported)s reported.")
NOTHING_REPORTED = stored("nothing reported without a session")


# --- asking ---


def check_schedules() -> int:
    """By beat: ask the stations that are due for the schedules of their connectors; the number of questions."""
    now = timezone.now()
    with system_transaction():
        due = list(_due(now).values_list("tenant_id", "pk", named=False)[:STATIONS_AT_ONCE])
    by_tenant: dict[int, list[int]] = defaultdict(list)
    for tenant_id, pk in due:
        by_tenant[tenant_id].append(pk)
    return sum(_ask(tenant_id, ids, now) for tenant_id, ids in by_tenant.items())


def _due(now: datetime):  # type: ignore[no-untyped-def]
    mine = ScheduleCheck.objects.filter(charge_point=OuterRef("pk"))
    stations = ChargePoint.objects.filter(
        Exists(ChargingProfile.objects.filter(charge_point=OuterRef("pk"), state=State.INSTALLED)),
        Exists(StationConnection.objects.live().filter(charge_point=OuterRef("pk"))),
        registration=Registration.ACCEPTED,
        send_unasked=True,
        ocpp_version__in=["", "1.6"],
    ).annotate(
        checked=Subquery(mine.order_by("-checked_at").values("checked_at")[:1]),
        differs=Exists(mine.filter(result=Result.DIFFERS, mends__lt=MOST_MENDS)),
        unable=Exists(mine.filter(result=Result.UNSUPPORTED)),
    )
    unanswered = ChargingProfile.objects.filter(
        charge_point=OuterRef("pk"), state=State.REJECTED, detail=NO_ANSWER, ended_at__gt=OuterRef("checked")
    )
    # It may have taken what it did not answer to.
    unsure = Q(Exists(unanswered), unable=False, checked__lt=now - AGAIN_AFTER)
    booted = Q(last_boot_at__gt=F("checked"), last_boot_at__lt=now - AFTER_BOOT)
    able = Q(unable=False) & (Q(checked__lt=now - EVERY) | Q(differs=True, checked__lt=now - AGAIN_AFTER))
    return stations.filter(
        Q(checked=None) | booted | able | unsure | Q(unable=True, checked__lt=now - UNSUPPORTED_FOR)
    ).order_by(F("checked").asc(nulls_first=True), "pk")


def _ask(tenant_id: int, ids: list[int], now: datetime) -> int:
    with tenant_transaction(tenant_id):
        places = _places(ids)
        limits = limits_of(ids)
        commands = [
            Command(
                tenant_id=tenant_id,
                charge_point_id=pk,
                action=ACTION,
                payload={
                    "connectorId": evse,
                    "duration": ASKED_S,
                    "chargingRateUnit": "A" if "A" in limits[pk].units else "W",
                },
                priority=priority_of(ACTION),
                timeout_s=settings.COMMAND_TIMEOUT_SECONDS,
                requested_by=ASKED_BY,
                origin="system",
            )
            for pk, evse in places
        ]
        Command.objects.bulk_create(commands)
        _note_asked(tenant_id, places, now)
        live = StationConnection.objects.live().filter(charge_point__in=ids)
        told = list(live.values_list("gateway__channel", "charge_point_id"))
        on_commit(lambda: tell_gateways(told))
    return len(commands)


def _places(ids: Iterable[int]) -> list[tuple[int, int]]:
    """The connectors that installed profiles hold for: those of connector 0 for each."""
    rows = ChargingProfile.objects.filter(charge_point__in=list(ids), state=State.INSTALLED)
    held = set(rows.values_list("charge_point_id", "evse_number"))
    everywhere = {pk for pk, evse in held if evse == 0}
    known = Connector.objects.filter(charge_point__in=everywhere, evse__number__gt=0)
    held |= set(known.values_list("charge_point_id", "evse__number"))
    by_station: dict[int, list[int]] = defaultdict(list)
    for pk, evse in sorted(held):
        # Connector 0 itself says what the station draws in all, which is another question.
        if evse:
            by_station[pk].append(evse)
    return [(pk, evse) for pk, numbers in by_station.items() for evse in numbers[:CONNECTORS_AT_ONCE]]


def _note_asked(tenant_id: int, places: list[tuple[int, int]], now: datetime) -> None:
    ScheduleCheck.objects.bulk_create(
        [
            ScheduleCheck(
                tenant_id=tenant_id,
                charge_point_id=pk,
                evse_number=evse,
                result=Result.FAILED,
                checked_at=now,
                detail="no answer",
            )
            for pk, evse in places
        ],
        update_conflicts=True,
        unique_fields=["charge_point", "evse_number"],
        update_fields=["checked_at"],
    )


# --- answers ---


def schedule_came(command: Command) -> None:
    """A GetCompositeSchedule of ours has ended (a hook)."""
    if command.requested_by != ASKED_BY or command.origin != "system" or command.late_reply is not None:
        return
    evse_number = command.payload["connectorId"]
    row = (
        ScheduleCheck.objects.select_for_update(of=("self",))
        .filter(charge_point=command.charge_point_id, evse_number=evse_number)
        .first()
    )
    if row is None:
        return
    row.checked_at = timezone.now()
    if _changed_meanwhile(command):
        # Asked again as after a difference.
        row.checked_at -= EVERY - AGAIN_AFTER
        row.save(update_fields=["checked_at"])
        return
    answer = read_answer(command)
    if isinstance(answer, NotReported):
        _note_silence(row, answer.detail, able=answer.able)
    elif not answer.periods and running_session(command.charge_point_id, evse_number) is None:
        # Many report nothing while nobody charges.
        _note_silence(row, NOTHING_REPORTED, able=True)
    else:
        _compare(row, command.charge_point, answer)


def _changed_meanwhile(command: Command) -> bool:
    """Profiles that came or went since the question: the answer may be of before or after."""
    asked = command.sent_at or command.created_at
    changed = Q(state=State.SENDING) | Q(installed_at__gt=asked) | Q(ended_at__gt=asked)
    return ChargingProfile.objects.filter(changed, charge_point=command.charge_point_id).exists()


def _note_silence(row: ScheduleCheck, detail: str, *, able: bool) -> None:
    row.result = Result.FAILED if able else Result.UNSUPPORTED
    row.detail, row.reported, row.differs_since, row.mends = detail[:255], [], None, 0
    row.save()


def _compare(row: ScheduleCheck, charge_point: ChargePoint, answer: Reported) -> None:
    until_s = min(ASKED_S, answer.duration_s or ASKED_S)
    difference: Difference | None = None
    # Where a period names no phases and the units differ, the station counts with its own number of them.
    for phases in PHASES:
        ours = composite_of(charge_point, row.evse_number, answer.start, until_s, answer.unit, default_phases=phases)
        found = first_difference(ours, answer.periods, unit=answer.unit, until_s=until_s)
        if found is None:
            difference = None
            break
        difference = difference or found
    row.unit, row.duration_s = answer.unit, until_s
    row.ours, row.reported = periods_json(ours), periods_json(answer.periods)
    if difference is None:
        _note_equal(row)
    else:
        _note_difference(row, charge_point, difference)


def _note_equal(row: ScheduleCheck) -> None:
    if row.result == Result.DIFFERS:
        end_alerts(
            tenant_id=row.tenant_id,
            at=row.checked_at,
            resolution=EQUAL_AGAIN,
            kind=Alert.Kind.SCHEDULE,
            charge_point_id=row.charge_point_id,
            evse_number=row.evse_number,
        )
    row.result, row.detail, row.differs_since, row.mends = Result.EQUAL, "", None, 0
    row.save()


def _note_difference(row: ScheduleCheck, charge_point: ChargePoint, difference: Difference) -> None:
    again = row.result == Result.DIFFERS and row.differs_since is not None
    row.result, row.detail = Result.DIFFERS, _sentence(difference, row.unit)
    if not again:
        row.differs_since, row.mends = row.checked_at, 0
    elif row.mends < MOST_MENDS:
        row.mends, row.mended_at = row.mends + 1, row.checked_at
        mend(charge_point, row.evse_number)
    else:
        _alert(row)
    row.save()


def _sentence(difference: Difference, unit: str) -> str:
    sentence = NONE_EXPECTED if difference.ours is None else NONE_REPORTED if difference.reported is None else OTHERS
    return sentence % {
        "ours": "" if difference.ours is None else f"{difference.ours:.1f} {unit}",
        "reported": "" if difference.reported is None else f"{difference.reported:.1f} {unit}",
        "start_s": difference.start_s,
    }


def _alert(row: ScheduleCheck) -> None:
    session = running_session(row.charge_point_id, row.evse_number)
    incident = Incident(
        charge_point_id=row.charge_point_id,
        key=f"schedule:{row.evse_number}",
        kind=Alert.Kind.SCHEDULE,
        severity=Severity.WARNING,
        started_at=row.differs_since or row.checked_at,
        last_at=row.checked_at,
        evse_number=row.evse_number,
        transaction_id=session.pk if session else None,
        detail=row.detail,
    )
    record_incidents(tenant_id=row.tenant_id, incidents=[incident])


# --- mending ---


def mend(charge_point: ChargePoint, evse_number: int) -> None:
    """Send again what holds for a connector. In the open tenant scope."""
    lock_profiles(charge_point.pk)
    rows = [row for row in installed_rows([charge_point.pk]) if row.evse_number in (0, evse_number)]
    zone, now, items = zone_of(charge_point.pk), timezone.now(), []
    for row in rows:
        if row.source == Source.CIRCUIT:
            end(row, State.DROPPED, GONE)
            continue
        items.append(
            ProfileToSend(
                charge_point_id=charge_point.pk,
                evse_number=row.evse_number,
                profile=anchored(installed_of(row).profile, now=now, zone=zone),
                transaction_id=row.transaction_id,
                source=row.source,
                template_id=row.template_id,
            )
        )
    send_profiles(tenant_id=charge_point.tenant_id, items=items, requested_by=ASKED_BY, origin="system")
