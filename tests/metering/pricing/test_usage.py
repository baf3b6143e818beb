"""From register readings to segments."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoints.models import ChargePoint, Transaction
from metering.pricing.usage import Ends, ends_of, segments, usage_of
from tenants.context import tenant_transaction
from tests.metering.conftest import NOW, message, reading
from tests.metering.test_selectors import begin, end, hours, registers, write

START = datetime(2026, 11, 2, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def of(ends: tuple[float, float, float], *readings: tuple[float, float], final: bool = True) -> list[Any]:
    """(minutes, Wh, charging) of each segment; `ends` are (minutes, first Wh, last Wh)."""
    minutes, first, last = ends
    span = Ends(START, at(minutes), Decimal(str(first)), Decimal(str(last)), final)
    found = list(segments(span, [(at(time), Decimal(str(wh))) for time, wh in readings]))
    assert found[0].start == START
    assert found[-1].end == at(minutes)
    assert all(one.end == other.start for one, other in pairwise(found))
    return [((one.end - one.start) / timedelta(minutes=1), one.energy_wh, one.charging) for one in found]


def energy(found: list[Any]) -> Decimal:
    return sum((wh for _, wh, _ in found), Decimal(0))


def test_without_readings_it_is_one_stretch() -> None:
    assert of((60, 1000, 8000)) == [(60, 7000, True)]


def test_a_session_that_took_nothing_is_parked() -> None:
    assert of((60, 1000, 1000)) == [(60, 0, False)]


def test_one_that_took_nothing_for_a_moment_is_not_yet_parked() -> None:
    assert of((4, 1000, 1000)) == [(4, 0, True)]


def test_readings_tell_when_the_energy_flowed() -> None:
    assert of((60, 0, 9000), (20, 6000), (40, 8000)) == [(20, 6000, True), (20, 2000, True), (20, 1000, True)]


def test_a_car_that_is_full_parks_from_when_it_stopped() -> None:
    """7 kW to minute 30; then 20 W in readings of a minute: parked from minute 30 on, not from minute 35."""
    weak = [(30 + minute, 3500 + minute / 3) for minute in range(31)]
    found = of((60, 0, 3510), (15, 1750), *weak)
    assert (found[0], found[1]) == ((15, 1750, True), (15, 1750, True))
    assert not any(charging for _, _, charging in found[2:])
    assert sum(minutes for minutes, _, _ in found[2:]) == pytest.approx(30)
    assert energy(found) == 3510


def test_a_short_pause_is_charging() -> None:
    found = of((20, 0, 2000), (8, 1000), (9, 1000), (10, 1000), (11, 1000), (12, 1100))
    assert all(charging for _, _, charging in found)
    assert found[1] == (3, 0, True)


def test_a_reading_that_falls_back_is_passed_over() -> None:
    assert of((60, 1000, 3000), (20, 2000), (30, 3), (40, 2500)) == [
        (20, 1000, True),
        (20, 500, True),
        (20, 500, True),
    ]


def test_a_reading_beyond_the_end_is_passed_over() -> None:
    assert of((60, 1000, 3000), (20, 2000), (30, 99_999_999)) == [(20, 1000, True), (40, 1000, True)]


def test_readings_outside_the_session_are_passed_over() -> None:
    assert of((60, 0, 600), (-5, 100), (0, 100), (60, 500), (70, 900)) == [(60, 600, True)]


def test_a_register_that_was_reset_counts_its_streaks() -> None:
    """50,000 to 51,000 before, 0 to 500 after the reset: 1,500 Wh, and nothing for the fall."""
    assert energy(of((60, 50_000, 500), (20, 51_000), (30, 0), (50, 400))) == 1500


def test_a_register_that_leaps_is_not_believed() -> None:
    """As above, with a misread 9,999,999 between: 10 MWh in ten minutes are not charged."""
    assert energy(of((60, 50_000, 500), (20, 51_000), (30, 9_999_999), (40, 0))) == 1500


def test_a_stop_before_the_start_takes_no_time(station: ChargePoint) -> None:
    session = begin(station, ago=1)
    end(session, ago=2, meter=3000)
    found = used(session)
    assert [(one.end - one.start, one.energy_wh) for one in found] == [(timedelta(0), 2000)]


def test_while_it_runs_the_time_since_the_last_reading_goes_on_as_before() -> None:
    assert of((60, 0, 4000), (30, 4000), final=False) == [(30, 4000, True), (30, 0, True)]
    parked = of((60, 0, 4000), (30, 4000), (40, 4000), final=False)
    assert [charging for _, _, charging in parked] == [True, False, False]


@given(
    st.integers(0, 50_000),
    st.integers(0, 50_000),
    st.lists(st.tuples(st.integers(-10, 130), st.integers(-10, 60_000)), max_size=20),
    st.booleans(),
)
def test_the_segments_are_the_session(first: int, last: int, readings: list[tuple[int, int]], final: bool) -> None:
    """Invariant 5: whatever the readings, the energy is the registers' difference and no time is lost or doubled."""
    found = of((120, first, last), *sorted(readings), final=final)
    assert all(wh >= 0 for _, wh, _ in found)
    if last >= first:
        assert energy(found) == last - first


def used(session: Transaction, now: datetime = NOW) -> list[Any]:
    with tenant_transaction(session.tenant_id):
        fresh = Transaction.objects.select_related("evse").get(pk=session.pk)
        return list(usage_of(fresh, now=now))


def test_a_sessions_readings_become_segments(station: ChargePoint) -> None:
    session = begin(station, ago=3)
    write(registers(session, station, (2.5, "4000"), (2, "7000")))
    assert [one.energy_wh for one in used(session)] == [3000, 3000, 0]
    end(session, ago=1, meter=8500)
    assert [(one.energy_wh, (one.end - one.start) / hours(1)) for one in used(session)] == [
        (3000, 0.5),
        (3000, 0.5),
        (1500, 1),
    ]


def test_phases_are_summed_and_other_meters_are_none_of_it(station: ChargePoint) -> None:
    session = begin(station, ago=3, meter=0)
    other = begin(station, evse_number=2, ago=3)
    write(
        *(registers(session, station, (2, "1000.5"), phase=phase) for phase in ("L1", "L2", "L3")),
        registers(other, station, (2.5, "2000")),
        message(station, reading("1", NOW - hours(2.2))),
    )
    end(session, ago=1, meter=4000)
    assert [one.energy_wh for one in used(session)] == [Decimal("3001.5"), Decimal("998.5")]


@pytest.mark.parametrize(
    ("started", "stopped", "expected"),
    [
        # A clock that stood in 1970, one that is years ahead, and a start that was kept offline for days.
        (datetime(1970, 1, 1, tzinfo=UTC), NOW, (NOW - hours(1), NOW)),
        (NOW - hours(2), NOW + timedelta(days=900), (NOW - hours(2), NOW)),
        (NOW - timedelta(days=3), NOW - hours(60), (NOW - timedelta(days=3), NOW - hours(60))),
    ],
)
def test_nobody_is_charged_for_a_wrong_clock(
    started: datetime, stopped: datetime, expected: tuple[datetime, datetime]
) -> None:
    session = Transaction(
        started_at=started,
        start_received_at=NOW - hours(1),
        stopped_at=stopped,
        stop_received_at=NOW,
        meter_start_wh=Decimal(0),
        meter_stop_wh=Decimal(1000),
    )
    found = ends_of(session, now=NOW)
    assert (found.start, found.end) == expected
