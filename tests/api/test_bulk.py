"""`/commands/bulk`: what it takes, refuses and shows."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import BulkCommand, ChargePoint, Command, CommandState
from chargepoints.services.bulk_progress import advance_bulks
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import bring_online, make_station

pytestmark = pytest.mark.usefixtures("no_worker")
BULK = "/api/v1/commands/bulk"


@pytest.fixture
def fleet(tenant: Tenant) -> list[ChargePoint]:
    stations = [make_station(tenant, f"CP{number}") for number in range(1, 4)]
    bring_online(*stations[:2])
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=stations[0].pk).update(vendor="Acme", tags=["garage"])
    return stations


def post(api: APIClient, **body: Any) -> Any:
    return api.post(BULK, {"action": "Reset", "payload": {"type": "Soft"}, **body})


def test_a_bulk_command_is_counted_and_its_results_are_paged(
    api: APIClient, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    made = post(api, chargePointIds=["cp1", "CP2", "CP3"], concurrency=1)
    assert made.status_code == 202, made.json()
    bulk = made.json()["data"]
    assert (bulk["status"], bulk["total"], bulk["counts"]["waiting"]) == ("running", 3, 3)
    advance_bulks()
    with tenant_transaction(tenant.pk):
        Command.objects.update(state=CommandState.ACCEPTED, reply={"status": "Accepted"})
    shown = api.get(f"{BULK}/{bulk['bulkId']}").json()["data"]
    assert {name: number for name, number in shown["counts"].items() if number} == {"accepted": 1, "waiting": 2}
    assert [row["bulkId"] for row in api.get(f"{BULK}?status=running").json()["data"]] == [bulk["bulkId"]]
    results = api.get(f"{BULK}/{bulk['bulkId']}/results?limit=2").json()
    assert results["meta"]["count"] == 3
    assert [(row["chargePointId"], row["status"]) for row in results["data"]] == [
        ("CP1", "accepted"),
        ("CP2", "waiting"),
    ]
    assert results["data"][0]["reply"] == {"status": "Accepted"}
    waiting = api.get(f"{BULK}/{bulk['bulkId']}/results?status=waiting").json()["data"]
    assert [row["chargePointId"] for row in waiting] == ["CP2", "CP3"]


def test_the_results_come_as_csv(api: APIClient, fleet: list[ChargePoint]) -> None:
    bulk = post(api, chargePointIds=["CP1", "CP2"]).json()["data"]["bulkId"]
    advance_bulks()
    answer: Any = api.get(f"{BULK}/{bulk}/results/export", HTTP_ACCEPT="text/csv")
    assert answer["Content-Type"].startswith("text/csv")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0].startswith("chargePointId,status,detail,commandId")
    assert [line.split(",")[:2] for line in lines[1:]] == [["CP1", "queued"], ["CP2", "queued"]]


@pytest.mark.parametrize(
    ("criteria", "total"),
    [
        ({"online": True}, 2),
        ({"online": False}, 1),
        ({"vendor": "acme"}, 1),
        ({"tag": "garage"}, 1),
        ({"search": "cp"}, 3),
        ({"search": "cp", "online": True, "status": "Available"}, 2),
    ],
)
def test_charge_points_are_chosen_by_a_filter(
    api: APIClient, fleet: list[ChargePoint], criteria: dict[str, Any], total: int
) -> None:
    made = post(api, filter=criteria).json()["data"]
    assert (made["total"], made["filter"]) == (total, criteria)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "chargePointIds"),
    ({"chargePointIds": ["CP1"], "filter": {"online": True}}, "chargePointIds"),
    ({"chargePointIds": []}, "chargePointIds"),
    ({"chargePointIds": ["CP1", "CP9"]}, "chargePointIds.1"),
    ({"chargePointIds": "CP1"}, "chargePointIds"),
    ({"filter": {}}, "filter"),
    ({"filter": {"colour": "red"}}, "filter.colour"),
    ({"filter": {"online": "perhaps"}}, "filter.online"),
    ({"filter": {"vendor": "nobody"}}, "filter"),
    ({"chargePointIds": ["CP1"], "concurrency": 0}, "concurrency"),
    ({"chargePointIds": ["CP1"], "concurrency": 501}, "concurrency"),
    ({"chargePointIds": ["CP1"], "expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ({"chargePointIds": ["CP1"], "action": "NoSuchThing"}, "action"),
    ({"chargePointIds": ["CP1"], "action": "Heartbeat", "payload": {}}, "action"),
    ({"chargePointIds": ["CP1"], "payload": {"type": "Gentle"}}, "payload.type"),
    ({"chargePointIds": ["CP1"], "payload": {}}, "payload.type"),
    ({"chargePointIds": ["CP1"], "payload": "Soft"}, "payload"),
    (
        {
            "chargePointIds": ["CP1"],
            "action": "ChangeConfiguration",
            "payload": {"key": "AuthorizationKey", "value": "secret"},
        },
        "payload.key",
    ),
    ({"chargePointIds": ["CP1"], "stations": 3}, "stations"),
]


@pytest.mark.parametrize(("body", "field"), REFUSED)
def test_wrong_input_names_the_field_and_nothing_is_stored(
    api: APIClient, tenant: Tenant, fleet: list[ChargePoint], body: dict[str, Any], field: str
) -> None:
    answer = post(api, **body)
    assert answer.status_code == 400, answer.json()
    assert field in [error["field"] for error in answer.json()["errors"]], answer.json()
    with tenant_transaction(tenant.pk):
        assert not BulkCommand.objects.exists()


def test_another_tenants_charge_points_do_not_exist(
    stranger: APIClient, viewer: APIClient, api: APIClient, fleet: list[ChargePoint]
) -> None:
    answer = post(stranger, chargePointIds=["CP1"])
    assert answer.json()["errors"][0]["field"] == "chargePointIds.0"
    assert post(viewer, chargePointIds=["CP1"]).status_code == 403
    bulk = post(api, chargePointIds=["CP1"]).json()["data"]["bulkId"]
    assert viewer.get(f"{BULK}/{bulk}").status_code == 200
    assert viewer.post(f"{BULK}/{bulk}/cancel").status_code == 403
    for path in ("", "/results", "/results/export"):
        assert stranger.get(f"{BULK}/{bulk}{path}").status_code == 404
    assert stranger.post(f"{BULK}/{bulk}/cancel").status_code == 404
    assert stranger.get(BULK).json()["data"] == []


def test_a_bulk_command_is_cancelled_once(api: APIClient, fleet: list[ChargePoint]) -> None:
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    bulk = post(api, chargePointIds=["CP1", "CP3"], expiresAt=until).json()["data"]["bulkId"]
    advance_bulks()
    answer = api.post(f"{BULK}/{bulk}/cancel")
    assert answer.status_code == 200
    counts = answer.json()["data"]["counts"]
    assert (counts["cancelled"], counts["skipped"]) == (1, 1)
    assert api.post(f"{BULK}/{bulk}/cancel").status_code == 409


def test_a_list_of_bulk_commands_costs_no_query_per_row(
    api: APIClient, tenant: Tenant, fleet: list[ChargePoint], django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        post(api, filter={"search": "CP"})
    with django_assert_max_num_queries(12):
        assert len(api.get(BULK).json()["data"]) == 5


@pytest.mark.parametrize("query", ["?status=maybe", "?colour=red", "?limit=0"])
def test_wrong_parameters_of_the_results_are_named(api: APIClient, fleet: list[ChargePoint], query: str) -> None:
    bulk = post(api, chargePointIds=["CP1"]).json()["data"]["bulkId"]
    answer = api.get(f"{BULK}/{bulk}/results{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query[1:].partition("=")[0]
