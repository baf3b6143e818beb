"""Who may do what: over all registered pages, so that a new one can't be forgotten."""

from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from chargepoints.models import ChargePoint, IdTag, Transaction
from tenants.context import system_transaction, tenant_transaction
from tenants.models import ApiKey, AuditEntry, Membership, Role, Tenant, User
from tests.admin.conftest import office
from tests.conftest import make_user

PLATFORM_PAGES = {
    *("tenants_tenant", "tenants_user", "tenants_platformentry", "tenants_systemalert", "chargepoints_gateway"),
}
# What an operator may add and change; the rest is for administrators, or can't be changed at all.
OPERATORS_ADD = {
    "chargepoints_firmwarefile",
    "chargepoints_firmwarerollout",
    "chargepoints_idtag",
    "metering_idtaglimit",
    "smartcharging_idtagneed",
    "smartcharging_profiletemplate",
}
OPERATORS_CHANGE = {*OPERATORS_ADD, "chargepoints_chargepoint"}
ADMINISTRATORS_SEE = {
    *("chargepoints_authorizationwebhook", "tenants_apikey", "tenants_invitation", "tenants_webhook"),
    "tenants_webhookdelivery",
}


def stem(model: Any) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"


MODELS = {stem(model): (model, page) for model, page in admin.site._registry.items()}
OF_TENANTS = sorted(set(MODELS) - PLATFORM_PAGES)


def first_row(tenant_id: int, name: str) -> Any:
    with tenant_transaction(tenant_id):
        row = MODELS[name][0]._default_manager.values_list("pk", flat=True).first()
    assert row is not None, f"give `stocked` a row of {name}"
    return row


def test_platform_pages_are_the_ones_that_say_so() -> None:
    assert {name for name, (_, page) in MODELS.items() if getattr(page, "platform_only", False)} == PLATFORM_PAGES


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
def test_pages_open_by_role(stocked: Transaction, tenant: Tenant, role: str) -> None:
    client = office(make_user("person", tenant, role))
    for name in MODELS:
        hidden = name in PLATFORM_PAGES or (name in ADMINISTRATORS_SEE and role != Role.ADMIN)
        expected = 403 if hidden else 200
        # Lists of one row lead on to it.
        assert client.get(reverse(f"admin:{name}_changelist"), follow=True).status_code == expected, name
        if name not in PLATFORM_PAGES:
            url = reverse(f"admin:{name}_change", args=[first_row(tenant.pk, name)])
            assert client.get(url).status_code == expected, url


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_the_allowed_may_add_change_and_delete(stocked: Transaction, tenant: Tenant, role: str) -> None:
    client = office(make_user("person", tenant, role))
    operator = role == Role.OPERATOR
    for name in OF_TENANTS:
        row = first_row(tenant.pk, name)
        may_add, may_change = operator and name in OPERATORS_ADD, operator and name in OPERATORS_CHANGE
        added = client.post(reverse(f"admin:{name}_add"), {}).status_code
        assert added == (200 if may_add else 403), name
        changed = client.post(reverse(f"admin:{name}_change", args=[row]), {"nothing": "1"}).status_code
        assert changed == 403 or may_change, name
        assert client.post(reverse(f"admin:{name}_delete", args=[row]), {"post": "yes"}).status_code == 403, name


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_actions_on_rows_are_for_administrators(stocked: Transaction, tenant: Tenant, role: str) -> None:
    client = office(make_user("person", tenant, role))
    with tenant_transaction(tenant.pk):
        before = {name: list(MODELS[name][0]._default_manager.order_by("pk").values()) for name in OF_TENANTS}
    for name in OF_TENANTS:
        page = MODELS[name][1]
        for action in ["delete_selected", *(page.actions or [])]:
            named = action if isinstance(action, str) else action.__name__
            data = {"action": named, "_selected_action": [first_row(tenant.pk, name)], "post": "yes"}
            client.post(reverse(f"admin:{name}_changelist"), data)
    with tenant_transaction(tenant.pk):
        assert {name: list(MODELS[name][0]._default_manager.order_by("pk").values()) for name in OF_TENANTS} == before


