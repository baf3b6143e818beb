"""Energy charged by departure on a generated day, for every strategy, and what it cost.

`scripts/bench strategies --seed 2026`: 50 stations whose connection carries half of what they would take together at
their highest, and each of five feeders three quarters of its own. Ours run through allocate(), minute by minute in a
closed loop; beside them uncontrolled charging with its violations, the algorithms of acnportal, and the offline optimum
(everything known beforehand, no minimum current) as the ceiling. `full`: cars that had at least 99 %, and at least
90 %, of what they wanted. `least`: what the one in twenty that was served worst had of it. `switched`: how often a
car's charging was switched on or off. `paid`: with day-ahead prices that are dear in the morning and the evening.
"""

import argparse
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.optimum import offline_optimum
from smartcharging.allocation.shapes import Load, Node, Price, Rules

from .charging_day import DAY, CarPark, Outcome, Strategy, car_park, play, stays_of, uncontrolled

OURS = ("equal", "first_come", "priority", "deadline", "price")
# Of a working day in autumn: a kWh at each hour.
# fmt: off
HOURLY = (.09, .08, .08, .08, .09, .12, .19, .27, .31, .26, .21,
          .17, .14, .13, .14, .17, .22, .30, .35, .31, .24, .18, .14, .11)
# fmt: on
PRICES = tuple(
    Price(DAY + timedelta(hours=hour), DAY + timedelta(hours=hour + 1), price) for hour, price in enumerate(HOURLY)
)
OPTIMUM_SLOT_H = 5 / 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--stations", type=int, default=50)
    parser.add_argument("--part", type=float, default=0.5, help="of the highest demand that the connection carries")
    parser.add_argument("--only", nargs="*", help="names of strategies")
    parser.add_argument("--time-limit", type=float, default=0.15, help="seconds for the linear program")
    options = parser.parse_args()
    park = car_park(stations=options.stations, seed=options.seed, part=options.part)
    wanted = np.array([visit.wants_wh for visit in park.visits])
    prices = np.repeat(np.array(HOURLY), round(1 / OPTIMUM_SLOT_H))
    best = offline_optimum(park.nodes, stays_of(park), slot_h=OPTIMUM_SLOT_H, prices=prices)
    assert best is not None
    ceiling = sum(best.energy_wh.values())
    amps = ", ".join(f"{most:.0f}" for most in park.nodes[0].capacity_a)
    print(
        f"seed {options.seed}: {len(park.visits)} visits to {options.stations} stations want {wanted.sum() / 1e6:.2f} MWh; "
        f"connection {amps} A"
    )
    print(
        "| strategy | MWh | of the optimum | full | least | switched | minutes over, worst | paid per kWh | longest |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    energy = np.array(list(best.energy_wh.values()))
    print(_row("offline optimum", energy, wanted, ceiling, best.cost, "| | |"))
    for name, strategy in _strategies(options.time_limit).items():
        if options.only and name not in options.only:
            continue
        outcome = play(park, strategy, price=lambda at: HOURLY[at.hour])
        charged = np.array(outcome.charged_wh)
        print(_row(name, charged, wanted, ceiling, outcome.paid, _rest(outcome), outcome.longest_s), flush=True)
        for said, rounds in getattr(strategy, "answered", {}).items():
            if said != name:
                print(f"  ({rounds} rounds answered by {said})")
    _price_alone(park, options.time_limit)


def _strategies(time_limit_s: float) -> dict[str, Strategy]:
    from .acn import ALGORITHMS

    return {"uncontrolled": uncontrolled, **ALGORITHMS, **{name: Ours(name, time_limit_s) for name in OURS}}


class Ours:
    """allocate() with one strategy. `answered`: rounds by the strategy that did in the end."""

    def __init__(self, name: str, time_limit_s: float) -> None:
        self.rules = Rules(strategy=name, prices=PRICES, time_limit_s=time_limit_s)
        self.answered: dict[str, int] = {}

    def __call__(self, nodes: Sequence[Node], loads: Sequence[Load], now: datetime) -> dict[int, float]:
        answer = allocate(nodes, loads, self.rules, now)
        self.answered[answer.strategy] = self.answered.get(answer.strategy, 0) + 1
        return {load_id: target.limit_a for load_id, target in answer.targets.items()}


def _rest(outcome: Outcome) -> str:
    over = f"{outcome.over}, {outcome.worst_a:.0f} A" if outcome.over else "0"
    return f"{outcome.switched} | {over} |"


def _row(
    name: str, charged: np.ndarray, wanted: np.ndarray, ceiling: float, paid: float, rest: str, longest_s: float = 0.0
) -> str:
    part = charged / wanted
    full = " ".join(f"{(part > enough).mean():.0%}" for enough in (0.99, 0.9))
    return (
        f"| {name} | {charged.sum() / 1e6:.3f} | {charged.sum() / ceiling:.1%} | {full} | {np.quantile(part, 0.05):.0%} "
        f"| {rest} {paid / charged.sum() * 1000:.4f} | {longest_s * 1000:.0f} ms |"
    )


def _price_alone(park: CarPark, time_limit_s: float) -> None:
    """The same day with capacity for everyone, where hours can be chosen: what strategy price saves."""
    nodes = tuple(
        Node(node.id, node.parent_id, (node.capacity_a[0] * 2, node.capacity_a[1] * 2, node.capacity_a[2] * 2))
        for node in park.nodes
    )
    roomy = CarPark(nodes, park.group_of, park.visits, park.minutes)
    prices = np.repeat(np.array(HOURLY), round(1 / OPTIMUM_SLOT_H))
    best = offline_optimum(nodes, stays_of(roomy), slot_h=OPTIMUM_SLOT_H, prices=prices)
    assert best is not None
    print("\nWith capacity for everyone:\n| | MWh | paid | per kWh |\n|---|---|---|---|")
    rows = [("offline optimum", sum(best.energy_wh.values()), best.cost)]
    for name in ("equal", "deadline", "price"):
        outcome = play(roomy, Ours(name, time_limit_s), price=lambda at: HOURLY[at.hour])
        rows.append((name, sum(outcome.charged_wh), outcome.paid))
    for name, energy, paid in rows:
        print(f"| {name} | {energy / 1e6:.3f} | {paid:.2f} | {paid / energy * 1000:.4f} |")


if __name__ == "__main__":
    main()
