"""What a term finds, in the open tenant transaction. Each search costs a query that stays quick at two million sessions.

Row-level security is the reason for how they ask: PostgreSQL looks at an index before the tenant's wall only with operators
that can't give anything away (leakproof), and LIKE is none. So what is one of millions is found by a range of an index in the
"C" collation; what is one of thousands by looking through the tenant's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, Model, Q, QuerySet, Value, When
from django.db.models.functions import Collate
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.models import ChargePoint, IdTag, Site, Transaction

MOST = 6
LONGEST = 80
# Beyond every text that begins with a term.
LAST = "\U0010ffff"
# Fewer letters of a driver's name fit nearly everybody.
SHORTEST_NAME = 3
LARGEST_ID = 2**63


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the list: what it is called, what else tells it apart, and its page."""

    title: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that is searched. `more`: whether its list, searched for the term, has all the others too."""

    title: str | Promise
    icon: str
    model: type[Model]
    find: Callable[[str], list[Hit]]
    more: bool = True


def stations(term: str) -> list[Hit]:
    """By a part of the identity, the name or the serial number; those whose identity begins so come first."""
    key = term.lower()
    begins = Case(
        When(identity_key__startswith=key, then=Value(False)), default=Value(True), output_field=BooleanField()
    )
    found = (
        ChargePoint.objects.filter(
            Q(identity_key__contains=key) | Q(name__icontains=term) | Q(serial_number__icontains=term)
        )
        .order_by(begins, "identity_key")
        .values_list("pk", "identity", "name", "site__name", "serial_number")
    )
    return [
        Hit(identity, _joined(name, site, serial), _page("chargepoints_chargepoint", pk))
        for pk, identity, name, site, serial in found[:MOST]
    ]


def sessions(term: str) -> list[Hit]:
    """By the beginning of the id that the station knows it by, or by ours."""
    key = term.removeprefix("#").strip()
    if not key:
        return []
    wanted = ("pk", "protocol_id", "charge_point__identity", "id_tag", "started_at", "state")
    rows = Transaction.objects.order_by()
    own = int(key) if key.isascii() and key.isdecimal() and int(key) < LARGEST_ID else None
    found = [] if own is None else list(rows.filter(pk=own).values_list(*wanted))
    found += _beginning_with(rows, "protocol_id", key).values_list(*wanted)[:MOST]
    return [_session(row) for row in {row[0]: row for row in found}.values()][:MOST]


def _session(row: tuple[Any, ...]) -> Hit:
    pk, protocol_id, station, tag, started_at, state = row
    at: datetime = timezone.localtime(started_at)
    what = _("running") if state == Transaction.State.ACTIVE else f"#{pk}"
    return Hit(protocol_id, _joined(station, tag, f"{at:%Y-%m-%d %H:%M}", what), _page("chargepoints_transaction", pk))


def id_tags(term: str) -> list[Hit]:
    """By the beginning of the tag, then by a part of the holder's name."""
    wanted = ("pk", "token", "holder", "status")
    rows = IdTag.objects.order_by()
    found = list(_beginning_with(rows, "token_key", term.lower()).values_list(*wanted)[:MOST])
    if len(found) < MOST and len(term) >= SHORTEST_NAME:
        found += rows.filter(holder__icontains=term).values_list(*wanted)[:MOST]
    labels = dict(IdTag.Status.choices)
    return [
        Hit(token, _joined(holder, str(labels.get(status, status))), _page("chargepoints_idtag", pk))
        for pk, token, holder, status in {row[0]: row for row in found}.values()
    ][:MOST]


def sites(term: str) -> list[Hit]:
    """By a part of the name or the address."""
    found = Site.objects.filter(Q(name__icontains=term) | Q(address__icontains=term)).order_by("name")
    rows = found.values_list("pk", "name", "address")[:MOST]
    return [Hit(name, address, _page("chargepoints_site", pk)) for pk, name, address in rows]


KINDS = (
    Kind(gettext_lazy("Charge points"), "ev_station", ChargePoint, stations),
    Kind(gettext_lazy("Sessions"), "bolt", Transaction, sessions, more=False),
    Kind(gettext_lazy("Id tags"), "badge", IdTag, id_tags),
    Kind(gettext_lazy("Sites"), "location_on", Site, sites),
)


def _beginning_with(rows: QuerySet[Any], name: str, key: str) -> QuerySet[Any]:
    """The shortest first: what the key is itself comes before what only begins with it."""
    found: QuerySet[Any] = rows.annotate(beginning=Collate(name, "C"))
    return found.filter(beginning__gte=key, beginning__lt=key + LAST).order_by("beginning")


def _joined(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)


def _page(name: str, pk: int) -> str:
    return reverse(f"admin:{name}_change", args=[pk])
