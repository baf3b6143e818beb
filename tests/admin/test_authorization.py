"""The page of the tenant's system that decides about tags, and of a station's local list."""

import re

from django.urls import reverse

from chargepoints.models import AuthorizationWebhook, IdTag, LocalAuthList, Transaction
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.conftest import office

LIST = "admin:chargepoints_authorizationwebhook_changelist"
ADD = "admin:chargepoints_authorizationwebhook_add"
CHANGE = "admin:chargepoints_authorizationwebhook_change"
FORM = {"url": "https://tags.example.com/", "asks_about": "unknown", "timeout_ms": 2000, "cache_seconds": 300}


def test_the_page_makes_the_one_webhook_and_shows_its_secret_once(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    assert client.get(reverse(LIST)).status_code == 200
    add = reverse(ADD)
    refused = client.post(add, {**FORM, "fallback": "own", "url": "https://10.0.0.1/"})
    assert "Private addresses are not allowed." in refused.content.decode()
    made = client.post(add, {**FORM, "fallback": "own", "enabled": "on"}, follow=True).content.decode()
    assert re.search("The secret is whsec_[^ ]+", made)
    with tenant_transaction(tenant.pk):
        change = reverse(CHANGE, args=[AuthorizationWebhook.objects.get().pk])
    kept = client.post(change, {**FORM, "fallback": "reject", "enabled": "on"}, follow=True).content.decode()
    assert "whsec_" not in kept
    second = client.post(add, {**FORM, "fallback": "own", "enabled": "on"}).content.decode()
    assert "exists already" in second
    with tenant_transaction(tenant.pk):
        assert AuthorizationWebhook.objects.get().fallback == "reject"
        assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["create", "change"]


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
