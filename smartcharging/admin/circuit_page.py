"""What the page of a circuit shows: its tree with bars, its connectors, signals, meter, and the last limits sent."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chargepoints.admin.pills import pill as status_pill
from chargepoints.models import Connector
from smartcharging.admin.load_bars import amps_said, node_bars, signal_said
from smartcharging.admin.pictures import clock, limit_in_words, texts
from smartcharging.admin.pills import pill
from smartcharging.admin.profile_words import detail_words
from smartcharging.admin.zones import zone_of_site
from smartcharging.circuit_load import MemberLoad, TreeLoad, load_of
from smartcharging.circuit_rules import warnings_of
from smartcharging.circuit_selectors import fuses_of, limits_sent_to, plugs_of, tree_of
from smartcharging.models import Allotment, Circuit, CircuitLimit, LimitSent
from smartcharging.reason_words import cause_in_words, reason_in_words
from tenants.admin.base import has_role
from tenants.models import Role

LAST_LIMITS = 25
LAST_SIGNALS = 20
RANGES = [(1, "1 h"), (6, "6 h"), (24, "24 h"), (7 * 24, "7 d"), (30 * 24, "30 d")]
# More are in the API; a page that refreshes itself must stay small.
MOST_MEMBERS = 500


def page_of(request: HttpRequest, circuit: Circuit) -> dict[str, Any]:
    """The whole page; `live_of` is in it."""
    live = live_of(request, circuit)
    return {
        "circuit": circuit,
        "settings": settings_said(circuit),
        "warnings": _warnings(circuit, live["root"]),
        "phases": ["L1"] if circuit.phases == 1 else ["L1", "L2", "L3"],
        "ranges": RANGES,
        "config": {
            "urls": {"data": reverse("admin:circuit_chart", args=[circuit.pk])},
            "zone": zone_of_site(request, circuit.site).key,
            "hours": "24",
            "texts": {**texts(), "empty": _("No round in this time.")},
        },
        **live,
    }


def live_of(request: HttpRequest, circuit: Circuit) -> dict[str, Any]:
    """The part that refreshes itself."""
    now, zone = timezone.now(), zone_of_site(request, circuit.site)
    load = load_of(circuit, now)
    signals = CircuitLimit.objects.filter(circuit__in=[node.circuit.pk for node in load.nodes]).select_related(
        "circuit"
    )
    limits = limits_sent_to(circuit)[:LAST_LIMITS]
    statuses, names = _statuses(load), {node.circuit.pk: node.circuit.name for node in load.nodes}
    return {
        "circuit": circuit,
        "now": now,
        "root": load.root,
        "is_root": load.root.pk == circuit.pk,
        "nodes": [node_bars(node) for node in load.nodes],
        "members": [_member(one, statuses, names, zone) for one in load.members[:MOST_MEMBERS]],
        "members_more": max(0, len(load.members) - MOST_MEMBERS),
        "round": load.last_round,
        "round_cause": cause_in_words(load.last_round.cause) if load.last_round else "",
        "signals": [_signal(one, now, zone) for one in signals.order_by("-end_at", "-pk")[:LAST_SIGNALS]],
        "meter": load.nodes[0].meter if load.nodes else None,
        "meter_silent": bool(load.nodes) and load.nodes[0].meter_silent,
        "limits": [limit_said(one) for one in limits],
        "may_operate": has_role(request, Role.OPERATOR),
        "may_administer": has_role(request, Role.ADMIN),
        "zone": zone.key,
    }


def limit_said(row: LimitSent) -> dict[str, Any]:
    """A row of the log."""
    return {
        "row": row,
        "place": f"{row.charge_point.identity} / {row.evse_number}",
        "limit": amps_said(row.limit_a),
        "previous": amps_said(row.previous_a),
        "reason": reason_in_words(row.reason),
        "detail": detail_words(row.detail),
        "cause": cause_in_words(row.cause) if row.cause else "",
        "result": result_pill(row),
    }


def result_pill(row: LimitSent) -> SafeString:
    return pill(row.result, row.get_result_display())


def settings_said(circuit: Circuit) -> list[tuple[str, str]]:
    """What holds for the circuit, in words."""
    capacity = limit_in_words(circuit.capacity, "A" if circuit.unit == Circuit.Unit.AMPERE else "W")
    phases = _("one phase") if circuit.phases == 1 else _("three phases")
    said = [
        (_("Kind"), str(circuit.get_kind_display())),
        (_("Capacity"), f"{capacity}, {phases}, {circuit.voltage} V"),
        (_("Base load"), amps_said(circuit.base_load_a)),
    ]
    if circuit.site is not None:
        said.insert(1, (_("Site"), circuit.site.name))
    if circuit.parent is not None:
        return [*said, (_("Settings"), _("those of the root"))]
    said += [
        (_("Strategy"), str(circuit.get_strategy_display())),
        (_("Lowest charging current"), amps_said(circuit.minimum_a)),
        (_("Without word of us"), amps_said(circuit.fallback_a)),
        (_("Turn taking"), _("after %(seconds)s s") % {"seconds": circuit.rotation_s}),
        (_("Lends what is not taken"), _("yes") if circuit.lend else _("no")),
    ]
    if circuit.price_zone:
        said.append((_("Price zone"), circuit.price_zone))
    return said


def _warnings(circuit: Circuit, root: Circuit) -> list[str]:
    """Of the circuit and all below it."""
    tree = tree_of(circuit)
    members = [member for one in tree for member in one.members.all()]
    above = [] if circuit.parent is None else [root, circuit.parent]
    found = warnings_of(fuses_of([*above, *tree]), plugs_of(members, root))
    return [problem.sentence for one in tree for problem in found.get(one.pk, [])]


def _statuses(load: TreeLoad) -> dict[tuple[int, int], Connector]:
    """The members' connectors, in one query."""
    stations = {one.member.charge_point_id for one in load.members}
    rows = Connector.objects.filter(charge_point__in=stations).select_related("evse").order_by("-number")
    return {(row.charge_point_id, row.evse.number): row for row in rows}


