"""One element of a tariff as a row that people fill in: what each field is called, and what its text means.

Texts that mean nothing are handed on as they are: metering.pricing.tariff names the fault. Knows no database.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import get_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from metering.pricing.tariff import DAYS, Dimension, Element, Restrictions
from metering.pricing.words import plain

NAME = "elements"
_NUMBER = re.compile(r"\d{1,8}([.,]\d{1,4})?")
_WHOLE = re.compile(r"\d{1,10}")
_LENGTH = re.compile(r"(\d{1,6}):([0-5]\d)(?::([0-5]\d))?")
Text = str | Promise


class PriceKind(NamedTuple):
    """A line of prices. `unit`: what the price is for; `step_unit`: what its step is counted in."""

    kind: Dimension
    label: Text
    unit: Text
    step_unit: str


class Bound(NamedTuple):
    """A condition with two ends, each with the word that stands before it. `input`: the type of the fields; `keys`: a phone's."""

    label: Text
    low: str
    low_word: Text
    high: str
    high_word: Text
    input: str = "text"
    keys: str = ""


KINDS = (
    PriceKind(Dimension.ENERGY, _("Energy"), _("per kWh"), "Wh"),
    PriceKind(Dimension.TIME, _("Charging time"), _("per hour"), "s"),
    PriceKind(Dimension.PARKING_TIME, _("Parking time"), _("per hour"), "s"),
    PriceKind(Dimension.FLAT, _("Session fee"), _("per session"), ""),
)
CLOCK = Bound(_("Time of day"), "start_time", _("from"), "end_time", _("to"), "time")
BOUNDS = (
    Bound(_("Dates"), "start_date", _("from"), "end_date", _("before"), "date"),
    Bound(_("Energy (kWh)"), "min_kwh", _("from"), "max_kwh", _("below"), keys="decimal"),
    Bound(_("Power (kW)"), "min_power", _("from"), "max_power", _("below"), keys="decimal"),
    Bound(_("Duration (h:mm)"), "min_duration", _("after"), "max_duration", _("until")),
)
DAY_SLOT = "day_of_week"
LENGTHS = {"min_duration", "max_duration"}
NUMBERS = {"min_kwh", "max_kwh", "min_power", "max_power"}
CONDITIONS = [name for bound in (CLOCK, *BOUNDS) for name in (bound.low, bound.high)]
PRICE_SLOTS = [f"{one.kind.lower()}_{part}" for one in KINDS for part in ("price", "vat", "step_size")]


