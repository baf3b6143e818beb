"""What drivers need: by session, by tag, by the tag's group. The most specific that says something holds, each by itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.models import IdTag, Transaction
from smartcharging.departures import next_departure
from smartcharging.models import IdTagNeed, SessionNeed
from smartcharging.services.waking import wake_of_connectors
from tenants.context import tenant_transaction
from tenants.services.audit import record

FARTHEST = timedelta(days=31)
FIELDS = ("energy_wh", "priority", "max_a")
_OF_SESSION = "need"
_OF_TAG = "id_tag_row__charging_need"
_OF_GROUP = "id_tag_row__parent__charging_need"


class NeedRefused(Exception):
    """`field` is the model's name of what is wrong; empty: the session has ended."""

    def __init__(self, reason: str, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason, self.field, self.sentence = reason, field, sentence


@dataclass(frozen=True, slots=True)
class Need:
    """What holds for a session; None: nobody said. `energy_wh` is of the whole session."""

    departure_at: datetime | None = None
    energy_wh: int | None = None
    priority: int | None = None
    max_a: Decimal | None = None


def set_session_need(
    *, session: Transaction, values: Mapping[str, Any], actor: str, origin: str, now: datetime | None = None
) -> SessionNeed:
    """Replace it by `values` (departure_at, energy_wh, priority, max_a; absent: the tag's). NeedRefused."""
    now = now or timezone.now()
    departure = values.get("departure_at")
    if departure is not None and departure <= now:
        raise NeedRefused("departure_passed", "departure_at", gettext("The departure must be in the future."))
    if departure is not None and departure > now + FARTHEST:
        raise NeedRefused(
            "too_far_ahead", "departure_at", gettext("At most %(days)s days ahead.") % {"days": FARTHEST.days}
        )
    with tenant_transaction(session.tenant_id):
        current = Transaction.objects.select_for_update(of=("self",)).get(pk=session.pk)
        if current.state != Transaction.State.ACTIVE:
            raise NeedRefused("session_ended", "", gettext("The session has ended."))
        wanted = {name: values.get(name) for name in ("departure_at", *FIELDS)}
        before = SessionNeed.objects.filter(transaction=current).first()
        row, _ = SessionNeed.objects.update_or_create(
            tenant_id=session.tenant_id, transaction=current, defaults={**wanted, "requested_by": actor[:150]}
        )
        _record(current, before, wanted, actor, origin)
        _wake_sessions(session.tenant_id, Transaction.objects.filter(pk=current.pk))
    return row


def clear_session_need(*, session: Transaction, actor: str, origin: str) -> None:
    """The tag's holds again. Nothing where there was none."""
    with tenant_transaction(session.tenant_id):
        before = SessionNeed.objects.filter(transaction=session).first()
        if before is not None:
            before.delete()
            _record(session, before, {}, actor, origin)
            _wake_sessions(session.tenant_id, Transaction.objects.filter(pk=session.pk))


def set_tag_need(*, tag: IdTag, values: Mapping[str, Any], actor: str, origin: str) -> IdTagNeed:
    """Replace it by `values` (departure_time, energy_wh, priority, max_a). Sessions that run are served by it at once."""
    with tenant_transaction(tag.tenant_id):
        wanted = {name: values.get(name) for name in ("departure_time", *FIELDS)}
        before = IdTagNeed.objects.filter(id_tag=tag).first()
        row, _ = IdTagNeed.objects.update_or_create(tenant_id=tag.tenant_id, id_tag=tag, defaults=wanted)
        _record(tag, before, wanted, actor, origin)
        _wake_sessions(tag.tenant_id, _sessions_of(tag))
    return row


def clear_tag_need(*, tag: IdTag, actor: str, origin: str) -> None:
    """Its group's holds. Nothing where there was none."""
    with tenant_transaction(tag.tenant_id):
        before = IdTagNeed.objects.filter(id_tag=tag).first()
        if before is not None:
            before.delete()
            _record(tag, before, {}, actor, origin)
            _wake_sessions(tag.tenant_id, _sessions_of(tag))


def need_of(session: Transaction) -> Need:
    """What holds for the session: its own, else its tag's, else that of the tag's group."""
    return needs_of([session])[session.pk]


def needs_of(sessions: Iterable[Transaction]) -> dict[int, Need]:
    """By session's pk, of any number of sessions of a tenant in one query. In the open scope."""
    wanted = [session.pk for session in sessions]
    names = [
        *(f"{_OF_SESSION}__departure_at", f"{_OF_TAG}__departure_time", f"{_OF_GROUP}__departure_time"),
        *(f"{place}__{name}" for place in (_OF_SESSION, _OF_TAG, _OF_GROUP) for name in FIELDS),
        *("pk", "started_at", "charge_point__site__timezone", "tenant__timezone"),
    ]
    found = {row["pk"]: _merged(row) for row in Transaction.objects.filter(pk__in=wanted).values(*names)}
    return {pk: found.get(pk, Need()) for pk in wanted}


def _merged(row: Mapping[str, Any]) -> Need:
    def first(name: str) -> Any:
        values = (row[f"{place}__{name}"] for place in (_OF_SESSION, _OF_TAG, _OF_GROUP))
        return next((value for value in values if value is not None), None)

    departure = row[f"{_OF_SESSION}__departure_at"]
    of_day: time | None = row[f"{_OF_TAG}__departure_time"]
    if of_day is None:
        of_day = row[f"{_OF_GROUP}__departure_time"]
    if departure is None and of_day is not None:
        zone = _zone(row["charge_point__site__timezone"] or row["tenant__timezone"])
        # From the start of the session: whoever stays longer was to be ready by then all the same.
        departure = next_departure(row["started_at"], of_day, zone)
    return Need(departure, first("energy_wh"), first("priority"), first("max_a"))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _sessions_of(tag: IdTag) -> Any:
    return Transaction.objects.filter(Q(id_tag_row=tag) | Q(id_tag_row__parent=tag), state=Transaction.State.ACTIVE)


def _wake_sessions(tenant_id: int, sessions: Any) -> None:
    places = list(sessions.values_list("charge_point_id", "evse__number"))
    wake_of_connectors(tenant_id=tenant_id, connectors=places, cause="charging_need")


def _record(
    target: Transaction | IdTag,
    before: SessionNeed | IdTagNeed | None,
    after: Mapping[str, Any],
    actor: str,
    origin: str,
) -> None:
    names = ("departure_at" if isinstance(target, Transaction) else "departure_time", *FIELDS)
    changes = {}
    for name in names:
        old, new = getattr(before, name, None), after.get(name)
        if old != new:
            changes[name] = [None if value is None else str(value) for value in (old, new)]
    record(actor=actor, origin=origin, action="charging need", target=target, changes=changes)
