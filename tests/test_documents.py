"""What documents promise about code."""

from pathlib import Path

import yaml

from chargepoints.protocol.actions import all_actions

ROOT = Path(__file__).resolve().parents[1]


def test_ocpp_status_has_a_row_for_every_action() -> None:
    rows = (ROOT / "docs" / "ocpp_status.md").read_text().splitlines()
    named = {row.split("|")[1].strip() for row in rows if row.startswith("|")}
    assert all_actions("1.6") <= named


def test_compose_names_all_processes_and_gives_the_owners_login_to_the_migration_alone() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert {"postgres", "redis", "migrate", "gateway", "web", "worker", "beat", "proxy"} == set(services)
    holders = {name for name, service in services.items() if "DATABASE_OWNER_URL" in service.get("environment", {})}
    assert holders == {"migrate"}


def test_the_procfile_names_the_processes_of_the_design() -> None:
    names = {line.partition(":")[0] for line in (ROOT / "Procfile").read_text().splitlines()}
    assert names == {"gateway", "web", "worker", "beat", "fleet"}
