"""What documents promise about code."""

from pathlib import Path

import pytest
import yaml

from chargepoints.protocol.actions import actions_from_station, actions_to_station, all_actions
from csms.management.commands.ocpp_status import PAGE, VERSION, Status, handler_of, numbers_in, read_status, render

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def status() -> Status:
    return read_status(ROOT)


def test_the_committed_ocpp_status_is_up_to_date(status: Status) -> None:
    assert (ROOT / PAGE).read_text() == render(status), "run: manage.py ocpp_status"


def test_every_promised_compliance_case_is_played(status: Status) -> None:
    assert status.unplayed == status.not_yet


def test_compliance_tests_carry_numbers_that_are_promised_and_a_title(status: Status) -> None:
    assert {number for test in status.tests for number in test.numbers} <= set(status.cases)
    assert [test.name for test in status.tests if test.title == test.name] == []


def test_a_promised_case_without_a_test_is_shown_as_not_yet() -> None:
    bare = Status({"001": "Cold boot"}, frozenset({"001"}), [], {})
    assert bare.unplayed == {"001"}
    assert "| 001 | Cold boot | not yet |" in render(bare)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("test_001_cold_boot", ("001",)),
        ("test_011_2_remote_start_time_out", ("011.2",)),
        ("test_068_069_a_tag_of_the_same_parent", ("068", "069")),
        ("test_a_boot_is_not_needed", ()),
        ("test_10_000_reconnects", ()),
    ],
)
def test_cases_are_read_from_names(name: str, numbers: tuple[str, ...]) -> None:
    assert numbers_in(name) == numbers


def test_every_action_has_a_handler_or_a_sender(status: Status) -> None:
    unhandled = {action for action in actions_from_station(VERSION) if not handler_of(action)}
    unsent = {action for action in actions_to_station(VERSION) if action not in status.senders}
    assert (unhandled, unsent) == (set(), set())


def test_every_action_crosses_the_wire_in_a_compliance_case(status: Status) -> None:
    assert {action for action in all_actions(VERSION) if not status.cases_with(action)} == set()


def test_compose_names_all_processes_and_gives_the_owners_login_to_the_migration_alone() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert {"postgres", "redis", "migrate", "gateway", "web", "worker", "events", "beat", "proxy"} == set(services)
    holders = {name for name, service in services.items() if "DATABASE_OWNER_URL" in service.get("environment", {})}
    assert holders == {"migrate"}


def test_the_procfile_names_the_processes_of_the_design() -> None:
    names = {line.partition(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()}
    assert names == {"gateway", "web", "worker", "events", "beat", "fleet"}
