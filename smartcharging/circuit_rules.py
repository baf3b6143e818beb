"""What a tree of circuits must be like so that it can be kept: pure checks over plain values.

Everything here is true while nobody hears us: limits that stations fall back to must fit below every fuse by themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext

MOST_LEVELS = 8
# In a sentence; who has hundreds of connectors knows by the first what is meant.
NAMED = 3
# The circuit's phases (0: L1) that a member's own L1, L2, L3 hang on, in their order.
WIRINGS: dict[str, tuple[int, ...]] = {
    wiring: tuple("RST".index(letter) for letter in wiring)
    for wiring in ("RST", "STR", "TRS", "RTS", "SRT", "TSR", "R", "S", "T")
}


@dataclass(frozen=True, slots=True)
class Fuse:
    """A circuit. `capacity` is A on each phase, or W in all where `unit` is "W"; `base_a` A on each phase.

    `minimum_a` and `fallback_a`: of a root, for the connectors of its tree that have none of their own.
    """

    id: int
    parent_id: int | None
    name: str
    unit: str
    capacity: Decimal
    phases: int
    voltage: int
    base_a: Decimal
    minimum_a: Decimal = Decimal(0)
    fallback_a: Decimal = Decimal(0)

    @property
    def watts(self) -> Decimal:
        """What it carries in all."""
        return self.capacity if self.unit == "W" else self.capacity * self.voltage * self.phases


@dataclass(frozen=True, slots=True)
class Plug:
    """A member. `minimum_a` and `fallback_a` are those that hold: its own, else the root's."""

    id: int
    fuse_id: int
    name: str
    wiring: str
    max_a: Decimal
    minimum_a: Decimal
    fallback_a: Decimal


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a tree can't be. `at`: the circuit or member it is about; `field` the model's name of what to change."""

    reason: str
    field: str
    sentence: str
    fuse_id: int | None = None
    plug_id: int | None = None


def problems_of(fuses: Iterable[Fuse], plugs: Iterable[Plug]) -> list[Problem]:
    """All that is wrong with one tree; empty: it can be kept. Its parents must lead to one root without a circle."""
    by_id = {fuse.id: fuse for fuse in fuses}
    plugs = list(plugs)
    found: list[Problem] = []
    if len(by_id) > 1 and max(len(path_of(fuse.id, by_id)) for fuse in by_id.values()) > MOST_LEVELS:
        found.append(
            Problem(
                "too_deep",
                "parent",
                gettext("A tree has at most %(most_levels)s levels.") % {"most_levels": MOST_LEVELS},
            )
        )
    for plug in plugs:
        found += _of_plug(plug)
    found += _of_phases(by_id, plugs)
    for fuse in by_id.values():
        parent = by_id.get(fuse.parent_id) if fuse.parent_id is not None else None
        if parent is not None and fuse.base_a > parent.base_a:
            sentence = gettext(
                "Others take up to %(base_a)s A below %(name)s: that flows through %(name2)s too, whose "
                "base load is %(base_a2)s A."
            ) % {
                "base_a": _shown(fuse.base_a),
                "name": f"{fuse.name!r}",
                "name2": f"{parent.name!r}",
                "base_a2": _shown(parent.base_a),
            }
            found.append(Problem("base_load_above_parent", "base_load_a", sentence, fuse_id=fuse.id))
    return found + _of_fallbacks(by_id, plugs)


def warnings_of(fuses: Iterable[Fuse], plugs: Iterable[Plug] = ()) -> dict[int, list[Problem]]:
    """What looks like a mistake and is safe all the same, by circuit. `fuses`: with the root of the plugs."""
    by_id = {fuse.id: fuse for fuse in fuses}
    found = _useless_fallbacks(by_id, plugs)
    for fuse in by_id.values():
        parent = by_id.get(fuse.parent_id) if fuse.parent_id is not None else None
        if parent is not None and _is_above(fuse, parent):
            sentence = gettext("Carries more than %(name)s above it, whose capacity holds.") % {
                "name": f"{parent.name!r}"
            }
            found.setdefault(fuse.id, []).append(Problem("above_parent", "capacity", sentence, fuse_id=fuse.id))
        if fuse.base_a * (fuse.voltage * fuse.phases if fuse.unit == "W" else 1) >= fuse.capacity:
            sentence = gettext("The base load leaves nothing for charging.")
            found.setdefault(fuse.id, []).append(Problem("no_room", "base_load_a", sentence, fuse_id=fuse.id))
    return found


def _useless_fallbacks(fuses: Mapping[int, Fuse], plugs: Iterable[Plug]) -> dict[int, list[Problem]]:
    """Fallbacks that start no car: the root's, and those that connectors have of their own."""
    found: dict[int, list[Problem]] = {}
    below: dict[tuple[int, Decimal, Decimal], list[Plug]] = {}
    for fuse in fuses.values():
        if fuse.parent_id is None and 0 < fuse.fallback_a < fuse.minimum_a:
            sentence = gettext(
                "The fallback of %(fallback_a)s A is below the lowest charging current of %(minimum_a)s A: without word "
                "of us nothing charges, and the %(fallback_a)s A are kept free all the same. Take 0 A, or %(minimum_a)s A."
            ) % {"fallback_a": _shown(fuse.fallback_a), "minimum_a": _shown(fuse.minimum_a)}
            found[fuse.id] = [Problem("fallback_below_minimum", "fallback_a", sentence, fuse_id=fuse.id)]
    defaults = {(fuse.fallback_a, fuse.minimum_a) for fuse in fuses.values() if fuse.parent_id is None}
    for plug in plugs:
        values = plug.fallback_a, plug.minimum_a
        if 0 < plug.fallback_a < plug.minimum_a and values not in defaults:
            below.setdefault((plug.fuse_id, *values), []).append(plug)
    for (fuse_id, fallback_a, minimum_a), alike in below.items():
        sentence = gettext(
            "%(names)s: the fallback of %(fallback_a)s A is below the lowest charging current of %(minimum_a)s A. Without "
            "word of us nothing charges there, and the %(fallback_a)s A are kept free all the same. Take 0 A, or "
            "%(minimum_a)s A."
        ) % {"names": _names(alike), "fallback_a": _shown(fallback_a), "minimum_a": _shown(minimum_a)}
        problem = Problem("fallback_below_minimum", "fallback_a", sentence, fuse_id=fuse_id, plug_id=alike[0].id)
        found.setdefault(fuse_id, []).append(problem)
    return found


