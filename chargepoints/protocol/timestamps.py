"""Times as stations write them. Pure."""

import re
from datetime import UTC, datetime

_SHAPE = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(:\d{2})?(?:[.,](\d+))?\s*(Z|z|[+-]\d{2}:?\d{2})?\Z", re.ASCII
)


def parse_timestamp(text: str) -> datetime:
    """An aware UTC time from RFC 3339 and its common misspellings (no zone: UTC). ValueError on nonsense."""
    shape = _SHAPE.match(text.strip())
    if shape is None:
        raise ValueError(f"{text[:40]!r} is not a time")
    day, minute, second, fraction, zone = shape.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    if ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    # Python knows no leap second: it is taken as the second before it.
    leap = second == ":60"
    whole = f"{day}T{minute}{':59' if leap else second or ':00'}.{((fraction or '') + '000000')[:6]}{zone}"
    try:
        return datetime.fromisoformat(whole).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text[:40]!r} is out of range") from error


def read_timestamp(text: str) -> datetime:
    """As `parse_timestamp`, quick for the usual spelling."""
    if len(text) <= 32 and text.endswith("Z"):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    return parse_timestamp(text)


def format_timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: what every station can read."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
