"""Session analytics: hand-worked. A session from noon, register 1000 Wh at its start."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.readings import ENERGY, POWER
from metering.sessions.analytics import MOST_POINTS, Analytics, Bounds, Moment, analyse

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
REGISTER, WATTS = (ENERGY, "Outlet"), (POWER, "Outlet")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def moment(minutes: float, **values: Any) -> Moment:
    """`w` power, `wh` register, `inlet_w`, `inlet_wh`, `soc`, `celsius`."""
    keys = {
        "w": WATTS,
        "wh": REGISTER,
        "inlet_w": (POWER, "Inlet"),
        "inlet_wh": (ENERGY, "Inlet"),
        "soc": ("SoC", "EV"),
        "celsius": ("Temperature", "Body"),
    }
    return at(minutes), {keys[name]: {"": Decimal(str(value))} for name, value in values.items()}


def session(minutes: float, stop_wh: str | None, *moments: Moment, start_wh: str = "1000") -> Analytics:
    stop = None if stop_wh is None else Decimal(stop_wh)
    return analyse(Bounds(NOON, at(minutes), Decimal(start_wh), stop), moments)


def test_an_hour_of_charging_and_an_hour_plugged_in() -> None:
    """6 kW for an hour, measured every ten minutes; then nothing for an hour."""
    charging = [moment(10 * n, w=6000, wh=1000 + 1000 * n) for n in range(1, 7)]
    idle = [moment(60 + 10 * n, w=0, wh=7000) for n in range(1, 6)]
    found = session(120, "7000", *charging, *idle)
    assert found.energy_wh == Decimal(6000)
    # The stretch in which it fell from 6000 W to 0 W has a mean of 3000 W: it counts as charging.
    assert (found.plugged_seconds, found.charging_seconds, found.idle_seconds) == (7200, 70 * 60, 50 * 60)
    assert found.mean_power_w == Decimal("5142.857")
    assert (found.peak_power_w, found.peak_at) == (Decimal(6000), at(10))
    assert found.power_source == "measured"
    assert [(point.at, point.power_w, point.energy_wh) for point in found.curve[:2]] == [
        (at(10), Decimal(6000), Decimal(1000)),
        (at(20), Decimal(6000), Decimal(2000)),
    ]


def test_without_power_it_is_worked_out_from_the_register() -> None:
    """2000 Wh in 30 minutes are 4 kW; then 20 Wh in 30 minutes are 40 W: idle."""
    found = session(60, "3020", moment(15, wh=2000), moment(30, wh=3000))
    assert found.power_source == "register"
    assert [point.power_w for point in found.curve] == [Decimal(4000), Decimal(4000), Decimal(40)]
    assert (found.charging_seconds, found.idle_seconds) == (1800, 1800)
    assert found.peak_power_w == Decimal(4000)
    # All energy over the time charging.
    assert found.mean_power_w == Decimal(4040)


def test_a_long_gap_goes_by_the_register() -> None:
    """Measured 11 kW before and after two hours of silence, in which the register stood still but for 100 Wh (50 W)."""
    found = session(140, "4850", moment(10, w=11000, wh=2900), moment(130, w=11000, wh=3000))
    assert found.charging_seconds == 20 * 60
    assert found.energy_wh == Decimal(3850)


def test_start_and_end_go_by_the_register() -> None:
    """The only measurement is in the middle: 900 Wh in the ten minutes before it, none in the ten after."""
    found = session(20, "1900", moment(10, w=5400, wh=1900))
    assert found.charging_seconds == 600
    assert found.mean_power_w == Decimal(5400)


def test_a_running_session_is_known_up_to_its_last_reading() -> None:
    """The last measurement is an hour old: it is believed for a quarter of an hour."""
    found = session(70, None, moment(10, w=6000, wh=2000))
    assert found.energy_wh == Decimal(1000)
    assert (found.plugged_seconds, found.charging_seconds) == (70 * 60, 25 * 60)


def test_phases_are_summed_and_a_total_wins() -> None:
    phases = {"L1": Decimal(2000), "L2": Decimal(2000), "L3": Decimal(1900)}
    one: Moment = (at(5), {WATTS: phases})
    two: Moment = (at(6), {WATTS: {**phases, "": Decimal(6000)}})
    assert [point.power_w for point in session(10, "1900", one, two).curve] == [Decimal(5900), Decimal(6000)]


def test_a_register_that_is_reset_counts_what_it_rose() -> None:
    """1000 to 3000, reset to 0, then to 500: 2500 Wh."""
    found = session(60, "500", moment(20, wh=3000), moment(30, wh=0), moment(40, wh=400))
    assert found.energy_wh == Decimal(2500)


def test_efficiency_is_the_outlet_by_the_inlet_over_the_times_that_both_are_told() -> None:
    found = session(
        30,
        "10400",
        moment(5, inlet_wh=50_000),
        moment(10, wh=1200, inlet_wh=50_500),
        moment(20, wh=10_400, inlet_wh=60_500),
        moment(25, inlet_wh=60_600),
    )
    assert found.efficiency == Decimal("0.9200")


def test_efficiency_by_power_where_there_is_no_register_at_the_inlet() -> None:
    """First ten minutes 95 of 100 kW, at the end 45 of 50 kW: trapezoids of 140/2 and 150/2."""
    found = session(20, None, moment(0, w=95_000, inlet_w=100_000), moment(10, w=45_000, inlet_w=50_000))
    assert found.efficiency == Decimal("0.9333")


@pytest.mark.parametrize("readings", [(), (moment(1, wh=1500),), (moment(1, inlet_wh=5), moment(2, inlet_wh=9))])
def test_without_both_sides_there_is_no_efficiency(readings: tuple[Moment, ...]) -> None:
    assert session(10, "2000", *readings).efficiency is None


def test_soc_and_temperature() -> None:
    found = session(
        30, "2000", moment(1, soc=20), moment(10, soc=45, celsius=31.5), moment(20, celsius=29), moment(29, soc=80)
    )
    assert (found.soc_start, found.soc_end, found.max_temperature) == (Decimal(20), Decimal(80), Decimal("31.5"))


def test_a_session_without_readings_has_its_energy_only() -> None:
    found = session(60, "1500")
    assert (found.energy_wh, found.charging_seconds, found.mean_power_w) == (Decimal(500), 3600, Decimal(500))
    nothing = session(0, None)
    assert (nothing.energy_wh, nothing.plugged_seconds, nothing.curve) == (None, 0, [])
    assert (nothing.charging_seconds, nothing.idle_seconds, nothing.power_source) == (None, None, "")
    assert session(0, "1500").energy_wh == Decimal(500)


def test_readings_outside_the_session_are_passed_over() -> None:
    found = session(10, "1100", moment(-5, w=99_000), moment(5, w=600), moment(11, w=99_000))
    assert found.peak_power_w == Decimal(600)


def test_the_curve_of_a_day_by_the_second_keeps_its_peak_and_its_ends() -> None:
    seconds = [moment(n / 60, w=7000 + n % 7) for n in range(1, 20_000)]
    seconds[12_345] = moment(12_346 / 60, w=21_000)
    seconds[15_000] = moment(15_001 / 60, w=1)
    found = session(20_000 / 60, None, *seconds)
    powers = [point.power_w for point in found.curve]
    assert 400 < len(found.curve) <= MOST_POINTS
    assert Decimal(21_000) in powers
    assert Decimal(1) in powers
    assert found.curve[0].at == seconds[0][0]
    assert found.curve[-1].at == seconds[-1][0]
    assert [point.at for point in found.curve] == sorted({point.at for point in found.curve})


@given(
    st.lists(
        st.tuples(st.integers(0, 3600), st.integers(-1000, 400_000) | st.none(), st.integers(0, 10**9) | st.none()),
        max_size=60,
    )
)
def test_it_holds_for_any_readings(rows: list[tuple[int, int | None, int | None]]) -> None:
    moments = [
        moment(second / 60, **{name: value for name, value in (("w", w), ("wh", wh)) if value is not None})
        for second, w, wh in sorted({row[0]: row for row in rows}.values(), key=lambda row: row[0])
    ]
    found = session(60, "5000", *moments)
    assert found.charging_seconds is not None
    assert found.idle_seconds is not None
    assert 0 <= found.charging_seconds <= found.plugged_seconds == 3600
    assert found.charging_seconds + found.idle_seconds == found.plugged_seconds
    assert found.energy_wh == Decimal(4000)
    assert len(found.curve) <= MOST_POINTS
