"""Tariffs as OCPI 2.2.1 spells them (mod_tariffs, TariffElement): read strictly, into frozen values.

Knows no database. Every fault is named by its path in what was given: `elements.0.price_components.1.step_size`.
Not taken: `reservation` (we don't bill reservations) and `min_current`/`max_current` (registers give energy and power).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from django.utils.translation import gettext, gettext_noop

from metering.pricing.money import CURRENCIES, LINE_PLACES

MAX_ELEMENTS = 50
_NUMBER = re.compile(r"\d{1,8}(\.\d{1,4})?")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_DATE = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
UNSUPPORTED = {
    "reservation": gettext_noop("Reservations are not billed."),
    "min_current": gettext_noop("Not supported: use min_power."),
    "max_current": gettext_noop("Not supported: use max_power."),
}


class Dimension(StrEnum):
    """What a price is for."""

    FLAT = "FLAT"
    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """`price` per kWh, per hour, or (FLAT) per session, before tax; `vat` in percent, None: no tax applies.

    `step_size` in Wh or seconds.
    """

    type: Dimension
    price: Decimal
    vat: Decimal | None = None
    step_size: int = 1


@dataclass(frozen=True, slots=True)
class Restrictions:
    """When an element holds; all that are set must. Lower bounds are inclusive, upper ones exclusive. Times are local."""

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    day_of_week: frozenset[int] | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: int | None = None
    max_duration: int | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """Prices that hold together."""

    components: tuple[PriceComponent, ...]
    restrictions: Restrictions = Restrictions()


@dataclass(frozen=True, slots=True)
class Terms:
    """A tariff, ready for pricing. `min_price` and `max_price` of a session, before tax."""

    currency: str
    elements: tuple[Element, ...]
    min_price: Decimal | None = None
    max_price: Decimal | None = None


class Fault(NamedTuple):
    """What is wrong, and where."""

    path: str
    text: str


class TariffFaults(ValueError):
    """All that is wrong with a tariff."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.path}: {fault.text}" for fault in faults))
        self.faults = faults


def parse_terms(*, currency: Any, elements: Any, min_price: Any = None, max_price: Any = None) -> Terms:
    """The tariff as given, checked. Raises TariffFaults, naming every fault."""
    reader = _Reader()
    if not isinstance(currency, str) or currency not in CURRENCIES:
        reader.fault("currency", gettext("A currency code of ISO 4217, such as EUR."))
    terms = Terms(
        currency=str(currency),
        elements=reader.elements(elements),
        min_price=reader.number(min_price, "min_price"),
        max_price=reader.number(max_price, "max_price"),
    )
    reader.in_order(terms.min_price, terms.max_price, "max_price", equal=True)
    if reader.faults:
        raise TariffFaults(reader.faults)
    return terms


