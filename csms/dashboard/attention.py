"""What a person should look at next, the worst first. For the tenant in scope, in the active time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chargepoints.models import ChargePoint, Connector, Registration, SignInAttempt, StationConnection, UnmatchedStop
from metering.alerts.selectors import worst_open
from metering.alerts.words import describe, place_of, span

RECENT = timedelta(days=7)
MINUTE = timedelta(minutes=1)
# Of each kind; the rest is counted.
SHOWN = 5
LEVELS = {"critical": "bad", "warning": "warn", "info": "info"}
STATIONS = "admin:chargepoints_chargepoint_changelist"


@dataclass(frozen=True, slots=True)
class Attention:
    """`level`: bad, warn, info or off (a pill's colour); `kind` is the pill's word; `detail` may be empty."""

    level: str
    kind: str
    text: str
    detail: str
    url: str


def needs_attention(now: datetime) -> list[Attention]:
    """Nine queries."""
    return [*_alerts(now), *_faulted(now), *_offline(now), *_pending(), *_refused(now), *_unmatched(now)]


def _alerts(now: datetime) -> Iterator[Attention]:
    for alert in worst_open(SHOWN):
        url = reverse("admin:metering_alert_change", args=[alert.pk])
        text = f"{place_of(alert)}: {describe(alert)}"
        yield Attention(LEVELS[alert.severity], alert.get_severity_display(), text, _ago(alert.opened_at, now), url)


def _faulted(now: datetime) -> Iterator[Attention]:
    live = StationConnection.objects.live().filter(charge_point=OuterRef("charge_point_id"))
    rows: QuerySet[Connector] = Connector.objects.filter(
        Exists(live), status="Faulted", evse__number__gt=0, charge_point__registration=Registration.ACCEPTED
    )
    for row in rows.select_related("evse__charge_point").order_by("-status_at", "pk")[:SHOWN]:
        code = "" if row.error_code == "NoError" else row.error_code
        detail = ", ".join(part for part in (code, row.info, _ago(row.status_at, now)) if part)
        yield Attention("bad", _("Faulted"), str(row), detail, _station(row.charge_point_id))
    if (more := rows.count() - SHOWN) > 0:
        text = ngettext("%(count)d more faulted connector", "%(count)d more faulted connectors", more)
        yield Attention("bad", _("Faulted"), text % {"count": more}, "", reverse("admin:board") + "?status=Faulted")


def _offline(now: datetime) -> Iterator[Attention]:
    """Those that went last first: what has been away for weeks is known."""
    live = StationConnection.objects.live().filter(charge_point=OuterRef("pk"))
    rows = ChargePoint.objects.filter(~Exists(live), registration=Registration.ACCEPTED).exclude(last_seen_at=None)
    for row in rows.order_by("-last_seen_at", "pk")[:SHOWN]:
        detail = _("last seen %(ago)s") % {"ago": _ago(row.last_seen_at, now)}
        yield Attention("off", _("Offline"), row.identity, detail, _station(row.pk))
    if (more := rows.count() - SHOWN) > 0:
        text = ngettext("%(count)d more station offline", "%(count)d more stations offline", more)
        yield Attention("off", _("Offline"), text % {"count": more}, "", reverse(STATIONS) + "?online=0")


def _pending() -> Iterator[Attention]:
    rows = ChargePoint.objects.filter(registration=Registration.PENDING).order_by("pk")[:SHOWN]
    for row in rows:
        yield Attention(
            "warn",
            _("New"),
            _("%(station)s waits to be accepted") % {"station": row.identity},
            " ".join(part for part in (row.vendor, row.model) if part),
            _station(row.pk),
        )


def _refused(now: datetime) -> Iterator[Attention]:
    if count := SignInAttempt.objects.filter(last_at__gt=now - RECENT).count():
        text = ngettext("%(count)d station was refused", "%(count)d stations were refused", count) % {"count": count}
        url = reverse("admin:chargepoints_signinattempt_changelist")
        yield Attention("warn", _("Sign-in"), text, _("in the last seven days"), url)


def _unmatched(now: datetime) -> Iterator[Attention]:
    if count := UnmatchedStop.objects.filter(received_at__gt=now - RECENT).count():
        text = ngettext("%(count)d stop without a session", "%(count)d stops without a session", count)
        url = reverse("admin:chargepoints_unmatchedstop_changelist")
        yield Attention("warn", _("Sessions"), text % {"count": count}, _("in the last seven days"), url)


def _station(pk: int) -> str:
    return reverse("admin:chargepoints_chargepoint_change", args=[pk])


def _ago(at: datetime | None, now: datetime) -> str:
    """`5 min ago`; what is older than a day with its date in the tenant's zone. Empty: not known."""
    if at is None:
        return ""
    gone = now - at
    if gone < timedelta(days=1):
        return _("%(span)s ago") % {"span": span(gone - gone % MINUTE if gone > MINUTE else gone)}
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M")
