"""Plans that reckon with what is kept free for fallbacks: what they count on in a later hour can be had then."""

from dataclasses import replace
from datetime import timedelta

import pytest

from smartcharging.allocation.allocate import allocate
from smartcharging.allocation.deadline import deadline_targets
from smartcharging.allocation.price import price_targets
from smartcharging.allocation.shapes import Load, Rules

from .cases import NOW, RULES, car, hourly, site

AMP_HOUR = 230.0
STEP = timedelta(minutes=5)
# Dear, cheap, and then cheaper still.
PRICES = hourly(0.30, 0.10, 0.0, 0.0)


def cars(*amp_hours: float, rest_a: float = 6.0) -> list[Load]:
    """The last one leaves after four hours, the others after two."""
    leaves = [*[2.0] * (len(amp_hours) - 1), 4.0]
    return [
        replace(car(number, leaves[number], hours * AMP_HOUR, max_a=32.0), rest_a=rest_a, counted_a=rest_a)
        for number, hours in enumerate(amp_hours)
    ]


def missing(loads: list[Load], rules: Rules) -> dict[int, float]:
    """Wh that each has not got by its departure, all doing as they are told."""
    left = {load.id: load.energy_left_wh or 0.0 for load in loads}
    now = NOW
    while loads:
        told = allocate(site(32), loads, rules, now).targets
        for place, load in enumerate(loads):
            limit = told[load.id].limit_a if load.id in told else 0.0
            left[load.id] -= min(left[load.id], limit * AMP_HOUR * STEP / timedelta(hours=1))
            since = None if not limit else load.served_since or now
            waits = None if limit else load.waiting_since or now
            seen = replace(load, current_a=limit, counted_a=limit, energy_left_wh=left[load.id])
            loads[place] = replace(seen, served_since=since, waiting_since=waits)
        now += STEP
        # Who has left keeps the fallback of the connector.
        loads = [load if load.departure_at and load.departure_at > now else _left_behind(load) for load in loads]
        if not any(load.active for load in loads):
            break
    return left


def _left_behind(load: Load) -> Load:
    return replace(load, active=False, counted_a=load.rest_a, current_a=None)


def test_a_cheap_hour_holds_less_while_another_waits_for_a_cheaper_one() -> None:
    # In the cheap hour the first two have 32 - 6 = 26 A together, for 29 Ah: the rest is charged now, though it is dear.
    now = price_targets(site(32), cars(14.5, 14.5, 14.0), PRICES, NOW)
    assert now is not None
    assert (sum(now.values()) > 0, now[2]) == (True, 0.0)
    # Without fallbacks, or with less to charge, the cheap hour is enough.
    for enough in (cars(14.5, 14.5, 14.0, rest_a=0.0), cars(8.0, 8.0, 14.0)):
        assert price_targets(site(32), enough, PRICES, NOW) == {0: 0.0, 1: 0.0, 2: 0.0}


@pytest.mark.parametrize(
    ("rules", "amp_hours"),
    [
        pytest.param(PRICES, (14.5, 14.5, 14.0), id="by prices"),
        pytest.param(replace(RULES, strategy="deadline"), (24.0, 24.0, 44.0), id="by departure"),
    ],
)
def test_all_are_ready_when_they_leave(rules: Rules, amp_hours: tuple[float, ...]) -> None:
    assert missing(cars(*amp_hours), rules) == pytest.approx(dict.fromkeys(range(3), 0.0), abs=1.0)


def test_up_to_their_fallbacks_all_may_charge_at_no_cost_to_others() -> None:
    # 14 A beyond three fallbacks of 6: who has to hurry has 20, the others their 6.
    found = deadline_targets(site(32), _in_a_hurry(), RULES, NOW)
    assert found == {0: 20.0, 1: 6.0, 2: 6.0}


def _in_a_hurry() -> list[Load]:
    first, second, third = cars(20.0, 40.0, 40.0)
    return [replace(first, departure_at=NOW + timedelta(hours=1)), second, third]
