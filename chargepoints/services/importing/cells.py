"""What a cell may be: each reader takes its text, without blanks around it, and gives the value. Pure."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

Reader = Callable[[str], Any]
_NUMBER = re.compile(r"[0-9]{1,6}")
# A long number that a spreadsheet took for one: its last digits are gone.
_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Wrong(ValueError):
    """A cell that can't be; the text says why, for people."""


def text(longest: int) -> Callable[[str], str]:
    def read(given: str) -> str:
        if len(given) > longest:
            raise Wrong(_("At most %(most)s characters.") % {"most": longest})
        return given

    return read


def line(longest: int) -> Callable[[str], str]:
    """Text in one line."""
    whole = text(longest)

    def read(given: str) -> str:
        if _CONTROL.search(given):
            raise Wrong(_("No line breaks and control characters."))
        return whole(given)

    return read


def required(reader: Reader) -> Reader:
    def read(given: str) -> Any:
        if not given:
            raise Wrong(_("Must not be empty."))
        return reader(given)

    return read


def choice(values: Sequence[str], empty: str) -> Callable[[str], str]:
    """One of them, in any case; `empty` stands for nothing."""
    known = {value.lower(): value for value in values}

    def read(given: str) -> str:
        found = known.get(given.lower() or empty.lower())
        if found is None:
            raise Wrong(_("One of %(values)s.") % {"values": ", ".join(values)})
        return found

    return read


def time(given: str) -> datetime | None:
    """RFC 3339; without an offset: UTC; a day alone: its beginning."""
    if not given:
        return None
    try:
        parsed = parse_datetime(given if len(given) > 10 else f"{given}T00:00:00Z")
        if parsed is None:
            raise ValueError(given)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong(_("Not a time such as 2027-01-31T12:00:00Z.")) from None


def whole(least: int, most: int, empty: object) -> Callable[[str], int | None]:
    """A whole number; None for an empty cell, of which `empty` says what it means."""

    def read(given: str) -> int | None:
        if not given:
            return None
        if not (_NUMBER.fullmatch(given) and least <= int(given) <= most):
            said = _("A whole number from %(least)s to %(most)s; %(empty)s.")
            raise Wrong(said % {"least": least, "most": most, "empty": empty})
        return int(given)

    return read


def words(longest: int, most: int) -> Callable[[str], list[str]]:
    """A list in one cell: with commas, semicolons or bars; each once."""

    def read(given: str) -> list[str]:
        found = list(dict.fromkeys(word.strip() for word in re.split(r"[,;|]", given) if word.strip()))
        if len(found) > most:
            raise Wrong(_("At most %(most)s.") % {"most": most})
        return [line(longest)(word) for word in found]

    return read


def is_shortened(given: str) -> bool:
    """Whether a spreadsheet has made `1.23457E+13` of what had been typed."""
    return _SHORTENED.fullmatch(given) is not None
