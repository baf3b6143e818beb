"""The example dashboard and alert rules ask for nothing that isn't measured."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from chargepoints.models import CommandState
from chargepoints.protocol.errors import Code, spell
from csms.health.requests import PARTS
from csms.health.shared import FAMILIES
from csms.health.system import SYSTEM_REGISTRY, SystemCollector

DEPLOY = Path(__file__).resolve().parents[2] / "docs" / "deploy"
NAME = re.compile(r"\b(?:csms|process)_[a-z0-9_]+")
SELECTOR = re.compile(r"\b((?:csms|process)_[a-z0-9_]+|up)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
GROUPED = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")
# What Prometheus itself adds.
EVERYWHERE = {"job", "instance", "le"}
# Each registers what it counts.
COUNTED = (
    "csms.metrics",
    "tenants.metrics",
    "tenants.api.throttling",
    "chargepoints.metrics",
    "metering.metrics",
    "smartcharging.metrics",
)
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
# Label values that the expressions name: one that never occurs is an alert that never fires.
KNOWN_VALUES = {
    ("csms_commands_total", "state"): set(CommandState.values),
    ("csms_ocpp_messages_total", "outcome"): {"ok", spell(Code.INTERNAL, "1.6")},
    ("csms_command_oldest_seconds", "state"): {"queued", "sent"},
    ("csms_event_deliveries_total", "result"): {"delivered", "refused", "no_answer"},
    ("csms_tasks_total", "outcome"): {"success", "failure", "retry", "expired", "revoked"},
    ("csms_http_requests_total", "part"): {*PARTS.values(), "other"},
    ("csms_db_connections", "state"): {"used", "idle"},
}


def labels_by_name() -> dict[str, set[str]]:
    """Every series that a process or the system shows, with its labels."""
    for module in COUNTED:
        import_module(module)
    known: dict[str, set[str]] = {}
    for collector in list(REGISTRY._collector_to_names):
        for family in collector.collect():
            labels = {key for one in family.samples for key in one.labels}
            # Of what has not happened yet there are no samples.
            labels |= {*getattr(collector, "_labelnames", ()), *getattr(family, "_labelnames", ())}
            known |= {family.name + suffix: labels for suffix in SUFFIXES.get(family.type, ())}
    assert any(isinstance(collector, SystemCollector) for collector in SYSTEM_REGISTRY._collector_to_names)
    return known | {name: set(labels) for name, (_, labels) in FAMILIES.items()} | {"up": set()}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    return dict(json.loads((DEPLOY / "grafana-dashboard.json").read_text()))


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    return labels_by_name()


def test_expressions_ask_for_series_labels_and_values_that_there_are(known: dict[str, set[str]]) -> None:
    for title, expression in expressions():
        names = set(NAME.findall(re.sub(r'"[^"]*"', '""', expression)))
        assert names | set(re.findall(r"\bup\b", expression)), title
        assert names <= known.keys(), title
        for name, matchers in SELECTOR.findall(expression):
            for label, value in MATCHER.findall(matchers):
                assert label in known[name] | EVERYWHERE, f"{title}: {name} has no label {label}"
                if (name, label) in KNOWN_VALUES and re.fullmatch(r"\w+", value):
                    assert value in KNOWN_VALUES[name, label], f"{title}: {label} of {name} is never {value}"
        labels = set().union(*(known[name] for name in names)) | EVERYWHERE
        for group in GROUPED.findall(expression):
            assert {label.strip() for label in group.split(",")} <= labels, title


def test_what_we_count_is_on_the_dashboard_or_in_an_alert(known: dict[str, set[str]]) -> None:
    shown = set().union(*(NAME.findall(expression) for _, expression in expressions()))
    shown |= {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known if name.startswith("csms_")}
    not_shown = ours - shown
    # Details that one looks up when something else has called.
    assert not_shown <= {
        "csms_ingest_postgres_away",
        "csms_live_statistics_late_total",
        "csms_webhook_post_seconds",
        "csms_db_pool_errors_total",
    }


def test_every_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) > 20
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert len(rule["annotations"]["summary"]) > 20
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


def test_labels_that_an_alert_names_are_left_in_its_result(known: dict[str, set[str]]) -> None:
    for rule in rules():
        named = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        names = NAME.findall(rule["expr"])
        left = set().union(*(known[name] for name in names)) | {"job", "instance"}
        if groups := GROUPED.findall(rule["expr"]):
            left = {label.strip() for group in groups for label in group.split(",")}
        elif re.search(r"\bsum\(", rule["expr"]):
            left = set()
        assert named <= left, rule["alert"]


def test_every_job_of_the_alerts_is_scraped_and_the_panels_do_not_overlap() -> None:
    configured = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    jobs = {one["job_name"] for one in configured["scrape_configs"]}
    assert set(re.findall(r'job="(csms-\w+)"', (DEPLOY / "alerts.yml").read_text())) <= jobs
    assert configured["rule_files"] == ["alerts.yml"]
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_metrics_that_operations_are_told_of_exist(known: dict[str, set[str]]) -> None:
    page = (DEPLOY.parent / "operations.md").read_text()
    table = page[page.index("| | series (`csms_`") : page.index("## Traces")]
    told = re.findall(r"`([a-z_]+)(?:\{([a-z,]+)\})?`", table.partition("|---|---|")[2].partition("\n\n")[0])
    assert len(told) > 40
    for name, labels in told:
        series = next((f"csms_{name}{suffix}" for suffix in ("", "_bucket") if f"csms_{name}{suffix}" in known), "")
        assert series, f"csms_{name} is not measured"
        assert set(filter(None, labels.split(","))) == known[series] - {"le"}, name
