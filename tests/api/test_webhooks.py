"""`/webhooks`: making, changing, trying, redelivering."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tenants.context import tenant_transaction
from tenants.models import AuditEntry, OutboxEvent, Tenant, Webhook, WebhookDelivery

PATH = "/api/v1/webhooks"
URL = "https://hooks.example.com/csms"


@pytest.fixture
def webhook(api: APIClient) -> dict[str, Any]:
    answer = api.post(PATH, {"url": URL, "eventTypes": ["session.started"]}, format="json")
    assert answer.status_code == 201, answer.content
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_the_secret_is_shown_once_and_kept_sealed(api: APIClient, tenant: Tenant, webhook: dict[str, Any]) -> None:
    assert webhook["secret"].startswith("whsec_")
    shown = api.get(f"{PATH}/{webhook['id']}").json()["data"]
    assert "secret" not in shown
    assert shown["eventTypes"] == ["session.started"]
    with tenant_transaction(tenant.pk):
        row = Webhook.objects.get()
        assert webhook["secret"] not in row.secret
        assert webhook["secret"] not in str(list(AuditEntry.objects.values_list("changes", flat=True)))
    rotated = api.post(f"{PATH}/{webhook['id']}/rotate-secret").json()["data"]["secret"]
    assert rotated != webhook["secret"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "https://joe:secret@example.com/"}, "url"),
        ({}, "url"),
        ({"url": URL, "eventTypes": ["no.such"]}, "eventTypes"),
        ({"url": URL, "eventTypes": "session.started"}, "eventTypes"),
        ({"url": URL, "secret": "short"}, "secret"),
        ({"url": URL, "secrets": "x"}, "secrets"),
    ],
)
def test_wrong_input_names_its_field(api: APIClient, body: dict[str, Any], field: str) -> None:
    answer = api.post(PATH, body, format="json")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_it_is_changed_and_deleted(api: APIClient, tenant: Tenant, webhook: dict[str, Any]) -> None:
    changed = api.patch(f"{PATH}/{webhook['id']}", {"enabled": False, "eventTypes": []}, format="json")
    assert (changed.json()["data"]["enabled"], changed.json()["data"]["eventTypes"]) == (False, [])
    assert api.delete(f"{PATH}/{webhook['id']}").status_code == 204
    assert api.get(PATH).json()["data"] == []
    with tenant_transaction(tenant.pk):
        actions = AuditEntry.objects.filter(object_type="webhook").order_by("pk").values_list("action", flat=True)
        assert list(actions) == ["create", "change", "delete"]


def make_delivery(tenant: Tenant, **fields: Any) -> WebhookDelivery:
    with tenant_transaction(tenant.pk):
        event = OutboxEvent.objects.create(tenant=tenant, event_type="session.started", at=timezone.now())
        return WebhookDelivery.objects.create(tenant=tenant, webhook=Webhook.objects.get(), event=event, **fields)


def test_deliveries_are_listed_and_sent_again(api: APIClient, tenant: Tenant, webhook: dict[str, Any]) -> None:
    dead = make_delivery(tenant, state="dead", attempts=5, status_code=404, detail="It answered with status 404.")
    make_delivery(tenant, state="delivered", attempts=1, status_code=204)
    waiting = make_delivery(tenant)
    path = f"{PATH}/{webhook['id']}/deliveries"
    assert len(api.get(path).json()["data"]) == 3
    (row,) = api.get(path, {"status": "dead"}).json()["data"]
    assert (row["statusCode"], row["attempts"], row["eventType"]) == (404, 5, "session.started")
    again = api.post(f"{path}/{dead.pk}/redeliver").json()["data"]
    assert (again["status"], again["attempts"]) == ("pending", 0)
    assert api.post(f"{path}/{waiting.pk}/redeliver").status_code == 409
    assert api.get(path, {"status": "lost"}).json()["errors"][0]["field"] == "status"


def test_all_dead_letters_at_once(api: APIClient, tenant: Tenant, webhook: dict[str, Any]) -> None:
    for _ in range(3):
        make_delivery(tenant, state="dead", attempts=12)
    assert api.post(f"{PATH}/{webhook['id']}/redeliver").json()["data"] == {"count": 3}


def test_trying_it_says_what_came_of_it(api: APIClient, settings: Any) -> None:
    settings.ALLOW_PRIVATE_HOOKS = True
    made = api.post(PATH, {"url": "http://127.0.0.1:1/"}, format="json").json()["data"]
    tried = api.post(f"{PATH}/{made['id']}/test").json()["data"]
    assert tried["delivered"] is False
    assert tried["statusCode"] is None
    assert tried["detail"]


def test_viewers_look_and_strangers_find_nothing(
    viewer: APIClient, stranger: APIClient, tenant: Tenant, webhook: dict[str, Any]
) -> None:
    delivery = make_delivery(tenant, state="dead")
    one = f"{PATH}/{webhook['id']}"
    assert viewer.get(one).status_code == 200
    for method, path in (
        ("post", PATH),
        ("patch", one),
        ("delete", one),
        ("post", f"{one}/rotate-secret"),
        ("post", f"{one}/test"),
        ("post", f"{one}/redeliver"),
        ("post", f"{one}/deliveries/{delivery.pk}/redeliver"),
    ):
        assert getattr(viewer, method)(path, {}, format="json").status_code == 403
        if path != PATH:
            assert getattr(stranger, method)(path, {}, format="json").status_code == 404
    assert stranger.get(one).status_code == 404
    assert stranger.get(f"{one}/deliveries").status_code == 404
    assert stranger.get(PATH).json()["data"] == []


def test_a_tenant_has_a_bounded_number(api: APIClient, webhook: dict[str, Any]) -> None:
    for _ in range(19):
        assert api.post(PATH, {"url": URL}, format="json").status_code == 201
    assert api.post(PATH, {"url": URL}, format="json").status_code == 409
