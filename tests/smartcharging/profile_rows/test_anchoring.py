"""Stations repeat by the hour, sites by the clock: what is sent begins at its latest time."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smartcharging.services.anchoring import anchored
from tests.smartcharging.profile_rows.fleet import a_profile

BERLIN = ZoneInfo("Europe/Berlin")


def recurring(start: datetime, recurrency: str = "daily") -> Any:
    profile = a_profile(kind="recurring", recurrency=recurrency)
    return replace(profile, schedule=replace(profile.schedule, start_at=start, duration_s=3600))


@pytest.mark.parametrize(
    ("recurrency", "now", "begins"),
    [
        # 22:00 in winter is 21:00 UTC, in summer 20:00.
        ("daily", datetime(2026, 1, 9, 12, tzinfo=UTC), datetime(2026, 1, 8, 21, tzinfo=UTC)),
        ("daily", datetime(2026, 7, 9, 12, tzinfo=UTC), datetime(2026, 7, 8, 20, tzinfo=UTC)),
        ("daily", datetime(2026, 7, 9, 20, tzinfo=UTC), datetime(2026, 7, 9, 20, tzinfo=UTC)),
        ("weekly", datetime(2026, 7, 9, 12, tzinfo=UTC), datetime(2026, 7, 2, 20, tzinfo=UTC)),
        # Its first time is to come, or is the latest.
        ("daily", datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, 21, tzinfo=UTC)),
        ("weekly", datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 1, 21, tzinfo=UTC)),
    ],
)
def test_it_begins_at_its_latest_time(recurrency: str, now: datetime, begins: datetime) -> None:
    profile = recurring(datetime(2026, 1, 1, 22, tzinfo=BERLIN), recurrency)
    assert anchored(profile, now=now, zone=BERLIN).schedule.start_at == begins


def test_others_stay_as_they_are() -> None:
    profile = a_profile()
    assert anchored(profile, now=datetime(2026, 7, 9, tzinfo=UTC), zone=BERLIN) is profile
