"""The page of the tenant's system that decides about tags, and of a station's local list."""

import re
from typing import Any

import pytest
from django.urls import reverse

from chargepoints.models import AuthorizationWebhook, IdTag, LocalAuthList, Transaction
from chargepoints.services.authorization_webhook import NoAnswer, Question
from chargepoints.services.authorize import Delegated
from tenants.context import current_scope, tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.conftest import office

LIST = "admin:chargepoints_authorizationwebhook_changelist"
ADD = "admin:chargepoints_authorizationwebhook_add"
CHANGE = "admin:chargepoints_authorizationwebhook_change"
FORM = {"url": "https://tags.example.com/", "asks_about": "unknown", "timeout_ms": 2000, "cache_seconds": 300}


def test_the_page_makes_the_one_webhook_and_shows_its_secret_once(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    add = reverse(ADD)
    assert client.get(reverse(LIST)).headers["Location"] == add
    refused = client.post(add, {**FORM, "fallback": "own", "url": "https://10.0.0.1/"})
    assert "Private addresses are not allowed." in refused.content.decode()
    made = client.post(add, {**FORM, "fallback": "own", "enabled": "on"}, follow=True).content.decode()
    assert re.search("The secret is whsec_[^ ]+", made)
    with tenant_transaction(tenant.pk):
        change = reverse(CHANGE, args=[AuthorizationWebhook.objects.get().pk])
    assert {client.get(page).headers["Location"] for page in (reverse(LIST), add)} == {change}
    kept = client.post(change, {**FORM, "fallback": "reject", "enabled": "on"}, follow=True).content.decode()
    assert "whsec_" not in kept
    second = client.post(add, {**FORM, "fallback": "own", "enabled": "on"}).content.decode()
    assert "exists already" in second
    with tenant_transaction(tenant.pk):
        assert AuthorizationWebhook.objects.get().fallback == "reject"
        assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["create", "change"]


def test_the_webhook_is_tried_with_no_transaction_open(
    tenant: Tenant, alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    async def ask_once(question: Question) -> Delegated:
        asked.append((question.id_tag, question.purpose, question.url, current_scope()))
        if question.id_tag == "SLOW":
            raise NoAnswer("Nothing <b>within</b> 2 s.")
        return Delegated("Blocked", "FLEET")

    monkeypatch.setattr("chargepoints.services.authorization_trial.ask_once", ask_once)
    with tenant_transaction(tenant.pk):
        row = AuthorizationWebhook.objects.create(tenant=tenant, url="https://tags.example.com/", fallback="reject")
    url, client = reverse("admin:authorization_webhook_test", args=[row.pk]), office(alice)
    assert url in client.get(reverse(CHANGE, args=[row.pk])).content.decode()
    assert client.get(url).status_code == 200
    assert asked == []
    filled = {"id_tag": "NEW", "purpose": "StartTransaction", "charge_point": "CP1"}
    page = client.post(url, filled).content.decode()
    assert "It answered" in page
    assert "Blocked" in page
    assert "FLEET" in page
    assert asked == [("NEW", "StartTransaction", "https://tags.example.com/", None)]
    failed = client.post(url, {**filled, "id_tag": "SLOW"}).content.decode()
    assert "Nothing &lt;b&gt;within&lt;/b&gt; 2 s." in failed
    assert "would get the fallback: Reject" in failed
    assert "required" in client.post(url, {**filled, "id_tag": " "}).content.decode()
    for person in (bob, charlie):
        assert office(person).post(url, filled).status_code == 404
    assert len(asked) == 2


def test_viewers_have_no_such_page(tenant: Tenant, bob: User) -> None:
    assert office(bob).get(reverse(LIST)).status_code == 403


def test_a_stations_list_is_shown_and_managed(stocked: Transaction, alice: User, bob: User) -> None:
    station = stocked.charge_point
    url = reverse("admin:charge_point_local_list", args=[station.pk])
    with tenant_transaction(station.tenant_id):
        IdTag.objects.create(tenant_id=station.tenant_id, token="<i>X", token_key="<i>x")
    page = office(alice).get(url).content.decode()
    assert "&lt;i&gt;X" in page
    assert "Keep it in step" in page
    assert office(alice).post(url, {"do": "manage"}).status_code == 302
    with tenant_transaction(station.tenant_id):
        assert LocalAuthList.objects.get().managed
    offline = office(alice).post(url, {"do": "full"}, follow=True).content.decode()
    assert "The station is offline" in offline
    assert office(alice).post(url, {"do": "unmanage"}).status_code == 302
    with tenant_transaction(station.tenant_id):
        assert not LocalAuthList.objects.get().managed
    assert "Keep it in step" not in office(bob).get(url).content.decode()
    assert office(bob).post(url, {"do": "manage"}).status_code == 403


def test_another_tenants_list_has_no_page(stocked: Transaction, charlie: User) -> None:
    url = reverse("admin:charge_point_local_list", args=[stocked.charge_point_id])
    assert office(charlie).get(url).status_code == 404
