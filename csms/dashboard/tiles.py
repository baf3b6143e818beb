"""The figures on top of the overview, in words: what each is, what it is compared with, where it leads. Reads nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from csms.dashboard.figures import MOST_ALERTS, FleetNow
from csms.dashboard.quantities import count_text, energy_text, money_text, percent_text, power_text
from csms.dashboard.today import Compared, Endings, Spans, Today


@dataclass(frozen=True, slots=True)
class Tile:
    """`value` is what stands large. `trend`: up, down or same, where the note compares. `share`: of a bar, in percent.

    `level`: ok, warn or bad where the figure judges itself. `title`: how it is worked out.
    """

    name: str
    label: str
    value: str
    note: str = ""
    url: str = ""
    title: str = ""
    trend: str = ""
    share: int | None = None
    level: str = ""


def tiles_of(fleet: FleetNow, today: Today, spans: Spans, currency: str) -> list[Tile]:
    """In the order in which they are looked at."""
    energy = Tile("energy", _("energy today"), energy_text(today.energy_wh.today))
    sessions = Tile("sessions", _("sessions today"), count_text(today.sessions.today), url=_list("transaction"))
    return [
        _online(fleet),
        _charging(fleet),
        _power(fleet),
        _compared(energy, today.energy_wh, spans, energy_text),
        _revenue(today, spans, currency),
        _compared(sessions, today.sessions, spans, count_text),
        _endings(today.endings),
        _alerts(fleet),
    ]


def _online(fleet: FleetNow) -> Tile:
    away, never = fleet.expected - fleet.online, fleet.stations - max(fleet.expected, fleet.online)
    notes = [
        ngettext("%(count)s offline", "%(count)s offline", away) % {"count": count_text(away)} if away > 0 else "",
        ngettext("%(count)s never seen", "%(count)s never seen", never) % {"count": count_text(never)} if never else "",
    ]
    return Tile(
        *("online", _("stations online"), f"{count_text(fleet.online)} / {count_text(fleet.stations)}"),
        note=" · ".join(filter(None, notes)) or (_("all there") if fleet.stations else ""),
        url=_list("chargepoint"),
        share=_share(fleet.online, fleet.stations),
        level="bad" if away * 10 > fleet.expected else "warn" if away > 0 else "ok",
    )


# Readings of one moment and of the next differ.
SLIGHT_W = 1000


def _charging(fleet: FleetNow) -> Tile:
    note = ngettext("of %(count)s connector", "of %(count)s connectors", fleet.connectors)
    return Tile(
        *("charging", _("charging now"), count_text(fleet.charging)),
        note=note % {"count": count_text(fleet.connectors)},
        url=_list("transaction") + "?state__exact=active",
        share=_share(fleet.charging, fleet.connectors),
    )


def _power(fleet: FleetNow) -> Tile:
    tile = Tile(
        "power", _("power now"), power_text(fleet.power_w), url=reverse("admin:smartcharging_circuit_changelist")
    )
    limit = fleet.limit
    if limit.limit_w is None:
        return replace(tile, note=_("no site has a limit"), title=_("Circuits say what a site's connection carries."))
    if not limit.limit_w:
        return replace(tile, note=_("the limit is 0 kW"), level="warn")
    told = {"share": percent_text(limit.power_w, limit.limit_w), "limit": power_text(limit.limit_w)}
    title = _("%(power)s are taken under circuits; their connections carry %(limit)s together, grid signals counted.")
    filled, elsewhere = limit.power_w / limit.limit_w, fleet.power_w - limit.power_w
    return replace(
        tile,
        # What hangs on no circuit is no part of the share: the note must not read as if it were.
        note=(_("%(share)s of %(limit)s") if elsewhere <= SLIGHT_W else _("under circuits %(share)s of %(limit)s"))
        % told,
        title=title % {"power": power_text(limit.power_w), "limit": power_text(limit.limit_w)},
        share=_share(limit.power_w, limit.limit_w),
        level="bad" if filled > 1 else "warn" if filled > Decimal("0.9") else "",
    )


def _revenue(today: Today, spans: Spans, currency: str) -> Tile:
    own = today.revenue.get(currency, Compared(Decimal(0), None))
    others = [
        money_text(one.today, code) for code, one in sorted(today.revenue.items()) if code != currency and one.today
    ]
    tile = _compared(
        Tile("revenue", _("revenue today"), money_text(own.today, currency), url=_record_list()),
        *(own, spans, lambda amount: money_text(amount, currency)),
    )
    note = " · ".join(filter(None, [tile.note, *(_("and %(amount)s") % {"amount": one} for one in others)]))
    title = _("Of sessions that have ended, tax included.")
    return replace(tile, note=note, title=f"{title} {tile.title}".strip())


def _endings(endings: Endings) -> Tile:
    share = _share(endings.well, endings.ended)
    note = ngettext("of %(count)s in 7 days", "of %(count)s in 7 days", endings.ended)
    title = _(
        "Sessions that began in the last seven days and have ended: with energy, and by a stop of the station's own for an "
        "ordinary reason (by the driver, remotely, car unplugged). Refused starts don't count."
    )
    return Tile(
        *("endings", _("sessions went well"), percent_text(endings.well, endings.ended)),
        note=note % {"count": count_text(endings.ended)} if endings.ended else _("none ended in 7 days"),
        title=title,
        share=share,
        level="" if share is None else "ok" if share >= 95 else "warn" if share >= 85 else "bad",
    )


def _alerts(fleet: FleetNow) -> Tile:
    count = fleet.open_alerts
    value = f"{MOST_ALERTS - 1}+" if count >= MOST_ALERTS else count_text(count)
    return Tile(
        *("alerts", _("open alerts"), value),
        note=_("nobody has taken them yet") if count else _("nothing to do"),
        url=reverse("admin:metering_alert_changelist"),
        level="warn" if count else "ok",
    )


def _compared(tile: Tile, figure: Compared, spans: Spans, text: Callable[[Decimal], str]) -> Tile:
    """With what it was a week ago in the note."""
    if figure.before is None:
        return tile
    day = date_format(spans.week_now, "D j M")
    title = _("%(day)s until %(time)s: %(value)s") % {
        "day": day,
        "time": time_format(spans.week_now.time(), "H:i"),
        "value": text(figure.before),
    }
    change = figure.change
    if change is None:
        return replace(tile, note=_("none on %(day)s") % {"day": day}, title=title)
    shown = f"{change:+d} %" if change else "±0 %"
    note = _("%(change)s on %(day)s") % {"change": shown.replace("-", "\N{MINUS SIGN}"), "day": day}
    return replace(tile, note=note, title=title, trend="up" if change > 0 else "down" if change < 0 else "same")


def _share(part: int | Decimal, whole: int | Decimal) -> int | None:
    return min(100, round(part * 100 / whole)) if whole else None


def _list(model: str) -> str:
    return reverse(f"admin:chargepoints_{model}_changelist")


def _record_list() -> str:
    return reverse("admin:metering_chargedetailrecord_changelist")
