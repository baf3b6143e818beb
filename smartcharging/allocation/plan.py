"""What may be sent now on the way to the targets: lowers at once, raises only into room that is surely free.

Until a lower limit is confirmed a load counts with the highest that it may be following (`counted_a`), and with its
fallback if that is more and the circuit keeps it (reserve.py). So at every moment, whatever is lost, late or repeated,
whoever ends a session or goes away, the sum of all that may be in force stays within each circuit's capacity.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from smartcharging.allocation.lending import can_use, least
from smartcharging.allocation.reserve import Reserve, spend
from smartcharging.allocation.rotation import waiting_from
from smartcharging.allocation.shapes import Change, Load, Node, Plan, Rules, Target
from smartcharging.allocation.tree import SLACK, Tree, floor_tenth


def plan(
    nodes: Sequence[Node], loads: Sequence[Load], targets: Mapping[int, Target], rules: Rules, now: datetime
) -> Plan:
    """Changes towards `targets` (of active loads that aren't fixed). Raises tree.BrokenTree (a ValueError).

    - Lowers: every target below what its load counts with or has confirmed. Never delayed, however small.
    - Raises: who is paused first (the longest waiting of them), then who has least. As far as there is room when
      everyone else counts with his highest, and nobody is kept from his fallback; a part only if it is worth a
      message (`hysteresis_a`).
    - `raise_step_a` A at a time, `hold_s` apart; a raise smaller than `hysteresis_a` only if it ends a pause or reaches
      all that the load can use.
    - `waiting`: raises that wait for room, so for lowers to be confirmed. Those held back by time aren't in it.

    A load whose limit was sent but not confirmed comes up again; who sends knows what is on its way and leaves it out.
    """
    tree = Tree(nodes, loads)
    reserve = Reserve(tree)
    room = reserve.room_beside({load.id: counted(load) for load in tree.loads.values()})
    found = Plan()
    raising = []
    for load_id in sorted(targets):
        load, target = tree.loads[load_id], targets[load_id]
        if load.fixed or not load.active:
            continue
        if _is_lower(load, target.limit_a):
            found.lowers.append(Change(load_id, target.limit_a, target.reason))
        elif _is_due(load, target.limit_a, rules, now):
            raising.append((_need(load, now), load, target))
    for _, load, target in sorted(raising, key=lambda one: one[0]):
        top = reserve.top(room, load.id, load.counted_a)
        limit = None if top is None else _raised(load, target.limit_a, rules, top)
        if limit is None:
            found.waiting.append(load.id)
            continue
        found.raises.append(Change(load.id, limit, target.reason))
        spend(room, reserve.needs(load.id, max(limit, load.counted_a), load.counted_a))
    return found


def counted(load: Load) -> float:
    """The highest that it may be following; without a session at least what it falls back to."""
    return load.counted_a if load.active or load.fixed else max(load.counted_a, load.rest_a)


def _is_lower(load: Load, limit_a: float) -> bool:
    """Below anything that it may be following. What isn't known is told once more: that takes no room."""
    if limit_a < load.counted_a - SLACK:
        return True
    if load.current_a is None:
        return 0 < limit_a <= load.counted_a + SLACK
    return limit_a < load.current_a - SLACK


def _is_due(load: Load, limit_a: float, rules: Rules, now: datetime) -> bool:
    has = load.current_a or 0.0
    if limit_a <= has + SLACK:
        return False
    if load.raised_at is not None and now - load.raised_at < timedelta(seconds=rules.hold_s):
        return False
    return _is_worth_it(load, has, limit_a, rules)


def _is_worth_it(load: Load, has: float, limit_a: float, rules: Rules) -> bool:
    ends_pause = has + SLACK < least(load)
    return ends_pause or limit_a - has + SLACK >= rules.hysteresis_a or limit_a + SLACK >= can_use(load, rules)


def _need(load: Load, now: datetime) -> tuple[bool, float, float, int]:
    has = load.current_a or 0.0
    paused = has + SLACK < least(load)
    return not paused, waiting_from(load, now).timestamp() if paused else 0.0, has, load.id


def _raised(load: Load, target_a: float, rules: Rules, top: float) -> float | None:
    """The limit to send now: a step of the ramp, as far as there is room (`top`). None: it waits for room."""
    has = load.current_a or 0.0
    step = target_a if rules.raise_step_a is None else max(has + rules.raise_step_a, least(load))
    wanted = floor_tenth(min(target_a, step))
    limit = min(wanted, floor_tenth(top))
    if limit <= has + SLACK or limit + SLACK < least(load):
        return None
    if limit < wanted - SLACK and not _is_worth_it(load, has, limit, rules):
        return None
    return limit