def test_a_viewer_cannot_revoke_a_key(stocked: Transaction, bob: User) -> None:
    data = {"action": "revoke", "_selected_action": [first_row(stocked.tenant_id, "tenants_apikey")]}
    assert office(bob).post(reverse("admin:tenants_apikey_changelist"), data).status_code == 403
    with tenant_transaction(stocked.tenant_id):
        assert ApiKey.objects.get().revoked_at is None


def test_people_of_a_suspended_tenant_can_leave_and_change_tenant(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(status="suspended")
    assert client.post(reverse("admin:choose_tenant"), {"tenant": "acme"}).status_code == 302
    assert client.get(reverse("admin:password_change")).status_code == 200
    assert client.post(reverse("admin:logout")).status_code == 200
    assert client.get(reverse("admin:index")).status_code == 302


def test_someone_whose_membership_ended_is_told_so_and_can_leave(alice: User) -> None:
    client = office(alice)
    with system_transaction():
        Membership.objects.all().delete()
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.status_code == 403
    assert "belongs to no tenant" in answer.content.decode()
    assert client.post(reverse("admin:logout")).status_code == 200
    assert "no tenant" not in client.get(reverse("admin:login")).content.decode()


def test_people_change_their_own_password(alice: User) -> None:
    client = office(alice)
    new = "quite-another-secret"
    data = {"old_password": "alicealice", "password": new, "again": new}
    assert client.post(reverse("admin:password_change"), data).status_code == 302
    with system_transaction():
        assert User.objects.get(pk=alice.pk).check_password(new)


def test_the_same_tag_twice_is_a_form_error(stocked: Transaction, alice: User) -> None:
    data = {"token": "CARD", "type": "Central", "status": "Accepted", "holder": "", "note": ""}
    answer = office(alice).post(reverse("admin:chargepoints_idtag_add"), data)
    assert answer.status_code == 200
    assert "This id tag exists already" in answer.content.decode()


def test_the_same_tag_in_two_tenants_is_fine(stocked: Transaction, other_tenant: Tenant, charlie: User) -> None:
    data = {"token": "CARD", "type": "Central", "status": "Accepted", "holder": "", "note": ""}
    assert office(charlie).post(reverse("admin:chargepoints_idtag_add"), data).status_code == 302
    with tenant_transaction(other_tenant.pk):
        assert IdTag.objects.get().token == "CARD"


@pytest.mark.parametrize(
    ("identity", "limit", "said"),
    [("CP 9/ä", None, "1 to 48 characters"), ("CP9", 1, "limit of 1 charge points"), ("cp1", None, "exists already")],
)
def test_an_identity_that_cannot_be_is_a_form_error(
    stocked: Transaction, alice: User, identity: str, limit: int | None, said: str
) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=stocked.tenant_id).update(max_charge_points=limit)
    data = {"identity": identity, "name": "", "tags": "[]", "notes": "", "security_profile": "1"}
    answer = office(alice).post(reverse("admin:chargepoints_chargepoint_add"), data)
    assert answer.status_code == 200
    assert said in answer.content.decode()


def test_creating_and_deleting_leave_what_was_there_in_the_trail(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    client.post(reverse("admin:chargepoints_site_add"), {"name": "Harbour", "address": "Pier 1", "timezone": ""})
    pk = first_row(tenant.pk, "chargepoints_site")
    client.post(reverse("admin:chargepoints_site_delete", args=[pk]), {"post": "yes"})
    with tenant_transaction(tenant.pk):
        created, deleted = AuditEntry.objects.order_by("at")
    assert (created.action, created.changes["name"]) == ("create", [None, "Harbour"])
    assert (deleted.action, deleted.changes) == ("delete", {"name": ["Harbour", None], "address": ["Pier 1", None]})


def test_a_deleted_station_keeps_no_secret_in_the_trail(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    data = {"identity": "CP9", "name": "", "tags": "[]", "notes": "", "security_profile": "1"}
    client.post(reverse("admin:chargepoints_chargepoint_add"), data)
    pk = first_row(tenant.pk, "chargepoints_chargepoint")
    client.post(reverse("admin:chargepoints_chargepoint_delete", args=[pk]), {"post": "yes"})
    with tenant_transaction(tenant.pk):
        assert not ChargePoint.objects.exists()
        assert "hash" not in str([entry.changes for entry in AuditEntry.objects.all()])