def _member(
    one: MemberLoad, statuses: dict[tuple[int, int], Connector], names: dict[int, str], zone: ZoneInfo
) -> dict[str, Any]:
    """A row of the table of connectors."""
    row: Allotment | None = getattr(one.member, "allotment", None)
    connector = statuses.get((one.member.charge_point_id, one.member.evse_number))
    measured = [] if one.current_a is None else list(one.current_a)
    highest = max(measured, default=None)
    over = highest is not None and one.limit_a is not None and highest > float(one.limit_a) + 0.5
    return {
        "one": one,
        "circuit": names.get(one.member.circuit_id, ""),
        "status": status_pill(connector.status, connector.get_status_display()) if connector else "",
        "limit": amps_said(one.limit_a),
        "state": pill(one.state, str(dict(Allotment.State.choices).get(one.state, one.state))),
        "worst": amps_said(one.worst_a),
        "measured": " / ".join(amps_said(value).removesuffix(" A") for value in measured) + " A" if measured else "–",
        "measured_at": one.measured_at,
        "over": over,
        "reason": one.reason_text if one.session_id is not None else "",
        "waiting": clock(row.paused_since, zone) if row is not None and row.paused_since is not None else "",
    }


def _signal(row: CircuitLimit, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """A row of the table of grid signals."""
    if row.cancelled_at is not None:
        state = pill("cancelled", _("cancelled by %(name)s") % {"name": row.cancelled_by})
    elif row.end_at <= now:
        state = pill("replaced", _("over"))
    elif row.start_at > now:
        state = pill("sending", _("to come"))
    elif row.honoured_at is not None:
        state = pill("confirmed", _("kept"))
    else:
        state = pill("timed_out", _("in force, not all have confirmed"))
    return {
        "row": row,
        "said": signal_said(row),
        "state": state,
        "start": clock(row.start_at, zone, "date"),
        "end": clock(row.end_at, zone, "date"),
        "may_cancel": row.cancelled_at is None and row.end_at > now,
    }
