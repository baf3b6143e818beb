"""Bounds of an outlet on the grid say nothing of one that delivers direct current."""

import pytest

from metering.alerts.defaults import DEFAULTS
from metering.alerts.loading import Loaded
from metering.alerts.rules import Rule
from metering.alerts.words import NOT_COMPARED
from metering.readings import POWER, Kind
from tests.metering.alerts.conftest import AMPERES, NOW, TEMPERATURE, TENANT, VOLTS, WATTS, Seen, rule

SOC = Kind("SoC", "", "EV", "Percent")
OUT_VOLTS, OUT_AMPERES = VOLTS._replace(phase=""), AMPERES._replace(phase="")
IN_VOLTS, IN_AMPERES = VOLTS._replace(location="Inlet"), AMPERES._replace(location="Inlet")


def usual() -> list[Rule]:
    """What every tenant starts with."""
    return [
        rule(
            row["measurand"],
            row.get("min_value"),
            row.get("max_value"),
            severity=row.get("severity", "warning"),
            ac_only=row.get("ac_only", False),
        )
        for row in DEFAULTS
    ]


@pytest.fixture
def seen() -> Seen:
    return Seen(*usual())


def test_a_fast_charger_at_work_raises_nothing(seen: Seen) -> None:
    for seconds, volts, amperes in ((0, 395, 480), (10, 410, 470), (20, 420, 100)):
        readings = [(WATTS, volts * amperes), (OUT_AMPERES, amperes), (OUT_VOLTS, volts), (SOC, 40 + seconds)]
        assert seen.message(*[(kind, value, NOW) for kind, value in readings], received_at=NOW, session=1) == []
    # What comes in a message of its own.
    assert seen.reads(WATTS, 180_000, 30, session=1) == []
    assert seen.reads(WATTS, 180_000, 40, evse=0) == []


@pytest.mark.parametrize(
    ("readings", "is_direct"),
    [
        ([(OUT_VOLTS, 780)], True),
        ([(OUT_AMPERES, 200), (SOC, 20)], True),
        ([(OUT_VOLTS, 400), (SOC, 20), (IN_VOLTS, 231)], True),
        # A lost neutral; a connection between two phases that names none; a car that tells its charge over alternating current.
        ([(OUT_VOLTS, 380)], False),
        ([(VOLTS, 520)], False),
        ([(OUT_VOLTS, 262), (SOC, 20)], False),
        ([(AMPERES, 90), (SOC, 20)], False),
        ([(WATTS, 60_000)], False),
    ],
)
def test_readings_tell_which_current_it_is(seen: Seen, readings: list[tuple[Kind, float]], is_direct: bool) -> None:
    told = seen.message(*[(kind, value, NOW) for kind, value in readings], received_at=NOW, session=1)
    assert (told == []) is is_direct


def test_the_grid_before_a_fast_charger_and_its_heat_are_watched(seen: Seen) -> None:
    seen.reads(OUT_VOLTS, 800, session=1)
    assert seen.reads(IN_AMPERES, 300, 10) == []
    assert [one.measurand for one in seen.reads(IN_VOLTS, 270, 10)] == ["Voltage"]
    assert [one.measurand for one in seen.reads(VOLTS, 270, 10, evse=0)] == ["Voltage"]
    assert [one.measurand for one in seen.reads(TEMPERATURE, 75, 10)] == ["Temperature"]


def test_the_outlet_beside_it_is_still_one_of_the_grid(seen: Seen) -> None:
    seen.reads(OUT_VOLTS, 800, session=1)
    assert [one.measurand for one in seen.reads(AMPERES, 90, 10, evse=2)] == ["Current.Import"]


def test_a_threshold_for_every_current_holds_for_direct_current_too() -> None:
    seen = Seen(*usual(), rule(POWER, high=160_000), rule("Voltage", high=920, severity="critical"))
    assert seen.message((WATTS, 150_000, NOW), (OUT_VOLTS, 800, NOW), received_at=NOW, session=1) == []
    assert [one.limit_value for one in seen.reads(WATTS, 170_000, 10, session=1)] == [160_000]
    assert [one.limit_value for one in seen.reads(OUT_VOLTS, 950, 10, session=1)] == [920]


def test_an_alert_that_was_opened_before_it_showed_ends(seen: Seen) -> None:
    (begun,) = seen.reads(WATTS, 120_000, session=1)
    (ended,) = seen.message((OUT_VOLTS, 700, NOW), received_at=NOW, session=1)
    assert (ended.key, ended.resolution, ended.resolved_at is not None) == (begun.key, NOT_COMPARED, True)
    assert seen.reads(WATTS, 120_000, 10, session=1) == []


def test_what_is_known_outlasts_a_change_of_the_thresholds(seen: Seen) -> None:
    seen.reads(OUT_VOLTS, 700, session=1)
    seen.comparison.learn(TENANT, Loaded(rules=[*usual(), rule("Frequency", high=51)]))
    assert seen.reads(WATTS, 120_000, 10, session=1) == []
