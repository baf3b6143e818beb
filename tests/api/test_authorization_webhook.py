"""`/authorization-webhook`."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from chargepoints.models import AuthorizationWebhook
from chargepoints.services import authorization_webhook
from chargepoints.services.authorize import Delegated
from tenants.context import current_scope, tenant_transaction
from tenants.models import AuditEntry, Tenant
from tenants.outbound import new_secret

URL = "/api/v1/authorization-webhook"
WISH = {"url": "https://tags.example.com/ask"}


def test_the_secret_is_shown_once_and_kept_sealed(api: APIClient, tenant: Tenant) -> None:
    assert api.get(URL).status_code == 404
    made = api.put(URL, WISH).json()["data"]
    assert made["secret"].startswith("whsec_")
    assert made["asksAbout"] == "unknown"
    changed = api.put(URL, {**WISH, "fallback": "reject"}).json()["data"]
    assert (changed["secret"], changed["fallback"]) == (None, "reject")
    assert "secret" not in api.get(URL).json()["data"]
    renewed = api.put(URL, {**WISH, "renewSecret": True}).json()["data"]
    assert renewed["secret"] not in (None, made["secret"])
    assert renewed["fallback"] == "reject"
    with tenant_transaction(tenant.pk):
        assert made["secret"] not in AuthorizationWebhook.objects.get().secret
        trail = [entry.changes for entry in AuditEntry.objects.order_by("pk")]
    assert trail[1] == {"fallback": ["own", "reject"]}
    assert not any("whsec_" in str(changes) for changes in trail)
    assert api.delete(URL).status_code == 204
    assert api.get(URL).status_code == 404
    assert api.delete(URL).status_code == 404


def test_a_secret_of_ones_own_is_taken(api: APIClient) -> None:
    secret = new_secret()
    assert api.put(URL, {**WISH, "secret": secret}).json()["data"]["secret"] == secret


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://tags.example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::1]/"}, "url"),
        ({"url": "https://u:p@example.com/"}, "url"),
        ({"url": "x"}, "url"),
        ({"url": "https://e.com/" + "x" * 500}, "url"),
        ({"timeoutMs": 99}, "timeoutMs"),
        ({"timeoutMs": 10_001}, "timeoutMs"),
        ({"cacheSeconds": -1}, "cacheSeconds"),
        ({"cacheSeconds": 86_401}, "cacheSeconds"),
        ({"fallback": "guess"}, "fallback"),
        ({"asksAbout": "some"}, "asksAbout"),
        ({"secret": "short"}, "secret"),
        ({"color": "red"}, "color"),
    ],
)
def test_wrong_input_is_named(api: APIClient, tenant: Tenant, changes: dict[str, Any], field: str) -> None:
    answer = api.put(URL, {**WISH, **changes})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    with tenant_transaction(tenant.pk):
        assert not AuthorizationWebhook.objects.exists()


def test_it_is_tried_with_no_transaction_open(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes = []

    async def ask_once(question: Any) -> Delegated:
        scopes.append(current_scope())
        return Delegated("Accepted", "FLEET")

    monkeypatch.setattr("chargepoints.services.authorization_trial.ask_once", ask_once)
    assert api.post(f"{URL}/test").status_code == 404
    api.put(URL, WISH)
    tried = api.post(f"{URL}/test", {"idTag": "NEW", "purpose": "StartTransaction", "connectorId": 1})
    assert tried.json()["data"]["status"] == "Accepted"
    assert tried.json()["data"]["parentIdTag"] == "FLEET"
    assert scopes == [None]
    for body in ({"purpose": "StopTransaction"}, {"idTag": ""}, {"color": "red"}, {"connectorId": -1}):
        assert api.post(f"{URL}/test", body).status_code == 400


def test_a_failure_says_why(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask_once(question: Any) -> Delegated:
        raise authorization_webhook.NoAnswer("The name leads to a private address.")

    monkeypatch.setattr("chargepoints.services.authorization_trial.ask_once", ask_once)
    api.put(URL, WISH)
    tried = api.post(f"{URL}/test", {}).json()["data"]
    assert (tried["answered"], tried["detail"]) == (False, "The name leads to a private address.")


def test_roles_and_tenants_are_apart(api: APIClient, viewer: APIClient, stranger: APIClient) -> None:
    api.put(URL, WISH)
    assert viewer.get(URL).status_code == 200
    for answer in (viewer.put(URL, WISH), viewer.delete(URL), viewer.post(f"{URL}/test", {})):
        assert answer.status_code == 403
    assert stranger.get(URL).status_code == 404
    assert stranger.delete(URL).status_code == 404
    assert api.get(URL).status_code == 200
