"""The strip of a station's, or a fleet's, days: a bar for each, its height and colour the share of time online."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from chargepoints.uptime_selectors import UptimeDay, uptime_share

# From these shares on: well, and bearable. Below: bad.
GOOD, FAIR = 0.99, 0.95
# Of its label: "Sat 21 Nov".
DAY = "D j M"
# The shortest bar that is seen, in percent of the strip's height.
SHORTEST = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """A day: `level` is ok, warn, bad or none (nothing was expected); `height` in percent."""

    label: str
    text: str
    level: str
    height: int


@dataclass(frozen=True, slots=True)
class Strip:
    """`total`: of all days together; '' where nothing was expected on any. `summary`: for who can't see the bars."""

    bars: list[Bar]
    total: str
    summary: str


def uptime_strip(days: Sequence[UptimeDay]) -> Strip:
    """For `office/uptime_strip.html`; oldest day first."""
    bars = [_bar(one) for one in days]
    share = uptime_share(days)
    if share is None:
        return Strip(bars, "", _("No station has been online yet."))
    known = [one for one in days if one.share is not None]
    worst = min(known, key=lambda one: one.share or 0.0)
    summary = _("Online for %(share)s of the last %(days)s days; least on %(day)s: %(worst)s.") % {
        "share": percent(share),
        "days": len(known),
        "day": date_format(worst.day, DAY),
        "worst": percent(worst.share or 0.0),
    }
    return Strip(bars, percent(share), summary)


def percent(share: float) -> str:
    """`99.96 %`, and never 100 where something is missing."""
    shown = min(share * 100, 99.99) if share < 1 else 100.0
    return _("%(number)s %%") % {"number": _number(shown, 0 if shown == 100 else 2 if shown >= 90 else 1)}


def _bar(one: UptimeDay) -> Bar:
    label = date_format(one.day, DAY)
    if one.share is None:
        return Bar(label, _("no station yet"), "none", 100)
    level = "ok" if one.share >= GOOD else "warn" if one.share >= FAIR else "bad"
    text = _("%(share)s online, %(hours)s h of %(expected)s h") % {
        "share": percent(one.share),
        "hours": _number(one.online_s / 3600, 1),
        "expected": _number(one.expected_s / 3600, 1),
    }
    return Bar(label, text, level, max(SHORTEST, round(one.share * 100)))


def _number(value: float, places: int) -> str:
    # Django cuts digits off where it formats.
    return str(number_format(round(value, places), places, force_grouping=True))
