"""What would follow of a profile: the composite schedule with it beside the one without. In the tenant's scope."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from chargepoints.models import ChargePoint
from smartcharging.admin.pictures import clock, limit_in_words, line, picture, schedule_points, shown_unit, texts
from smartcharging.admin.profile_words import connector_said
from smartcharging.profiles.composite import composite_schedule
from smartcharging.profiles.shapes import CompositePeriod, Installed, Profile, Unit
from smartcharging.selectors import installed_profiles, running_session, voltage_of
from smartcharging.services.comparison import limit_at_second

DAY, WEEK, HOUR = timedelta(days=1), timedelta(days=7), timedelta(hours=1)


def preview(
    station: ChargePoint, evse_number: int, profile: Profile, *, now: datetime, zone: ZoneInfo, first_connector: int
) -> tuple[dict[str, Any], str]:
    """(picture, what it says in words). A default of the whole station is shown at its first connector."""
    shown = evse_number if evse_number or profile.purpose == "station_max" else first_connector
    start, length = _window(profile, now)
    unit = profile.schedule.unit
    held = installed_profiles(station.pk)
    after = [one for one in held if not _same_place(one, evse_number, profile)] + [Installed(evse_number, profile)]
    session = running_session(station.pk, shown) if shown else None
    volts = voltage_of(station.pk, shown)

    def composite(installed: Sequence[Installed]) -> list[CompositePeriod]:
        return composite_schedule(
            installed,
            evse_number=shown,
            start=start,
            duration_s=round(length.total_seconds()),
            unit=unit,
            zone=zone,
            session_start=session.started_at if session else _imagined(profile, start),
            transaction_id=session.protocol_id if session else None,
            voltage=volts,
        )

    with_it, without = composite(after), composite(held)
    drawn = _drawn(with_it, without, unit, start, length)
    if with_it == without:
        return drawn, _("It changes nothing in this time: what is installed says the same, or holds before it.")
    imagined = session is None and profile.kind == "relative"
    return drawn, _said(with_it, unit, start, shown, zone, imagined=imagined)


def alone(profile: Profile, *, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """A profile by itself, for the script that draws (`data-schedule`, card `profile`)."""
    start, length = _window(profile, now)
    unit = profile.schedule.unit
    name, _divisor = shown_unit(unit)
    duration = round(length.total_seconds())
    number = 0 if profile.purpose == "station_max" else 1
    periods = composite_schedule(
        [Installed(number, profile)],
        evse_number=number,
        start=start,
        duration_s=duration,
        unit=unit,
        zone=zone,
        session_start=start,
        transaction_id=profile.transaction_id,
    )
    points = schedule_points(periods, start=start, duration_s=duration, unit=unit)
    drawn = picture([line(_("Limit"), points, name)], start=start, end=start + length, unit=name)
    return {"zone": zone.key, "unit": unit, "texts": texts(), "charts": {"profile": {unit: drawn}}}


def _imagined(profile: Profile, start: datetime) -> datetime | None:
    """What counts from the start of a session is shown for one that begins now."""
    return start if profile.kind == "relative" else None


def _window(profile: Profile, now: datetime) -> tuple[datetime, timedelta]:
    """A day from now; a week for weekly ones; what is to come later, when it comes."""
    start = now.replace(second=0, microsecond=0)
    if profile.recurrency == "weekly":
        return start, WEEK
    begins = max((at for at in (profile.schedule.start_at, profile.valid_from) if at is not None), default=start)
    if begins > start + DAY - HOUR:
        start = begins - HOUR
    if profile.kind == "recurring":
        return start, DAY
    last = profile.schedule.periods[-1].start_s
    ends = timedelta(seconds=last if profile.schedule.duration_s is None else profile.schedule.duration_s) + 2 * HOUR
    origin = profile.schedule.start_at or start
    return start, min(max(DAY, origin + ends - start), WEEK)


def _same_place(one: Installed, evse_number: int, profile: Profile) -> bool:
    other = one.profile
    return (one.evse_number, other.purpose, other.stack_level) == (evse_number, profile.purpose, profile.stack_level)


def _drawn(
    after: list[CompositePeriod], before: list[CompositePeriod], unit: Unit, start: datetime, length: timedelta
) -> dict[str, Any]:
    name, _divisor = shown_unit(unit)
    duration = round(length.total_seconds())
    lines = [
        line(_("With this profile"), schedule_points(after, start=start, duration_s=duration, unit=unit), name),
        line(_("As it is now"), schedule_points(before, start=start, duration_s=duration, unit=unit), name),
    ]
    return picture(lines, start=start, end=start + length, unit=name)


def _said(
    periods: list[CompositePeriod],
    unit: Unit,
    start: datetime,
    shown: int,
    zone: ZoneInfo,
    *,
    imagined: bool,
) -> str:
    """`Connector 1: now 16 A; lowest 8 A from Sun 06:00.`"""
    limits = [one for one in periods if one.limit is not None]
    place = connector_said(shown)
    if not limits:
        return _("%(place)s: nobody would limit it.") % {"place": place}
    lowest = min(limits, key=lambda one: one.limit or 0)
    values = {
        "place": place,
        "now": limit_in_words(limit_at_second(periods, 0), unit),
        "lowest": limit_in_words(lowest.limit, unit),
        "at": clock(start + timedelta(seconds=lowest.start_s), zone),
    }
    said = _("%(place)s: at first %(now)s; the lowest is %(lowest)s, from %(at)s.") % values
    return said + (" " + _("Shown for a session that begins now.") if imagined else "")
