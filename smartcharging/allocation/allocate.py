"""What every load should be limited to, by the tree, the strategy and the clock. Pure: knows no message and no database.

In three steps, the same for every strategy: what can't be moved counts first, and the fallbacks of all others are kept
free (reserve.py); then it is chosen who has his minimum (rotation.py, which also states how long anyone can wait); then the
rest is shared out. The strategies differ in the rank for a place and in how the rest is shared:

    equal       no rank; max-min fair over the whole tree
    first_come  the earlier arrival goes first; each has all it can use before the next has more than its minimum
    priority    the higher priority goes first, for the minimum and then for the rest; equals share fairly
    solar       as equal, but all together no more than the sun leaves; without a reading of it: as equal
    deadline    what the linear program says, minimums rounded up; what it leaves is shared as equal
    price       what the linear program says and no more; loads that it says nothing of share as equal

Minimums go before more for anyone: the lower priority has its minimum before the higher has more than its own, as a car
that is paused outright is worse off than one that is slow. Whatever an optimiser answers is cut to what the circuits
carry, and where it has no answer the loads share equally (`Allocation.strategy` and `detail` say so).

Reasons: `equal_share`, `full_share` (has its maximum), `lent_out`, `first_come`, `priority`, `solar`, `deadline`, `price`;
paused: `rotation_pause` (waits for its turn), `no_capacity` (not even its minimum fits), `no_sun`, `planned_later`,
`never_enough` (its maximum is under its minimum).
"""

from collections.abc import Sequence
from datetime import datetime

from smartcharging.allocation.contest import Answer, Contest
from smartcharging.allocation.lending import can_use, least
from smartcharging.allocation.planned import deadline, price
from smartcharging.allocation.reserve import Reserve, fits, lacking
from smartcharging.allocation.shapes import Allocation, Load, Node, Rules, Target
from smartcharging.allocation.strategies import equal, first_come, priority, solar
from smartcharging.allocation.surplus import SUN, sunny_room, under_the_sun
from smartcharging.allocation.tree import SLACK, Tree, floor_tenth


def allocate(nodes: Sequence[Node], loads: Sequence[Load], rules: Rules, now: datetime) -> Allocation:
    """Targets for all active loads that aren't fixed, rounded down to 0.1 A. Raises tree.BrokenTree (a ValueError).

    Together with what the others count with they are within every limit of the tree, each with his fallback if that is
    more. Where not all fallbacks fit they are within it without them. Where the others exceed it by themselves, whoever
    shares the exceeded circuit and phase is paused. `detail` says which circuits these are.
    """
    sunny = rules.strategy == "solar" and rules.surplus_a is not None
    tree = Tree(under_the_sun(nodes, rules.surplus_a) if sunny and rules.surplus_a else nodes, loads)
    reserve = Reserve(tree)
    room = reserve.room()
    if sunny:
        room = sunny_room(tree, room)
    asking = [load for load in tree.loads.values() if load.active and not load.fixed]
    bounds = {load.id: (least(load), can_use(load, rules)) for load in asking}
    able: list[Load] = []
    kept_out: list[Load] = []
    for load in asking:
        low, high = bounds[load.id]
        if low <= high:
            (able if fits(room, reserve.needs(load.id, low)) else kept_out).append(load)
    contest = Contest(reserve, room, able, bounds, rules, now)
    answer = _answer(contest, nodes, loads)
    targets = {load.id: _target(load, answer, contest) for load in asking}
    details = reserve.exceeded(), reserve.unkept(), reserve.too_much(kept_out), answer.detail
    return Allocation(targets, answer.strategy, " ".join(filter(None, details)))


def _answer(contest: Contest, nodes: Sequence[Node], loads: Sequence[Load]) -> Answer:
    match contest.rules.strategy:
        case "first_come":
            return first_come(contest)
        case "priority":
            return priority(contest)
        case "solar" if contest.rules.surplus_a is None:
            return equal(contest, "The solar surplus is not known: shared equally.")
        case "solar":
            return solar(contest)
        case "deadline":
            return deadline(contest, nodes, loads)
        case "price":
            return price(contest, nodes, loads)
        case "equal":
            return equal(contest)
        case unknown:
            return equal(contest, f"There is no strategy {unknown!r}: shared equally.")


def _target(load: Load, answer: Answer, contest: Contest) -> Target:
    amps = answer.shares.get(load.id)
    if amps is None:
        return Target(0.0, _why_paused(load, answer, contest))
    limit = floor_tenth(amps)
    if limit >= floor_tenth(load.max_a):
        return Target(limit, "full_share")
    if limit >= contest.bounds[load.id][1] - SLACK:
        return Target(limit, "lent_out")
    return Target(limit, answer.reason)


def _why_paused(load: Load, answer: Answer, contest: Contest) -> str:
    low, high = contest.bounds[load.id]
    if low > high:
        return "never_enough"
    lack = lacking(contest.room, contest.reserve.needs(load.id, low))
    if lack:
        return "no_sun" if all(contest.tree.limits[index].node_id == SUN for index in lack) else "no_capacity"
    return (answer.reasons or {}).get(load.id, "rotation_pause")
