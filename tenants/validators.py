"""What the fields of a tenant may hold."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

# One tenant's wildcard would hold up the feed of all (MQTT 3.1.1 §4.7: none in a topic that is published to; `$` is the broker's).
validate_topic_prefix = RegexValidator(
    r"^[A-Za-z0-9_.:-]+(/[A-Za-z0-9_.:-]+)*\Z",
    _("Levels of letters, digits and _ . : - with a slash between two: fleet/ocpp."),
)


def validate_time_zone(name: str) -> None:
    """ValidationError for a name that the time zone database doesn't have."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError(_("A name of the time zone database, such as Europe/Berlin.")) from None
