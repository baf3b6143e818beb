"""What happened in a session, in order: plugged in, let in, started, limited, paused, commanded, stopped, billed.

Every app tells its part (`register_moments`). Knows no model but the session's; the page is `session_events`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from chargepoints.admin.sections import Text
from chargepoints.models import Transaction

Kind = Literal["ok", "busy", "info", "warn", "bad", "off"]
# A driver plugs in and shows the card so long before the session begins, at most.
BEFORE = timedelta(minutes=15)
# So much before the first sign of the driver is told as well: the limit or the fault that they met with.
LEAD = timedelta(minutes=1)
# What still belongs to it after its end: unplugging, the record, a late answer.
AFTER = timedelta(hours=12)
# Of each kind of thing so many are shown, the newest.
MOST = 200
# So many of one group in a row are folded, all but the first and the last.
FOLDED_FROM = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. `who`: the person or tag behind it. `group`: many of it in a row are folded.

    `rank` orders what has the same time: the lower comes first. `begins`: a sign that the driver has come, such as the plug.
    """

    at: datetime
    title: Text
    kind: Kind = "off"
    icon: str = "circle"
    detail: str = ""
    who: str = ""
    url: str = ""
    group: str = ""
    rank: int = 50
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """The time that belongs to the session: from before it until after it, and nothing of the connector's sessions beside it."""

    start: datetime
    end: datetime


class Entry(NamedTuple):
    """A moment as it is shown; `new_day`: the first of its day."""

    moment: Moment
    new_day: bool


@dataclass(slots=True)
class Run:
    """Entries shown one after the other: `folded` ones only when asked for, between the first and the `last`."""

    shown: list[Entry]
    folded: list[Entry] = field(default_factory=list)
    last: list[Entry] = field(default_factory=list)


# Called in the tenant's scope; gives at most some MOST moments of each kind.
Provider = Callable[[Transaction, Span], Iterable[Moment]]
_providers: dict[str, Provider] = {}


def register_moments(name: str) -> Callable[[Provider], Provider]:
    """Decorator: `provider(session, span)` tells what it knows of the session."""

    def register(provider: Provider) -> Provider:
        if name in _providers:
            raise ValueError(f"there are moments {name} already")
        _providers[name] = provider
        return provider

    return register


def span_of(session: Transaction) -> Span:
    """Two queries."""
    beside = Transaction.objects.filter(charge_point=session.charge_point_id, evse=session.evse_id)
    ended = (
        beside.filter(started_at__lt=session.started_at, stopped_at__lte=session.started_at)
        .order_by("-started_at")
        .values_list("stopped_at", flat=True)
        .first()
    )
    following = (
        beside.filter(started_at__gt=session.started_at, verdict="Accepted")
        .order_by("started_at")
        .values_list("started_at", flat=True)
        .first()
    )
    start, end = session.started_at - BEFORE, (session.stopped_at or timezone.now()) + AFTER
    return Span(max(ended, start) if ended else start, min(following, end) if following else end)


def moments_of(session: Transaction) -> list[Moment]:
    """Everything since the driver came, the oldest first. A fixed number of queries, each of them bounded."""
    span = span_of(session)
    found = [moment for provider in _providers.values() for moment in provider(session, span)]
    return since_the_driver_came(sorted(found, key=lambda moment: (moment.at, moment.rank)))


def since_the_driver_came(moments: list[Moment]) -> list[Moment]:
    """Without what the station did before anybody was there.

    A session's story begins LEAD before the first sign of its driver: the plug, the tag, the remote start, or at last its
    own start. Signs are looked for from the end of the connector's session before, at most BEFORE (`span_of`): a car that
    was plugged in long before its driver showed the tag begins with the tag.
    """
    signs = [moment.at for moment in moments if moment.begins]
    return [moment for moment in moments if moment.at >= min(signs) - LEAD] if signs else moments


def runs_of(moments: Iterable[Moment]) -> list[Run]:
    """As they are shown: long rows of the same group folded."""
    runs: list[Run] = []
    for group, members in groupby(_entries(moments), key=lambda entry: entry.moment.group):
        row = list(members)
        if group and len(row) >= FOLDED_FROM:
            runs.append(Run(row[:1], row[1:-1], row[-1:]))
        else:
            runs.append(Run(row))
    return runs


def _entries(moments: Iterable[Moment]) -> Iterator[Entry]:
    """In the page's time zone; the first entry says its day too."""
    day = None
    for moment in moments:
        own = timezone.localtime(moment.at).date()
        yield Entry(moment, own != day)
        day = own


def timeline(request: HttpRequest, session: Transaction) -> str:
    """The card, as it stands on the page and as it is fetched anew."""
    context: dict[str, Any] = {"runs": runs_of(moments_of(session)), "log_url": _log_url(session)}
    return render_to_string("office/session_timeline.html", context, request=request)


def _log_url(session: Transaction) -> str:
    """The station's messages of that time, in the page's time zone as the log's form has it."""
    end = session.stopped_at
    given = {"station": session.charge_point.identity, "start": _minute(session.started_at - BEFORE)}
    if end is not None:
        given["end"] = _minute(end + BEFORE)
    return f"{reverse('admin:message_log')}?{urlencode(given)}"


def _minute(at: datetime) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%dT%H:%M")
