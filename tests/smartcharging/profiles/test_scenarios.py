"""The cases of `scenarios/`, worked out by hand: what is installed, what is asked, what must come out in A and in W."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chargepoints.protocol.timestamps import parse_timestamp
from smartcharging.profiles.composite import composite_schedule
from smartcharging.profiles.shapes import CompositePeriod, Installed, Unit
from smartcharging.profiles.translation import profile_from_ocpp16, profile_to_ocpp16
from smartcharging.profiles.validation import StationLimits, validate_profile

SCENARIOS = sorted(path.parent for path in Path(__file__).parent.glob("scenarios/*/expected.json"))
ABLE = StationLimits(10, 24, 20, frozenset({"A", "W"}), connector_switch_3to1=True)
SENT_AT = datetime(2020, 1, 1, tzinfo=UTC)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def installed(folder: Path) -> list[Installed]:
    return [
        Installed(entry["connectorId"], profile_from_ocpp16(entry["csChargingProfiles"]))
        for entry in read(folder / "profiles.json")
    ]


def test_there_are_cases() -> None:
    assert len(SCENARIOS) >= 20


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("unit", ["A", "W"])
def test_scenario_comes_out_as_worked_out_by_hand(folder: Path, unit: Unit) -> None:
    expected = read(folder / "expected.json")
    asked = dict(expected["ask"])
    session_start = asked.pop("sessionStart", None)
    found = composite_schedule(
        installed(folder),
        evse_number=asked.pop("connectorId"),
        start=parse_timestamp(asked.pop("startTime")),
        duration_s=asked.pop("duration"),
        unit=unit,
        zone=ZoneInfo(asked.pop("timezone")),
        session_start=None if session_start is None else parse_timestamp(session_start),
        transaction_id=asked.pop("transactionId", None),
        voltage=asked.pop("voltage", 230),
        default_phases=asked.pop("phases", 3),
    )
    assert asked == {}
    assert found == [
        CompositePeriod(
            entry["start"], None if entry["limit"] is None else Decimal(entry["limit"]), entry["phases"]
        )
        for entry in expected[unit]
    ]  # fmt: skip


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
def test_scenario_is_of_profiles_that_can_be_sent(folder: Path) -> None:
    for item, entry in zip(installed(folder), read(folder / "profiles.json"), strict=True):
        running = item.profile.transaction_id or "1"
        assert profile_from_ocpp16(profile_to_ocpp16(item.profile)) == item.profile
        assert not validate_profile(
            item.profile,
            evse_number=entry["connectorId"],
            limits=ABLE,
            now=SENT_AT,
            running_transaction=running,
        )


@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
def test_scenario_says_how_it_was_worked_out(folder: Path) -> None:
    title, _, working = (folder / "README.md").read_text().partition("\n")
    assert title.startswith("# ")
    assert working.strip()
