"""The ceiling that strategies are measured against, by hand and against the strategy."""

from datetime import timedelta

import numpy as np
import pytest

from smartcharging.allocation.deadline import deadline_targets
from smartcharging.allocation.optimum import Stay, offline_optimum
from tests.benchmarks.charging_day import car_park, play, stays_of

from .cases import HOUR_AT_16_A, RULES, car, site


def test_it_knows_who_comes_later() -> None:
    # The second comes after an hour and needs all of its own: the first is done before.
    stays = [Stay(car(1), 0, 2, HOUR_AT_16_A), Stay(car(2), 1, 2, HOUR_AT_16_A)]
    best = offline_optimum(site(16), stays)
    assert best is not None
    assert best.energy_wh == pytest.approx({1: HOUR_AT_16_A, 2: HOUR_AT_16_A})


def test_it_takes_the_cheapest_of_the_most() -> None:
    best = offline_optimum(site(16), [Stay(car(1), 0, 2, HOUR_AT_16_A)], slot_h=1.0, prices=np.array([0.3, -0.1]))
    assert best is not None
    assert best.cost == pytest.approx(-0.1 * HOUR_AT_16_A / 1000)


def test_the_strategy_by_departure_charges_97_per_cent_of_the_optimum() -> None:
    park = car_park(stations=10, groups=2, hours=13)
    best = offline_optimum(park.nodes, stays_of(park))
    assert best is not None
    outcome = play(
        park, lambda nodes, loads, now: deadline_targets(nodes, loads, RULES, now) or {}, every=timedelta(minutes=5)
    )
    assert outcome.over == 0
    assert sum(outcome.charged_wh) >= 0.97 * sum(best.energy_wh.values())