def _names(plugs: Sequence[Plug]) -> str:
    """The first of them."""
    return ", ".join([plug.name for plug in plugs[:NAMED]] + (["…"] if len(plugs) > NAMED else []))


def path_of(fuse_id: int, fuses: Mapping[int, Fuse]) -> list[int]:
    """The circuit and all above it, upwards. Ends at a circle."""
    path: list[int] = []
    here: int | None = fuse_id
    while here is not None and here in fuses and here not in path:
        path.append(here)
        here = fuses[here].parent_id
    return path


def _of_plug(plug: Plug) -> list[Problem]:
    found = []
    if plug.minimum_a > plug.max_a:
        sentence = gettext("%(name)s can't charge with %(minimum_a)s A at least and %(max_a)s A at most.") % {
            "name": plug.name,
            "minimum_a": _shown(plug.minimum_a),
            "max_a": _shown(plug.max_a),
        }
        found.append(Problem("minimum_above_maximum", "minimum_a", sentence, plug_id=plug.id))
    if plug.fallback_a > plug.max_a:
        sentence = gettext("%(name)s would fall back to %(fallback_a)s A, and takes %(max_a)s A at most.") % {
            "name": plug.name,
            "fallback_a": _shown(plug.fallback_a),
            "max_a": _shown(plug.max_a),
        }
        found.append(Problem("fallback_above_maximum", "fallback_a", sentence, plug_id=plug.id))
    return found


