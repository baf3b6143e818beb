"""Reading the fields of an object of which nothing is known. Problems are collected; nothing here raises. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from chargepoints.protocol.timestamps import read_timestamp
from smartcharging.profiles.problems import ProfileProblem, problem
from smartcharging.profiles.units import decimals

INT32 = 2**31 - 1
# Far above any charge point; a number beyond it is a mistake and would only make sums inexact.
LARGEST = 10**9
# A quotient as charge points report it has 15 decimals or so; with many more sums would be inexact all the same.
MOST_DECIMALS = 30
# Beyond these years the arithmetic of a time zone fails.
FIRST_YEAR, LAST_YEAR = 1970, 2999
MOST_PROBLEMS = 50
LONGEST_NUMBER = 40

Chosen = TypeVar("Chosen")


@dataclass(slots=True)
class Fields:
    """The fields of `found`, which lies at `path`. Each reader returns None for what is absent or wrong."""

    found: Mapping[object, object]
    path: str
    problems: list[ProfileProblem] = field(default_factory=list)

    def note(self, reason: str, name: str, **values: object) -> None:
        # A hostile list of thousands of wrong things is answered with the first of them.
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem(reason, self.at(name), **values))

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path and name else self.path or name

    def only(self, names: frozenset[str]) -> None:
        """Anything else is a spelling mistake, not to be passed over."""
        for name in self.found:
            if name not in names:
                self.note("unknown_field", str(name)[:60] if isinstance(name, str | int) else "?")

    def get(self, name: str, *, required: bool = False) -> object:
        value = self.found.get(name)
        if value is None and required:
            self.note("missing", name)
        return value

    def integer(self, name: str, *, required: bool = False) -> int | None:
        value = self.get(name, required=required)
        if value is None:
            return None
        number = None if isinstance(value, str) else to_number(value)
        if number is None or (abs(number) <= INT32 and number != number.to_integral_value()):
            self.note("not_an_integer", name)
            return None
        if abs(number) > INT32:
            self.note("out_of_range", name, least=-INT32, most=INT32)
            return None
        return int(number)

    def number(self, name: str, *, required: bool = False) -> Decimal | None:
        """A number, or one as text. Exactly as written: a float is taken by its shortest spelling."""
        value = self.get(name, required=required)
        if value is None:
            return None
        number = to_number(value)
        if number is None:
            self.note("not_a_number", name)
        elif abs(number) > LARGEST or decimals(number) > MOST_DECIMALS:
            self.note("out_of_range", name, least=-LARGEST, most=LARGEST)
            return None
        return number

    def time(self, name: str) -> datetime | None:
        value = self.get(name)
        if value is None:
            return None
        try:
            at = value if isinstance(value, datetime) else read_timestamp(value) if isinstance(value, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.note("not_a_time", name)
            return None
        if not FIRST_YEAR <= at.year <= LAST_YEAR:
            self.note("out_of_range", name, least=FIRST_YEAR, most=LAST_YEAR)
            return None
        return at

    def choice(self, name: str, words: Mapping[str, Chosen], *, required: bool = False) -> Chosen | None:
        value = self.get(name, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or value not in words:
            self.note("not_a_choice", name, choices=", ".join(words))
            return None
        return words[value]

    def inner(self, name: str) -> "Fields | None":
        """A required object in here; its problems are collected with ours."""
        value = self.get(name, required=True)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.note("not_an_object", name)
            return None
        return Fields(value, self.at(name), self.problems)

    def each(self, name: str, *, most: int) -> "list[Fields] | None":
        """A required list of objects. None if it is none, or longer than `most`."""
        values = self.get(name, required=True)
        if values is None:
            return None
        if not isinstance(values, Sequence) or isinstance(values, str | bytes | bytearray):
            self.note("not_a_list", name)
            return None
        if len(values) > most:
            self.note("too_many_periods", name, most=most)
            return None
        read = []
        for place, value in enumerate(values):
            if isinstance(value, Mapping):
                read.append(Fields(value, f"{self.at(name)}.{place}", self.problems))
            else:
                self.note("not_an_object", f"{name}.{place}")
        return read


def to_number(value: object) -> Decimal | None:
    """None for what is no finite number: also a truth value, although Python counts with it."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    if isinstance(value, str) and len(value) > LONGEST_NUMBER:
        return None
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None
