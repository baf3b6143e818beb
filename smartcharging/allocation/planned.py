"""The strategies that look ahead: what the linear programs of deadline.py and price.py answer, made safe.

Their answer is a wish. Who has a place and how much fits is decided here by the same turns and the same filling as for
the others, so that no answer, however wrong, is more than a fuse carries or lets anyone starve.
"""

import importlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from smartcharging.allocation.contest import Answer, Contest, Shares
from smartcharging.allocation.rotation import waiting_from
from smartcharging.allocation.shapes import Load, Node, Rules
from smartcharging.allocation.strategies import equal
from smartcharging.allocation.tree import SLACK

logger = logging.getLogger(__name__)

Wishes = Mapping[int, float]
Program = Callable[[Sequence[Node], Sequence[Load], Rules, datetime], Wishes | None]


def deadline(contest: Contest, nodes: Sequence[Node], loads: Sequence[Load]) -> Answer:
    """As the program says; what it leaves is shared equally, since energy that is there early harms nobody."""
    wishes = _ask("deadline", contest, nodes, loads)
    if wishes is None:
        return equal(contest, "No plan by departure times in time: shared equally.")
    shares = _as_wished(contest, wishes)
    late = [load for load in contest.loads if load.id not in shares]
    more = contest.chosen(late, room=contest.rest(shares))
    bounds = {load_id: (amps, max(amps, contest.bounds[load_id][1])) for load_id, amps in shares.items()}
    bounds |= {load_id: contest.bounds[load_id] for load_id in more}
    return Answer(contest.fair(bounds), "deadline", "deadline", reasons=_held_back(contest, wishes))


def price(contest: Contest, nodes: Sequence[Node], loads: Sequence[Load]) -> Answer:
    """As the program says and no more: what is left now is left for a cheaper hour."""
    wishes = _ask("price", contest, nodes, loads)
    if wishes is None:
        return equal(contest, "No plan by prices in time: shared equally.")
    return Answer(_as_wished(contest, wishes), "price", "price", reasons=_held_back(contest, wishes))


def _ask(name: str, contest: Contest, nodes: Sequence[Node], loads: Sequence[Load]) -> Wishes | None:
    """What the program wishes, cleaned; None where it has no answer or broke. It never stops the round."""
    try:
        answer = _program(name)(nodes, loads, contest.rules, contest.now)
    except Exception:
        logger.exception("The plan of strategy %s failed", name)
        return None
    if answer is None:
        return None
    return {
        load.id: max(0.0, float(answer[load.id]))
        for load in contest.loads
        if load.id in answer and math.isfinite(answer[load.id])
    }


def _program(name: str) -> Program:
    """Loaded with its solver by those who use it only."""
    found: Program = getattr(importlib.import_module(f"smartcharging.allocation.{name}"), f"{name}_targets")
    return found


def _as_wished(contest: Contest, wishes: Wishes) -> Shares:
    """Each as much as wished, from its minimum up; the highest give way first where it is too much together.

    A wish under half of the minimum is a pause. Loads without a wish share equally. Who was left out though his time is
    running has his turn like in every strategy.
    """
    bounds = {}
    for load in contest.loads:
        low, high = contest.bounds[load.id]
        wish = wishes.get(load.id, high)
        if wish + SLACK >= low / 2 and wish > 0:
            bounds[load.id] = low, max(low, min(high, wish))
    turned_down = {load.id for load in contest.loads if load.id not in bounds and _claims_turn(load, contest)}
    candidates = [load for load in contest.loads if load.id in bounds or load.id in turned_down]
    served = contest.chosen(candidates, dict.fromkeys(turned_down, 1.0))
    bounds |= {load_id: (contest.bounds[load_id][0],) * 2 for load_id in turned_down}
    return contest.fair({load_id: bounds[load_id] for load_id in sorted(served)})


def _claims_turn(load: Load, contest: Contest) -> bool:
    """Waited its full time and has no time to lose, or is in the turn that it got that way."""
    turn = timedelta(seconds=contest.rules.rotation_s)
    since = waiting_from(load, contest.now)
    if load.served_since is not None:
        return load.served_since - since >= turn and contest.now - load.served_since < turn
    return contest.now - since >= turn and not has_time(load, contest)


def has_time(load: Load, contest: Contest) -> bool:
    """Whether it is charged in time even if it starts only after another turn: then the plan may keep it waiting."""
    if load.departure_at is None or load.energy_left_wh is None:
        return False
    if load.energy_left_wh <= 0:
        return True
    volts = contest.tree.nodes[load.node_id].voltage * len(load.phases)
    needs_s = load.energy_left_wh / (volts * max(load.max_a, SLACK)) * 3600
    left_s = (load.departure_at - contest.now).total_seconds() - contest.rules.rotation_s
    return needs_s <= left_s


def _held_back(contest: Contest, wishes: Wishes) -> dict[int, str]:
    """Those paused by the plan, with time to spare."""
    return {load.id: "planned_later" for load in contest.loads if load.id in wishes and has_time(load, contest)}
