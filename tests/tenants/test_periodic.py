"""Periodic tasks while PostgreSQL is away: one line in the log, and no failed task."""

from typing import Any

import pytest
import structlog
from django.db import OperationalError

from tenants.periodic import periodic_task


@periodic_task(expires=5, main_only=True)
def look_after(kept: list[str], *, fails: Exception | None = None) -> int:
    kept.append("ran")
    if fails is not None:
        raise fails
    return 7


def test_a_run_that_works_gives_what_it_gives() -> None:
    assert look_after([]) == 7
    assert look_after.expires == 5
    assert look_after.name == "tests.tenants.test_periodic.look_after"


def test_an_outage_is_one_warning_without_a_traceback() -> None:
    with structlog.testing.capture_logs() as lines:
        outcome: Any = look_after([], fails=OperationalError("connection failed\n\tIs the server running?"))
    assert outcome is None
    assert [(line["log_level"], line["task"], line["error"]) for line in lines] == [
        ("warning", "look_after", "connection failed")
    ]


def test_a_fault_of_ours_is_still_one() -> None:
    with pytest.raises(ZeroDivisionError):
        look_after([], fails=ZeroDivisionError())
