"""Webhooks in the back office."""

from typing import Any

from django.urls import reverse

from chargepoints.models import Transaction
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User, Webhook, WebhookDelivery
from tests.admin.conftest import office


def test_a_new_one_shows_its_secret_once_and_is_audited(alice: User, tenant: Tenant, redis_clean: Any) -> None:
    client = office(alice)
    form = {
        "url": "https://hooks.example.com/a",
        "description": "",
        "event_types": ["session.started"],
        "enabled": "on",
    }
    page = client.post(reverse("admin:tenants_webhook_add"), form, follow=True)
    assert page.status_code == 200
    assert "whsec_" in page.content.decode()
    assert "whsec_" not in client.get(reverse("admin:tenants_webhook_changelist")).content.decode()
    with tenant_transaction(tenant.pk):
        row = Webhook.objects.get()
        assert row.event_types == ["session.started"]
        assert list(AuditEntry.objects.values_list("action", flat=True)) == ["create"]


def test_a_private_address_is_an_error_at_its_field(alice: User, tenant: Tenant, redis_clean: Any) -> None:
    page = office(alice).post(reverse("admin:tenants_webhook_add"), {"url": "https://10.0.0.1/", "enabled": "on"})
    assert "Private addresses are not allowed." in page.content.decode()
    with tenant_transaction(tenant.pk):
        assert not Webhook.objects.exists()


def test_dead_letters_are_sent_again_from_the_list(
    alice: User, tenant: Tenant, stocked: Transaction, redis_clean: Any
) -> None:
    client = office(alice)
    with tenant_transaction(tenant.pk):
        delivery, webhook = WebhookDelivery.objects.get(), Webhook.objects.get()
    chosen = {"action": "again", "_selected_action": [delivery.pk]}
    client.post(reverse("admin:tenants_webhookdelivery_changelist"), chosen)
    with tenant_transaction(tenant.pk):
        assert WebhookDelivery.objects.get().state == "pending"
        WebhookDelivery.objects.update(state="dead")
    client.post(reverse("admin:tenants_webhook_changelist"), {"action": "redeliver", "_selected_action": [webhook.pk]})
    with tenant_transaction(tenant.pk):
        assert WebhookDelivery.objects.get().state == "pending"
    page = client.post(
        reverse("admin:tenants_webhook_changelist"), {"action": "rotate", "_selected_action": [webhook.pk]}, follow=True
    )
    assert "whsec_" in page.content.decode()