def _of_phases(fuses: Mapping[int, Fuse], plugs: list[Plug]) -> list[Problem]:
    """A circuit of one phase carries only what hangs on one phase, and all of it on the same."""
    found = []
    used: dict[int, set[str]] = {}
    for plug in plugs:
        for fuse_id in path_of(plug.fuse_id, fuses):
            fuse = fuses[fuse_id]
            if fuse.phases != 1:
                continue
            if len(WIRINGS[plug.wiring]) > 1:
                sentence = gettext("%(name)s is wired to three phases, %(name2)s has one.") % {
                    "name": plug.name,
                    "name2": f"{fuse.name!r}",
                }
                found.append(Problem("three_phases_on_one", "wiring", sentence, fuse_id=fuse_id, plug_id=plug.id))
                break
            others = used.setdefault(fuse_id, set())
            if others and plug.wiring not in others:
                sentence = gettext("%(name)s has one phase: %(name2)s can't be wired to another than the rest.") % {
                    "name": f"{fuse.name!r}",
                    "name2": plug.name,
                }
                found.append(Problem("another_phase", "wiring", sentence, fuse_id=fuse_id, plug_id=plug.id))
                break
            others.add(plug.wiring)
    for fuse in fuses.values():
        parent = fuses.get(fuse.parent_id) if fuse.parent_id is not None else None
        if parent is not None and parent.phases == 1 and fuse.phases != 1:
            sentence = gettext("%(name)s has three phases, %(name2)s above it one.") % {
                "name": f"{fuse.name!r}",
                "name2": f"{parent.name!r}",
            }
            found.append(Problem("three_phases_on_one", "phases", sentence, fuse_id=fuse.id))
    return found


def _of_fallbacks(fuses: Mapping[int, Fuse], plugs: list[Plug]) -> list[Problem]:
    amps: dict[int, list[Decimal]] = {fuse_id: [Decimal(0)] * 3 for fuse_id in fuses}
    counts: dict[int, int] = {}
    for plug in plugs:
        for fuse_id in path_of(plug.fuse_id, fuses):
            counts[fuse_id] = counts.get(fuse_id, 0) + 1
            for phase in WIRINGS[plug.wiring]:
                amps[fuse_id][phase] += plug.fallback_a
    found = []
    for fuse_id, each in amps.items():
        # Without fallbacks nothing is taken while nobody hears us: then a base load may fill a circuit by itself.
        sentence = _overload(fuses[fuse_id], each, counts.get(fuse_id, 0)) if any(each) else None
        if sentence is not None:
            found.append(Problem("fallbacks_exceed_capacity", "fallback_a", sentence, fuse_id=fuse_id))
    return found


def _overload(fuse: Fuse, amps: list[Decimal], count: int) -> str | None:
    """The numbers in words where fallbacks and base load are more than the fuse carries."""
    worst = max(amps)
    if fuse.unit == "W":
        base_w = fuse.base_a * fuse.voltage * fuse.phases
        total_w = sum(amps, Decimal(0)) * fuse.voltage
        if total_w + base_w <= fuse.capacity:
            return None
        return gettext(
            "What %(count)s connectors fall back to comes to %(total_w)s W%(base_w)s: more than the "
            "%(capacity)s W of %(name)s."
        ) % {
            "count": count,
            "total_w": _shown(total_w),
            "base_w": _and_base(base_w, "W"),
            "capacity": _shown(fuse.capacity),
            "name": f"{fuse.name!r}",
        }
    if worst + fuse.base_a <= fuse.capacity:
        return None
    return gettext(
        "What %(count)s connectors fall back to comes to %(worst)s A on L%(worst2)s%(base_a)s: "
        "more than the %(capacity)s A of %(name)s."
    ) % {
        "count": count,
        "worst": _shown(worst),
        "worst2": amps.index(worst) + 1,
        "base_a": _and_base(fuse.base_a, "A"),
        "capacity": _shown(fuse.capacity),
        "name": f"{fuse.name!r}",
    }


def _and_base(base: Decimal, unit: str) -> str:
    """What is added to the sum in these sentences; nothing where there is no base load."""
    if not base:
        return ""
    return gettext(", beside %(base)s %(unit)s of base load") % {"base": _shown(base), "unit": unit}


def _is_above(fuse: Fuse, parent: Fuse) -> bool:
    if fuse.unit == parent.unit == "A":
        return fuse.capacity > parent.capacity
    return fuse.watts > parent.watts


def _shown(value: Decimal) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
