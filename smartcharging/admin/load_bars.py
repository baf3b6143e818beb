"""A circuit's load as bars: what is measured, allotted, and possible at worst, against what it carries. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from smartcharging.admin.pictures import limit_in_words
from smartcharging.admin.pills import pill
from smartcharging.circuit_load import NodeLoad
from smartcharging.models import CircuitLimit
from tenants.api.serializers import plain_decimal

# From so much of what may be used on, a circuit is called full.
FULL = 0.98
EPSILON = 0.05


@dataclass(frozen=True, slots=True)
class Bar:
    """One phase, or all together. Shares are percent of the bar's length; `said` says it all in words."""

    label: str
    base: float
    actual: float
    allotted: float
    # What is left right of the worst case.
    worst_rest: float
    # Where the signals and the base load end what chargers may use.
    usable: float
    short: str
    said: str


@dataclass(frozen=True, slots=True)
class NodeBars:
    """A circuit of the tree with its bars."""

    node: NodeLoad
    indent: int
    bars: list[Bar]
    state: SafeString
    signals: list[str]


def node_bars(node: NodeLoad) -> NodeBars:
    bars = [_watts(node)] if node.capacity_w is not None else _amps(node)
    return NodeBars(node, node.level * 22, bars, _state(node), [signal_said(limit) for limit in node.limits])


def signal_said(limit: CircuitLimit) -> str:
    """`At most 40 A on each phase`."""
    if limit.limit_a is not None:
        return _("at most %(limit)s on each phase") % {"limit": limit_in_words(limit.limit_a, "A")}
    return _("at most %(limit)s in all") % {"limit": limit_in_words(limit.limit_w, "W")}


def _amps(node: NodeLoad) -> list[Bar]:
    """A bar for each phase; of a circuit of one phase that one."""
    phases = list(node.phases)
    if node.circuit.phases == 1:
        phases = [max(phases, key=lambda one: (one.worst_a, one.actual_a))]
    bars = []
    for phase in phases:
        full = phase.capacity_a or 0.0
        usable = full if phase.usable_a is None else phase.usable_a + phase.base_a
        values = (phase.base_a, phase.actual_a, phase.allotted_a, phase.worst_a)
        label = phase.phase if node.circuit.phases == 3 else _("one phase")
        bars.append(_bar(label, full, usable, values, "A"))
    return bars


def _watts(node: NodeLoad) -> Bar:
    volts, full = node.circuit.voltage, node.capacity_w or 0.0
    count = node.circuit.phases
    phases = node.phases if count == 3 else [max(node.phases, key=lambda one: (one.worst_a, one.actual_a))]
    base = sum(one.base_a for one in phases) * volts
    usable = full if node.usable_w is None else node.usable_w + base
    values = (
        base,
        *(sum(getattr(one, name) for one in phases) * volts for name in ("actual_a", "allotted_a", "worst_a")),
    )
    return _bar(_("all phases"), full, usable, values, "W")


def _bar(label: str, full: float, usable: float, values: tuple[float, ...], unit: Any) -> Bar:
    base, actual, allotted, worst = values
    whole = max(full, base + worst, base + actual, 0.1)

    def share(value: float) -> float:
        return round(100 * max(0.0, min(value, whole)) / whole, 2)

    words = {
        "label": label,
        # Of the meter: more digits than it has good ones.
        "actual": limit_in_words(round(actual, 1 if unit == "A" else 0), unit),
        "allotted": limit_in_words(allotted, unit),
        "worst": limit_in_words(worst, unit),
        "base": limit_in_words(base, unit),
        "capacity": limit_in_words(full, unit),
    }
    said = _(
        "%(label)s: chargers take %(actual)s, are allotted %(allotted)s and may take %(worst)s at worst;"
        " others take %(base)s; it carries %(capacity)s."
    )
    short = _("%(actual)s of %(allotted)s allotted, %(worst)s at worst; others %(base)s; carries %(capacity)s")
    if base < EPSILON:
        short = _("%(actual)s of %(allotted)s allotted, %(worst)s at worst; carries %(capacity)s")
    return Bar(
        label,
        share(base),
        share(actual),
        share(allotted),
        100 - share(base + worst),
        share(usable),
        short % words,
        said % words,
    )


def _state(node: NodeLoad) -> SafeString:
    """In words and colour: off, over, full, or room left."""
    if not node.circuit.enabled:
        return pill("unknown", _("switched off"))
    if _over(node, lambda one: one.actual_a, node.actual_w):
        return pill("failed", _("over its limit"))
    worst_w = sum(one.worst_a for one in node.phases) * node.circuit.voltage
    if _over(node, lambda one: one.worst_a, worst_w):
        return pill("timed_out", _("over at worst"))
    used = [one.worst_a / one.usable_a for one in node.phases if one.usable_a]
    if node.usable_w:
        used.append(worst_w / node.usable_w)
    if max(used, default=0.0) >= FULL:
        return pill("timed_out", _("full"))
    return pill("accepted", _("room left"))


def _over(node: NodeLoad, amps_of: Any, watts: float) -> bool:
    if node.usable_w is not None and watts > node.usable_w + EPSILON * node.circuit.voltage:
        return True
    return any(one.usable_a is not None and amps_of(one) > one.usable_a + EPSILON for one in node.phases)


def amps_said(value: Decimal | float | None) -> str:
    """`12.5 A`, or a dash."""
    return "–" if value is None else f"{number_format(plain_decimal(round(Decimal(str(value)), 1)))} A"