class _Reader:
    """Reads on after a fault, so that all are named at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, path: str, text: str) -> None:
        self.faults.append(Fault(path, text))

    def elements(self, given: Any) -> tuple[Element, ...]:
        items = self._list(given, "elements", MAX_ELEMENTS)
        return tuple(self._element(item, f"elements.{index}") for index, item in enumerate(items))

    def _element(self, given: Any, path: str) -> Element:
        fields = self._object(given, path, {"price_components", "restrictions"})
        listed = self._list(fields.get("price_components"), f"{path}.price_components", len(Dimension))
        components: list[PriceComponent] = []
        for index, item in enumerate(listed):
            component = self._component(item, f"{path}.price_components.{index}")
            if component is not None:
                if any(known.type == component.type for known in components):
                    self.fault(
                        f"{path}.price_components.{index}.type",
                        gettext("This element has a price of this type already."),
                    )
                components.append(component)
        restrictions = fields.get("restrictions")
        found = Restrictions() if restrictions is None else self._restrictions(restrictions, f"{path}.restrictions")
        return Element(tuple(components), found)

    def _component(self, given: Any, path: str) -> PriceComponent | None:
        fields = self._object(given, path, {"type", "price", "vat", "step_size"})
        kind = fields.get("type")
        if not isinstance(kind, str) or kind not in Dimension.__members__:
            if fields:
                self.fault(
                    f"{path}.type", gettext("One of %(members)s.") % {"members": ", ".join(Dimension.__members__)}
                )
            return None
        if fields.get("price") is None:
            self.fault(f"{path}.price", gettext("This field is required."))
        price = self.number(fields.get("price"), f"{path}.price")
        vat = self.number(fields.get("vat"), f"{path}.vat", most=100)
        step = fields.get("step_size")
        if step is None and kind == Dimension.FLAT:
            step = 1
        step_size = self._whole(step, f"{path}.step_size", least=1, required=True)
        return PriceComponent(Dimension(kind), price or Decimal(0), vat, step_size or 1)

    def _restrictions(self, given: Any, path: str) -> Restrictions:
        fields = self._object(given, path, set(Restrictions.__slots__) | set(UNSUPPORTED))
        for name in UNSUPPORTED.keys() & fields.keys():
            if fields[name] is not None:
                self.fault(f"{path}.{name}", gettext(UNSUPPORTED[name]))
        read: dict[str, Any] = {}
        for names, reading in (
            (("start_time", "end_time"), self._time),
            (("start_date", "end_date"), self._date),
            (("day_of_week",), self._days),
            (("min_kwh", "max_kwh", "min_power", "max_power"), self.number),
            (("min_duration", "max_duration"), self._whole),
        ):
            reader: Callable[[Any, str], Any] = reading
            for name in names:
                read[name] = None if fields.get(name) is None else reader(fields[name], f"{path}.{name}")
        for low, high in (
            ("start_date", "end_date"),
            ("min_kwh", "max_kwh"),
            ("min_power", "max_power"),
            ("min_duration", "max_duration"),
        ):
            self.in_order(read[low], read[high], f"{path}.{high}")
        return Restrictions(**read)

    def number(self, given: Any, path: str, *, most: int = 10**8) -> Decimal | None:
        """Zero or more, at most four decimals; None stays None."""
        if given is None:
            return None
        # The shortest text of a float is what was written: 0.1 is 0.1.
        text = f"{Decimal(repr(given)):f}" if isinstance(given, float) and _finite(given) else str(given)
        text = text.removesuffix(".0")
        usable = isinstance(given, int | float | str | Decimal) and not isinstance(given, bool)
        if not usable or not text.isascii() or not _NUMBER.fullmatch(text) or Decimal(text) > most:
            self.fault(
                path,
                gettext("A number from 0 to %(most)s with at most %(line_places)s decimals.")
                % {"most": f"{most:,}", "line_places": LINE_PLACES},
            )
            return None
        return Decimal(text)

    def in_order(self, low: Any, high: Any, path: str, *, equal: bool = False) -> None:
        if low is not None and high is not None and (high < low or (high == low and not equal)):
            self.fault(path, gettext("Ends before it begins."))

    def _whole(self, given: Any, path: str, *, least: int = 0, required: bool = False) -> int | None:
        if given is None and required:
            self.fault(path, gettext("This field is required."))
            return None
        if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= 10**9:
            self.fault(path, gettext("A whole number of %(least)s or more.") % {"least": least})
            return None
        return given

    def _time(self, given: Any, path: str) -> time | None:
        if not isinstance(given, str) or not given.isascii() or not _TIME.fullmatch(given):
            self.fault(path, gettext("A local time such as 08:30."))
            return None
        return time.fromisoformat(given)

    def _date(self, given: Any, path: str) -> date | None:
        try:
            if isinstance(given, str) and given.isascii() and _DATE.fullmatch(given):
                return date.fromisoformat(given)
        except ValueError:
            pass
        self.fault(path, gettext("A date such as 2026-12-24."))
        return None

    def _days(self, given: Any, path: str) -> frozenset[int] | None:
        days = self._list(given, path, len(DAYS), empty=True)
        for index, day in enumerate(days):
            if day not in DAYS:
                self.fault(f"{path}.{index}", gettext("One of %(days)s.") % {"days": ", ".join(DAYS)})
        # An empty list is OCPI's way of saying nothing.
        return frozenset(DAYS.index(day) for day in days if day in DAYS) if days else None

    def _list(self, given: Any, path: str, most: int, *, empty: bool = False) -> list[Any]:
        if not isinstance(given, list) or not (empty or given) or len(given) > most:
            self.fault(
                path, gettext("A list of %(least)s to %(most)s items.") % {"least": 0 if empty else 1, "most": most}
            )
            return []
        return given

    def _object(self, given: Any, path: str, known: set[str]) -> dict[str, Any]:
        if not isinstance(given, dict):
            self.fault(path, gettext("An object."))
            return {}
        for name in given:
            if name not in known:
                self.fault(f"{path}.{str(name)[:80]}", gettext("Unknown field."))
        return given


def _finite(value: float) -> bool:
    return value - value == 0
