"""What stands around every page: the menu, the way back, what an empty list says, pages where there is none."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from chargepoints.models import ChargePoint
from csms.empty_lists import EMPTY_LISTS
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station

# Always full, or with a page of their own.
NEVER_EMPTY = {"tenants.tenant", "tenants.user", "tenants.membership", "smartcharging.circuit"}
LISTS = {model._meta.label_lower for model in admin.site._registry}


@pytest.fixture
def client(tenant: Tenant, alice: User, redis_clean: object) -> Client:
    return office(alice)


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_station(tenant, "CP-1")


def text(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def heading(page: str) -> list[str]:
    found = re.search(r"<h1.*?</h1>", page, re.DOTALL)
    assert found is not None
    return [part.strip() for part in re.findall(r'class="crumb(?:-text)?"[^>]*>([^<]+)<', found[0])]


def test_every_list_that_may_be_empty_says_what_to_do() -> None:
    assert set(EMPTY_LISTS) | NEVER_EMPTY >= LISTS
    assert set(EMPTY_LISTS) <= LISTS
    for said in EMPTY_LISTS.values():
        assert bool(said.action) == bool(said.url_name)
        assert not said.url_name or reverse(said.url_name)


def test_an_empty_list_leads_on_and_an_empty_search_leads_back(client: Client, station: ChargePoint) -> None:
    sessions = reverse("admin:chargepoints_transaction_changelist")
    page = text(client, sessions)
    assert "Sessions come from the stations" in page
    assert f'href="{reverse("admin:chargepoints_chargepoint_changelist")}">To the charge points' in page
    page = text(client, f"{sessions}?q=nobody")
    assert "Nothing fits" in page
    assert "Sessions come from the stations" not in page


def test_what_one_may_not_do_is_not_advised(tenant: Tenant, bob: User, redis_clean: object) -> None:
    page = text(office(bob), reverse("admin:smartcharging_energyprice_changelist"))
    assert "Prices of energy by the hour" in page
    assert reverse("admin:energy_prices_upload") not in page


def test_pages_are_named_as_in_the_menu_and_lead_back(client: Client, station: ChargePoint) -> None:
    session = make_session(station)
    listed = reverse("admin:chargepoints_transaction_changelist")
    assert heading(text(client, listed)) == ["Sessions"]
    page = text(client, reverse("admin:chargepoints_transaction_change", args=[session.pk]))
    assert heading(page)[0] == "Sessions"
    assert f'<a class="crumb" href="{listed}">' in page
    page = text(client, reverse("admin:charge_point_log", args=[station.pk]))
    assert heading(page) == ["Charge points", "OCPP log of CP-1"]


def test_only_the_group_that_one_is_in_stands_open(client: Client) -> None:
    page = text(client, reverse("admin:metering_tariff_changelist"))
    groups = re.findall(r'<details class="menu-group" name="menu"( open)?>\s*<summary[^>]*>([^<]+)<', page)
    assert [name for is_open, name in groups if is_open] == ["Billing"]
    assert len(groups) > 5
    assert 'href="#content"' in page.partition("<nav")[2][:600]


def test_the_zone_of_all_times_stands_on_every_page(client: Client, tenant: Tenant) -> None:
    assert f"Times in {tenant.timezone}" in text(client, reverse("admin:metering_tariff_changelist"))


def test_a_page_that_is_not_there_says_what_to_do(client: Client) -> None:
    answer = client.get("/admin/nothing/here/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_a_station_with_a_history_is_kept_and_another_way_is_shown(client: Client, station: ChargePoint) -> None:
    make_session(station)
    page = text(client, reverse("admin:chargepoints_chargepoint_delete", args=[station.pk]))
    assert "can&#x27;t be deleted" in page or "can't be deleted" in page
    assert reverse("admin:charge_point_availability", args=[station.pk]) in page


def test_deleting_is_the_last_of_the_actions(client: Client, station: ChargePoint) -> None:
    page = text(client, reverse("admin:chargepoints_chargepoint_changelist"))
    offered = re.findall(r'<option value="(\w+)"', page.partition('name="action"')[2].partition("</select>")[0])
    assert offered[-1] == "delete_selected"
    assert len(offered) > 3


def test_a_session_is_not_closed_without_a_reason(client: Client, station: ChargePoint, tenant: Tenant) -> None:
    session = make_session(station)
    url = reverse("admin:transaction_close", args=[session.pk])
    assert "This field is required" in client.post(url, {"reason": ""}).content.decode()
    assert client.post(url, {"reason": "PowerLoss"}).status_code == 302
    with tenant_transaction(tenant.pk):
        session.refresh_from_db()
    assert session.stop_reason == "PowerLoss"
