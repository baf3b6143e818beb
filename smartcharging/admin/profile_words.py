"""A charging profile as people say it: when, how much, how long, from where."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smartcharging.admin.period_table import WEEK, PeriodTable, kind_choice, length_text
from smartcharging.admin.pictures import clock, limit_in_words
from smartcharging.models import ChargingProfile
from smartcharging.profiles.shapes import Profile
from tenants.stored_words import shown

TIMES = {
    "daily": gettext_lazy("Every day"),
    "weekly": gettext_lazy("Every week"),
    "absolute": gettext_lazy("Once"),
    "relative": gettext_lazy("From the start of each session"),
}


class PeriodSaid(NamedTuple):
    """A row of the table of periods."""

    begins: str
    limit: str
    phases: str


def periods_said(profile: Profile, zone: ZoneInfo) -> list[PeriodSaid]:
    """Each period: when it begins on the zone's clock, its limit, its phases."""
    kind = kind_choice(profile.kind, profile.recurrency)
    schedule = profile.schedule
    table = PeriodTable.of(schedule, kind, zone)
    said = []
    for period, row in zip(schedule.periods, table.rows, strict=True):
        if kind == "absolute" and schedule.start_at is not None:
            begins = clock(schedule.start_at + timedelta(seconds=period.start_s), zone, "date")
        elif kind == "weekly":
            begins = f"{dict(WEEK)[row.day]} {row.at}"
        elif kind == "relative":
            begins = _("after %(time)s h") % {"time": length_text(period.start_s)}
        else:
            begins = row.at
        said.append(PeriodSaid(begins, limit_in_words(period.limit, schedule.unit), str(period.phases or "")))
    return said


def times_said(profile: Profile) -> str:
    """`Every day`, and how long it lasts where it ends."""
    said = str(TIMES[kind_choice(profile.kind, profile.recurrency)])
    if profile.schedule.duration_s is not None:
        said += ", " + _("for %(time)s h") % {"time": length_text(profile.schedule.duration_s)}
    return said


def validity_said(valid_from: datetime | None, valid_to: datetime | None, zone: ZoneInfo) -> str:
    """Empty: without bounds."""
    parts = []
    if valid_from is not None:
        parts.append(_("from %(time)s") % {"time": clock(valid_from, zone, "date")})
    if valid_to is not None:
        parts.append(_("until %(time)s") % {"time": clock(valid_to, zone, "date")})
    return " ".join(parts)


def profile_in_words(profile: Profile, zone: ZoneInfo, most: int = 4) -> str:
    """`Every day: 06:00 8 A, 22:00 16 A`; the first `most` periods."""
    said = periods_said(profile, zone)
    text = ", ".join(f"{one.begins} {one.limit}" for one in said[:most])
    more = f" … (+{len(said) - most})" if len(said) > most else ""
    return f"{times_said(profile)}: {text}{more}"


def connector_said(evse_number: int) -> str:
    """`Connector 2`; 0 is the whole station."""
    return _("Whole station") if evse_number == 0 else _("Connector %(number)s") % {"number": evse_number}


def source_said(row: ChargingProfile) -> str:
    """Who set it, and by what."""
    source = row.get_source_display()
    if row.source == ChargingProfile.Source.TEMPLATE and row.template is not None:
        source = _("Template %(name)s") % {"name": row.template.name}
    return f"{source} · {row.requested_by}" if row.requested_by else source


def detail_said(row: ChargingProfile) -> str:
    """Why it was not taken, or how it ended."""
    return detail_words(row.detail)


def detail_words(text: str) -> str:
    """What is kept with a profile, or with a limit that was sent by one, for people."""
    return str(DETAILS[text]) if text in DETAILS else shown(text)


# The words of services.profiles and services.sending.
DETAILS = {
    "no answer": gettext_lazy("The charge point did not answer."),
    "not sent": gettext_lazy("It was not sent."),
    "no session began": gettext_lazy("No session began."),
    "session ended": gettext_lazy("The session ended."),
    "offline": gettext_lazy("The charge point was offline."),
    "superseded": gettext_lazy("A newer one took its place before it was sent."),
    "Rejected": gettext_lazy("The charge point refused it."),
    "NotSupported": gettext_lazy("The charge point doesn't support charging profiles."),
}


def sentence(parts: Sequence[str]) -> str:
    return " · ".join(part for part in parts if part)
