"""The palette's search: what a term finds, for whom, and that it uses indexes."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from chargepoints.models import ChargePoint, IdTag, Site, Transaction
from csms.search.found import MOST, _beginning_with
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station


def groups_of(client: Client, term: str) -> dict[str, list[dict[str, str]]]:
    answer = client.get(reverse("admin:search"), {"q": term})
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    return {group["title"]: group["hits"] for group in answer.json()["groups"]}


def titles(client: Client, term: str, group: str) -> list[str]:
    return [hit["title"] for hit in groups_of(client, term).get(group, [])]


@pytest.fixture
def fleet(tenant: Tenant) -> Transaction:
    """Two stations, a session on the first, a tag, a site."""
    first, second = make_station(tenant, "DEPOT-7"), make_station(tenant, "Street-1")
    with tenant_transaction(tenant.pk):
        site = Site.objects.create(tenant=tenant, name="Harbour", address="Quay 3, Rostock")
        ChargePoint.objects.filter(pk=first.pk).update(name="By the gate", serial_number="SN-0815", site=site)
        ChargePoint.objects.filter(pk=second.pk).update(name="Near depot-7")
        IdTag.objects.create(tenant=tenant, token="04A1B2", token_key="04a1b2", holder="Anna Müller")
    return make_session(first, "4711", id_tag="04A1B2")


def test_stations_are_found_by_identity_name_and_serial_number(fleet: Transaction, bob: User) -> None:
    client = office(bob)
    # Those whose identity begins so come first.
    assert titles(client, "depot-7", "Charge points") == ["DEPOT-7", "Street-1"]
    assert titles(client, "the gate", "Charge points") == ["DEPOT-7"]
    assert titles(client, "0815", "Charge points") == ["DEPOT-7"]
    (hit,) = groups_of(client, "SN-0")["Charge points"]
    assert hit["text"] == "By the gate · Harbour · SN-0815"
    assert client.get(hit["url"]).status_code == 200


def test_sessions_are_found_by_the_stations_id_and_by_ours(fleet: Transaction, tenant: Tenant, bob: User) -> None:
    make_session(make_station(tenant, "CP3"), "47", id_tag="X")
    client = office(bob)
    # The id itself before those that only begin with it.
    assert titles(client, "47", "Sessions") == ["47", "4711"]
    assert titles(client, "#4711", "Sessions") == ["4711"]
    urls = [hit["url"] for hit in groups_of(client, str(fleet.pk))["Sessions"]]
    assert reverse("admin:chargepoints_transaction_change", args=[fleet.pk]) in urls
    assert titles(client, "9" * 30, "Sessions") == []


def test_tags_are_found_by_their_beginning_and_by_their_holder(fleet: Transaction, bob: User) -> None:
    client = office(bob)
    assert titles(client, "04a1", "Id tags") == ["04A1B2"]
    assert titles(client, "müller", "Id tags") == ["04A1B2"]
    assert titles(client, "a1b2", "Id tags") == []


def test_sites_and_pages_are_found_by_name(fleet: Transaction, bob: User) -> None:
    client = office(bob)
    assert titles(client, "rostock", "Sites") == ["Harbour"]
    assert titles(client, "security ev", "Pages") == ["Security events"]
    # Of platform staff only.
    assert titles(client, "platform trail", "Pages") == []


def test_what_finds_nothing_finds_nothing(fleet: Transaction, bob: User) -> None:
    client = office(bob)
    for term in ("", "   ", "nowhere", "%", "_", "'; DROP TABLE", "\0", "x" * 5000):
        assert groups_of(client, term) == {}, term


def test_more_than_are_shown_are_in_the_list(tenant: Tenant, bob: User) -> None:
    for number in range(MOST + 1):
        make_station(tenant, f"CP{number}")
    (group,) = office(bob).get(reverse("admin:search"), {"q": "cp"}).json()["groups"]
    assert len(group["hits"]) == MOST
    assert group["more"] == reverse("admin:chargepoints_chargepoint_changelist") + "?q=cp"


def test_it_finds_in_the_tenant_that_one_works_in_now(
    fleet: Transaction, tenant: Tenant, other_tenant: Tenant, alice: User
) -> None:
    """The same person, the same term: nothing of the other tenant's answer is kept."""
    from tenants.services.tenants import add_member

    add_member(tenant=other_tenant, user=alice, role="viewer")
    client = office(alice)
    assert titles(client, "depot-7", "Charge points") != []
    assert client.post(reverse("admin:choose_tenant"), {"tenant": "umbrella"}).status_code == 302
    assert groups_of(client, "depot-7") == {}
    assert groups_of(client, str(fleet.pk)) == {}


def test_strangers_are_sent_to_the_form(fleet: Transaction) -> None:
    answer = Client().get(reverse("admin:search"), {"q": "depot"})
    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("model", "name", "index"),
    [(Transaction, "protocol_id", "transactions_by_protocol_id"), (IdTag, "token_key", "id_tags_by_beginning")],
)
def test_what_is_one_of_millions_is_found_by_an_index_behind_the_wall(
    tenant: Tenant, model: Any, name: str, index: str
) -> None:
    """PostgreSQL lets an index act before row-level security only for operators that give nothing away."""
    with tenant_transaction(tenant.pk), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        sql, params = (
            _beginning_with(model.objects.order_by(), name, "47").values_list("pk")[:MOST].query.sql_with_params()
        )
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert index in plan, plan
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert {"tenant_id", name} <= set(re.findall(r"\w+", condition)), plan
    assert "Sort" not in plan, plan
