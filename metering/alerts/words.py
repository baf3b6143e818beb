"""Alerts in words: for lists, mails and the log."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from metering.events import plain
from metering.models import Alert
from tenants.stored_words import shown, stored

# Why an alert ended by itself.
BACK = stored("Back inside the bounds.")
NOT_COMPARED = stored("No longer compared: the threshold was changed, switched off or removed.")
SESSION_ENDED = stored("The session ended.")
RISEN = stored("The register is back at its former value.")
CLOCK_RIGHT = stored("The clock is right again.")
RECONNECTED = stored("The station is connected again.")
NO_ERROR = stored("The station reports no error any more.")
OTHER_ERROR = stored("The station reports another error.")
INSTALLED = stored("A later update was installed.")
RENEWED = stored("A new certificate was installed.")
READINGS_AGAIN = stored("Readings come again.")


def place_of(alert: Alert) -> str:
    """`CP-1 / 2`, or `CP-1` for the whole station."""
    identity: str = alert.charge_point.identity
    return f"{identity} / {alert.evse_number}" if alert.evse_number else identity


def describe(alert: Alert) -> str:
    """What is wrong, in one line: `Temperature 75.2 Celsius, limit 70`."""
    if alert.kind == Alert.Kind.THRESHOLD:
        return _("%(what)s %(value)s %(unit)s, limit %(limit)s") % {
            "what": " ".join(part for part in (alert.measurand, alert.phase, alert.detail) if part),
            "value": number(alert.worst_value),
            "unit": alert.unit,
            "limit": number(alert.limit_value),
        }
    if alert.kind == Alert.Kind.REGISTER:
        return _("Register fell from %(before)s to %(after)s %(unit)s") % {
            "before": number(alert.limit_value),
            "after": number(alert.worst_value),
            "unit": alert.unit,
        }
    if alert.kind == Alert.Kind.OFFLINE:
        return _("Offline since %(time)s") % {"time": shown_time(alert.started_at)}
    if alert.kind == Alert.Kind.SILENT:
        return _("No readings since %(time)s in a running session") % {"time": shown_time(alert.started_at)}
    return shown(alert.detail)


def number(value: Decimal | None) -> str:
    return "?" if value is None else number_format(f"{plain(value):f}")


def span(duration: timedelta) -> str:
    """`2 d 3 h`, `3 h 5 min`, `40 s`: the two largest parts."""
    seconds = int(abs(duration.total_seconds()))
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[:2] if amount) or "0 s"


def shown_time(at: datetime) -> str:
    """In the active time zone, named."""
    from django.utils import timezone

    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M %Z")
