"""Lists of millions of rows: what is searched, sorted and counted has an index; nothing looks through all of them."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chargepoints.admin import site_field
from chargepoints.models import Command, IdTag, Site, Transaction
from smartcharging.models import Circuit
from tenants.admin import changelist, paging
from tenants.admin.search import words_of
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station

COMMANDS = reverse("admin:chargepoints_command_changelist")
SESSIONS = reverse("admin:chargepoints_transaction_changelist")
DAYS = [(2024, 5, 1), (2025, 1, 31), (2026, 2, 3), (2026, 2, 20), (2026, 3, 1), (2026, 3, 2)]


@pytest.fixture
def commands(tenant: Tenant) -> list[Command]:
    """Six, of three years; the last to CP2."""
    stations = [make_station(tenant, identity) for identity in ("CP1", "CP2")]
    with tenant_transaction(tenant.pk):
        rows = [
            Command.objects.create(
                tenant=tenant,
                charge_point=stations[number == 5],
                action="Reset",
                requested_by=f"p{number}",
                origin="api",
            )
            for number in range(len(DAYS))
        ]
        for row, day in zip(rows, DAYS, strict=True):
            Command.objects.filter(pk=row.pk).update(created_at=datetime(*day, 12, tzinfo=UTC))
    return rows


def listed(client: Any, url: str) -> Any:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.context_data["cl"]


@pytest.mark.parametrize(
    ("term", "words"),
    [("a  b", ["a", "b"]), ('"a b" c', ["a b", "c"]), ("nul\0l", ["null"]), ('"', ['"']), ("", []), ("'", ["'"])],
)
def test_words_of_a_search(term: str, words: list[str]) -> None:
    assert words_of(term) == words


def test_a_search_looks_for_the_station_first_and_joins_nothing(commands: list[Command], alice: User) -> None:
    client = office(alice)
    with CaptureQueriesContext(connections["default"]) as asked:
        found = listed(client, f"{COMMANDS}?q=cp2")
    assert [row.pk for row in found.result_list] == [commands[5].pk]
    # LIKE is asked of the stations, never of the long table.
    assert not [one["sql"] for one in asked if "LIKE" in one["sql"] and 'FROM "chargepoints_command"' in one["sql"]]
    assert len(listed(client, f"{COMMANDS}?q=cp").result_list) == 6
    assert len(listed(client, f"{COMMANDS}?q=nobody").result_list) == 0


def test_sessions_are_found_by_number_station_and_driver(tenant: Tenant, alice: User) -> None:
    session = make_session(make_station(tenant, "CP1"))
    make_session(make_station(tenant, "CP2"))
    with tenant_transaction(tenant.pk):
        tag = IdTag.objects.create(tenant=tenant, token="CARD9", token_key="card9", holder="Olga Petrov")
        Transaction.objects.filter(pk=session.pk).update(id_tag_row=tag, id_tag="CARD9")
    client = office(alice)
    for term in ("CP1", "card", "petrov", session.protocol_id, "olga cp1"):
        assert session.pk in [row.pk for row in listed(client, f"{SESSIONS}?q={term}").result_list], term
    assert len(listed(client, f"{SESSIONS}?q=petrov cp2").result_list) == 0


def test_long_lists_are_sorted_by_what_has_an_index_only(
    commands: list[Command], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = office(alice)
    names = list(listed(client, COMMANDS).list_display)
    by_state = names.index("state_shown")
    ordered = listed(client, f"{COMMANDS}?o={by_state}").queryset.query.order_by
    assert ordered[0] == "state"
    monkeypatch.setattr(changelist, "CAP", 5)
    answer: Any = client.get(f"{COMMANDS}?o={by_state}")
    assert answer.context_data["cl"].queryset.query.order_by[0] == "-created_at"
    assert "too many rows" in answer.content.decode()
    # By its index, and among few rows by whatever is asked for.
    by_time = names.index("created_at")
    assert listed(client, f"{COMMANDS}?o={by_time}").queryset.query.order_by[0] == "created_at"
    assert listed(client, f"{COMMANDS}?o={by_state}&q=cp2").queryset.query.order_by[0] == "state"


def test_days_above_a_list_are_reckoned_from_its_ends(commands: list[Command], alice: User) -> None:
    client = office(alice)

    def offered(query: str) -> list[str]:
        with CaptureQueriesContext(connections["default"]) as asked:
            text = client.get(f"{COMMANDS}?{query}").content.decode()
        assert not [one["sql"] for one in asked if "DATE_TRUNC" in one["sql"].upper()]
        head = text[text.index('<ul class="toplinks') :]
        said = re.sub(r"<span[^>]*>.*?</span>|<[^>]+>", "\n", head[: head.index("</ul>")])
        return [line.strip() for line in said.splitlines() if line.strip()]

    assert offered("")[:3] == ["2024", "2025", "2026"]
    in_2026 = offered("created_at__year=2026")
    assert [word for word in in_2026 if "2026" in word] == ["January 2026", "February 2026", "March 2026"]
    in_march = offered("created_at__year=2026&created_at__month=3")
    assert in_march[-2:] == ["March 1", "March 2"]
    assert "March 2" in offered("created_at__year=2026&created_at__month=3&created_at__day=2")
    assert client.get(f"{COMMANDS}?created_at__year=2026&created_at__month=13").status_code == 302


def test_thousands_of_sites_are_named_not_listed(tenant: Tenant, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with tenant_transaction(tenant.pk):
        sites = [Site.objects.create(tenant=tenant, name=f"Depot {number}") for number in range(3)]
        circuit = Circuit.objects.create(tenant=tenant, name="Grid", capacity=63, site=sites[1])
    client = office(alice)
    form = reverse("admin:circuit_edit", args=[circuit.pk])
    assert client.get(form).content.decode().count(">Depot") == 3
    monkeypatch.setattr(site_field, "MOST_LISTED", 2)
    text = client.get(form).content.decode()
    assert ">Depot" not in text
    assert 'value="Depot 1"' in text
    with tenant_transaction(tenant.pk):
        field = site_field.SiteField()
        field.offer()
        assert field.clean("Depot 2") == sites[2]
        with pytest.raises(ValidationError, match="no site of this name"):
            field.clean("Depot 9")


def test_a_page_far_from_the_beginning_passes_the_others_by_their_keys(
    commands: list[Command], tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "DEEP", 2)
    with tenant_transaction(tenant.pk):
        rows = Command.objects.select_related("charge_point").order_by("-created_at", "-id")
        pages = paging.CappedPaginator(rows, 2)
        assert [row.pk for number in (1, 2, 3) for row in pages.page(number)] == [row.pk for row in rows]
        with CaptureQueriesContext(connections["default"]) as caught:
            assert [row.charge_point.identity for row in pages.page(3)] == ["CP1", "CP1"]
        assert "OFFSET" in caught[0]["sql"]
        assert "JOIN" not in caught[0]["sql"]
        assert len(caught) == 2
        assert len(paging.CappedPaginator(rows, 4).page(2)) == 2
