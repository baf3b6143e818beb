"""What holds of any price, whatever the tariff and the session."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metering.pricing.engine import Segment, price
from metering.pricing.lines import Price
from metering.pricing.tariff import Terms
from tests.metering.pricing.terms import BERLIN, component, element, net, terms, usage

# Around the summer-time changes of 2026 and an ordinary week.
STARTS = st.sampled_from(["2026-03-28T22:00+01:00", "2026-10-24T21:00+02:00", "2026-11-02T07:00+01:00"])
PRICES = st.integers(0, 3000).map(lambda tenths: tenths / 1000)
CLOCK = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02d}:{quarter % 4 * 15:02d}")
PARTS = st.lists(
    st.tuples(st.integers(1, 400), st.integers(0, 60_000).map(lambda wh: Decimal(wh) / 1000), st.booleans()),
    min_size=1,
    max_size=6,
)


@st.composite
def restrictions(draw: st.DrawFn, /, *, power: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found |= {"start_time": draw(CLOCK), "end_time": draw(CLOCK)}
    if draw(st.booleans()):
        found["day_of_week"] = draw(st.lists(st.sampled_from(["SATURDAY", "SUNDAY", "MONDAY"]), unique=True))
    for low, high, least in (("min_kwh", "max_kwh", 30), ("min_duration", "max_duration", 20_000)):
        if draw(st.booleans()):
            found |= {low: draw(st.integers(0, least)), high: draw(st.integers(least + 1, 3 * least))}
    if power and draw(st.booleans()):
        found["max_power"] = draw(st.integers(1, 40))
    return found


@st.composite
def tariffs(draw: st.DrawFn, /, *, power: bool = True, step: Any = None, **bounds: Any) -> Terms:
    steps = step if step is not None else st.sampled_from([1, 60, 500, 900])
    elements = []
    for _ in range(draw(st.integers(1, 4))):
        kinds = draw(st.lists(st.sampled_from(["FLAT", "ENERGY", "TIME", "PARKING_TIME"]), min_size=1, unique=True))
        components = [
            component(kind, draw(PRICES), draw(steps), draw(st.sampled_from([None, 7, 19]))) for kind in kinds
        ]
        elements.append(element(*components, **draw(restrictions(power=power))))
    return terms(*elements, **bounds)


def segments_of(start: str, parts: list[Any]) -> list[Segment]:
    return usage(datetime.fromisoformat(start), *parts)


def halves(segments: list[Segment], share: int) -> list[Segment]:
    """Each segment cut in two at `share` percent, the energy with it."""
    found = []
    for one in segments:
        middle = one.start + (one.end - one.start) * share // 100
        part = (middle - one.start) / (one.end - one.start)
        # Whole minutes and thousandths: the cut is exact.
        energy = (
            one.energy_wh
            * ((middle - one.start) // timedelta(microseconds=1))
            / ((one.end - one.start) // timedelta(microseconds=1))
        )
        found += [Segment(one.start, middle, energy, one.charging)] if part else []
        found.append(Segment(middle, one.end, one.energy_wh - energy, one.charging))
    return found


def seen(found: Price) -> Any:
    """All but the text: what it costs and why."""
    return [(one.type, one.element, one.quantity, one.amount) for one in found.lines], found.total_incl_tax


@given(tariffs(min_price=0.5), STARTS, PARTS)
def test_nothing_costs_less_than_nothing(tariff: Terms, start: str, parts: list[Any]) -> None:
    found = price(tariff, segments_of(start, parts), BERLIN)
    assert all(one.amount >= 0 and one.tax >= 0 for one in found.lines)
    assert found.total_incl_tax >= found.total_excl_tax >= 0
    assert net(found) >= Decimal("0.5")


@given(tariffs(max_price=3), STARTS, PARTS)
def test_nothing_costs_more_than_the_maximum(tariff: Terms, start: str, parts: list[Any]) -> None:
    found = price(tariff, segments_of(start, parts), BERLIN)
    assert 0 <= found.total_excl_tax <= 3
    assert sum((rate.net for rate in found.taxes), Decimal(0)) == found.total_excl_tax
    assert sum((rate.tax for rate in found.taxes), Decimal(0)) == found.total_tax


@given(tariffs(), STARTS, PARTS, st.sampled_from([20, 25, 50, 75, 80]))
def test_it_costs_the_same_however_finely_readings_come(
    tariff: Terms, start: str, parts: list[Any], share: int
) -> None:
    """Cutting a segment where its energy flows evenly changes nothing, not even with steps and tiers."""
    segments = segments_of(start, parts)
    assert seen(price(tariff, halves(segments, share), BERLIN)) == seen(price(tariff, segments, BERLIN))


@given(tariffs(step=st.just(1)), STARTS, PARTS)
def test_energy_and_time_are_kept_whole(tariff: Terms, start: str, parts: list[Any]) -> None:
    found = price(tariff, segments_of(start, parts), BERLIN)
    assert found.energy_wh == sum(kwh * 1000 for _, kwh, _ in parts)
    assert found.charging_seconds == 60 * sum(minutes for minutes, _, charging in parts if charging)
    assert found.parking_seconds == 60 * sum(minutes for minutes, _, charging in parts if not charging)


@given(PARTS, st.integers(1, 5))
def test_without_tiers_two_halves_of_a_session_cost_what_it_costs(parts: list[Any], at: int) -> None:
    """Whole Wh and seconds, so that steps of one add nothing; no flat fee; prices by local time of day."""
    tariff = terms(
        element(component("ENERGY", 0.3), component("TIME", 3), start_time="08:00", end_time="20:00"),
        element(component("ENERGY", 0.2), component("PARKING_TIME", 6)),
    )
    segments = segments_of("2026-11-02T07:00+01:00", parts)
    whole = price(tariff, segments, BERLIN)
    pieces = [price(tariff, piece, BERLIN) for piece in (segments[:at], segments[at:])]
    # A piece may begin within a Wh that flows over 20:00: a step, and a rounding for each line.
    assert abs(net(whole) - sum(net(piece) for piece in pieces)) <= Decimal("0.0012")


@given(STARTS, PARTS, st.integers(0, 5), st.integers(1, 30_000))
def test_more_energy_never_costs_less(start: str, parts: list[Any], at: int, more: int) -> None:
    """For prices per kWh in tiers (a tier by power or a price of time by energy may well be cheaper)."""
    tariff = terms(
        element(component("ENERGY", 0.5), max_kwh=10),
        element(component("ENERGY", 0.1), max_kwh=40),
        element(component("ENERGY", 0.7)),
    )
    at = at % len(parts)
    richer = [(m, kwh + Decimal(more) / 1000 if index == at else kwh, c) for index, (m, kwh, c) in enumerate(parts)]
    less, greater = (price(tariff, segments_of(start, some), BERLIN) for some in (parts, richer))
    assert net(less) <= net(greater)