@dataclass(slots=True)
class RateRow:
    """`values`: texts by slot (`energy_price`, `start_time` ...); `days`: those ticked; `faults`: texts by slot, "" the row."""

    key: str
    values: dict[str, str] = field(default_factory=dict)
    days: tuple[str, ...] = ()
    faults: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def posted(cls, data: Any, key: str) -> "RateRow":
        """From a form's data (a QueryDict)."""
        values = {slot: data.get(f"{NAME}-{key}-{slot}", "").strip() for slot in (*PRICE_SLOTS, *CONDITIONS)}
        return cls(key, values, tuple(data.getlist(f"{NAME}-{key}-{DAY_SLOT}")[: len(DAYS)]))

    @classmethod
    def of(cls, element: Element, key: str) -> "RateRow":
        """An element for editing."""
        values: dict[str, str] = {}
        for one in element.components:
            slot = one.type.lower()
            values[f"{slot}_price"] = _shown(one.price)
            values[f"{slot}_vat"] = "" if one.vat is None else _shown(one.vat)
            values[f"{slot}_step_size"] = str(one.step_size)
        rule = element.restrictions
        values |= {name: _condition_shown(name, getattr(rule, name)) for name in CONDITIONS}
        days = tuple(DAYS[day] for day in sorted(rule.day_of_week or ()))
        return cls(key, values, days)

    @property
    def kinds(self) -> list[PriceKind]:
        """Those that the row has a price (or a tax) for: its components, in this order."""
        return [one for one in KINDS if self._said(one, "price") or self._said(one, "vat")]

    @property
    def is_empty(self) -> bool:
        return not self.kinds and not self.days and not any(self.values.get(name) for name in CONDITIONS)

    def element(self) -> dict[str, Any]:
        """As OCPI spells it."""
        found: dict[str, Any] = {"price_components": [self._component(one) for one in self.kinds]}
        rule: dict[str, Any] = {
            name: _condition(name, self.values[name]) for name in CONDITIONS if self.values.get(name)
        }
        if self.days:
            rule[DAY_SLOT] = list(self.days)
        return found | ({"restrictions": rule} if rule else {})

    def slot_of(self, path: Iterable[str]) -> str:
        """Where a fault belongs: the slot of a path within the element, such as (price_components, 0, price)."""
        match tuple(path):
            case ("price_components", index, name) if index.isdigit() and int(index) < len(self.kinds):
                return f"{self.kinds[int(index)].kind.lower()}_{name}"
            case ("restrictions", name, *_rest):
                return name
        return ""

    def fault(self, slot: str, text: str) -> None:
        self.faults.setdefault(slot, []).append(text)

    def unreadable_length(self, slot: str) -> bool:
        return slot in LENGTHS and isinstance(_condition(slot, self.values.get(slot, "")), str)

    # For the page.

    def cell(self, slot: str) -> dict[str, Any]:
        """An input of the row."""
        name = f"{NAME}-{self.key}-{slot}"
        return {"name": name, "slot": slot, "value": self.values.get(slot, ""), "faults": self.faults.get(slot, [])}

    @property
    def price_lines(self) -> list[dict[str, Any]]:
        lines = []
        for one in KINDS:
            slot = one.kind.lower()
            step = self.cell(f"{slot}_step_size") if one.step_unit else None
            cells = {"price": self.cell(f"{slot}_price"), "vat": self.cell(f"{slot}_vat"), "step": step}
            lines.append({"said": one, **cells})
        return lines

    @property
    def clock(self) -> dict[str, Any]:
        return self._bound(CLOCK)

    @property
    def bounds(self) -> list[dict[str, Any]]:
        return [self._bound(bound) for bound in BOUNDS]

    @property
    def has_more(self) -> bool:
        """Whether one of the conditions that are folded away says something, or is wrong."""
        return any(self.values.get(name) or name in self.faults for bound in BOUNDS for name in (bound.low, bound.high))

    @property
    def weekdays(self) -> list[tuple[str, Text, Text, bool]]:
        """(value, abbreviation, name, ticked)."""
        return [(day, WEEKDAYS_ABBR[at], WEEKDAYS[at], day in self.days) for at, day in enumerate(DAYS)]

    @property
    def day_cell(self) -> dict[str, Any]:
        return self.cell(DAY_SLOT)

    @property
    def own_faults(self) -> list[str]:
        return self.faults.get("", [])

    def _bound(self, bound: Bound) -> dict[str, Any]:
        labels = {"low_label": f"{bound.label}: {bound.low_word}", "high_label": f"{bound.label}: {bound.high_word}"}
        return {"said": bound, "low": self.cell(bound.low), "high": self.cell(bound.high), **labels}

    def _said(self, one: PriceKind, part: str) -> str:
        return self.values.get(f"{one.kind.lower()}_{part}", "")

    def _component(self, one: PriceKind) -> dict[str, Any]:
        price, vat, step = (self._said(one, part) for part in ("price", "vat", "step_size"))
        component: dict[str, Any] = {"type": str(one.kind), "price": _number(price) if price else None}
        if vat:
            component["vat"] = _number(vat)
        # Billed as it is measured, unless one says otherwise; a fee has no steps. OCPI wants the field all the same.
        component["step_size"] = _whole(step) if step and one.step_unit else 1
        return component


def _condition(name: str, text: str) -> Any:
    if name in LENGTHS:
        found = _LENGTH.fullmatch(text)
        return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0) if found and text.isascii() else text
    return _number(text) if name in NUMBERS else text


def _condition_shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in LENGTHS:
        seconds = f":{value % 60:02d}" if value % 60 else ""
        return f"{value // 3600}:{value % 3600 // 60:02d}{seconds}"
    if name in NUMBERS:
        return _shown(value)
    return f"{value:%H:%M}" if name in {"start_time", "end_time"} else str(value)


def _number(text: str) -> Any:
    """With a point or a comma. JSON's number, exact at so few digits."""
    if not text.isascii() or not _NUMBER.fullmatch(text):
        return text
    value = Decimal(text.replace(",", "."))
    return int(value) if value == value.to_integral_value() else float(value)


def _whole(text: str) -> Any:
    return int(text) if text.isascii() and _WHOLE.fullmatch(text) else text


def _shown(value: Decimal) -> str:
    """As the reader's language writes it."""
    return plain(value).replace(".", str(get_format("DECIMAL_SEPARATOR")))


def same_terms(one: Iterable[Element], other: Iterable[Element]) -> bool:
    """Whether two lists of elements say the same: the order of an element's prices, and steps of fees, say nothing."""

    def said(elements: Iterable[Element]) -> list[tuple[Mapping[str, Any], Restrictions]]:
        return [
            (
                {
                    part.type: (part.price, part.vat, part.step_size * (part.type != "FLAT"))
                    for part in element.components
                },
                element.restrictions,
            )
            for element in elements
        ]

    return said(one) == said(other)
