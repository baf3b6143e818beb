"""What a tenant sets about security: over REST and in the back office."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from chargepoints.models import SecuritySettings
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.conftest import office

URL = "/api/v1/security/settings"


def test_it_is_off_until_it_is_set(api: APIClient, tenant: Tenant) -> None:
    assert api.get(URL).json()["data"] == {"passwordRotationDays": None}
    assert api.patch(URL, {"passwordRotationDays": 90}, format="json").json()["data"] == {"passwordRotationDays": 90}
    assert api.patch(URL, {}, format="json").json()["data"] == {"passwordRotationDays": 90}
    assert api.patch(URL, {"passwordRotationDays": None}, format="json").json()["data"]["passwordRotationDays"] is None
    with tenant_transaction(tenant.pk):
        changes = [entry.changes for entry in AuditEntry.objects.filter(object_type="securitysettings").order_by("pk")]
    assert changes == [{"password_rotation_days": [None, 90]}, {"password_rotation_days": [90, None]}]


@pytest.mark.parametrize("days", [0, -1, 3651, 10**30, "soon", 1.5, True, [], {}])
def test_wrong_days_are_named(api: APIClient, days: Any) -> None:
    answer = api.patch(URL, {"passwordRotationDays": days}, format="json")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["passwordRotationDays"]


def test_each_tenant_has_its_own_and_viewers_change_nothing(
    api: APIClient, viewer: APIClient, stranger: APIClient
) -> None:
    api.patch(URL, {"passwordRotationDays": 90}, format="json")
    assert viewer.get(URL).json()["data"] == {"passwordRotationDays": 90}
    assert viewer.patch(URL, {"passwordRotationDays": 1}, format="json").status_code == 403
    assert stranger.get(URL).json()["data"] == {"passwordRotationDays": None}


def test_the_office_has_one_row_of_them(alice: User, bob: User, tenant: Tenant, redis_clean: Any) -> None:
    client: Client = office(alice)
    add, listed = (reverse(f"admin:chargepoints_securitysettings_{name}") for name in ("add", "changelist"))
    assert client.get(listed).headers["Location"] == add
    assert "The usual settings apply" in office(bob).get(listed).content.decode()
    page = client.get(add).content.decode()
    assert "online and charge nobody" in page
    assert "_addanother" not in page
    assert client.post(add, {"password_rotation_days": "60"}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert SecuritySettings.objects.get().password_rotation_days == 60
    again = client.post(add, {"password_rotation_days": "30"})
    assert again.status_code == 200
    assert "exists already" in again.content.decode()
    with tenant_transaction(tenant.pk):
        row = SecuritySettings.objects.get()
    assert row.password_rotation_days == 60
    form = reverse("admin:chargepoints_securitysettings_change", args=[row.pk])
    assert {one.get(listed).headers["Location"] for one in (client, office(bob))} == {form}
    assert client.get(add).headers["Location"] == form
