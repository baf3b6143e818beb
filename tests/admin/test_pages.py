"""Every page of the back office: for whom it opens, and for whom it doesn't exist."""

from typing import Any

from django.contrib import admin
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chargepoints.models import ChargePoint, SignInAttempt, Site, Transaction
from tenants.context import system_transaction, tenant_transaction
from tenants.models import ApiKey, AuditEntry, Role, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station
from tests.conftest import make_user


def pages() -> list[str]:
    """List and add pages of all registered models, and the pages of our own."""
    names = ["admin:index", "admin:overview_tiles", "admin:message_log", "admin:choose_tenant", "admin:usage"]
    names += ["admin:overview_charts", "admin:overview_uptime", "admin:all_tenants", "admin:all_tenants_rows"]
    for model in admin.site._registry:
        stem = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        names += [f"{stem}_changelist", f"{stem}_add"]
    return names


def test_every_page_opens_for_platform_staff(stocked: Transaction, redis_clean: Any) -> None:
    root = office(make_user("root", None, superuser=True))
    for name in pages():
        # Settings of one row lead on to their form.
        answer = root.get(reverse(name), follow=True)
        read_only = name.endswith("_add") and not admin.site._registry[_model(name)].has_add_permission(
            answer.wsgi_request
        )
        assert answer.status_code == (403 if read_only else 200), name


def _model(name: str) -> Any:
    label, _, kind = name.removeprefix("admin:").removesuffix("_add").removesuffix("_changelist").partition("_")
    return next(m for m in admin.site._registry if (m._meta.app_label, m._meta.model_name) == (label, kind))


def test_every_row_opens_for_an_administrator(stocked: Transaction, alice: User) -> None:
    client = office(alice)
    for model, page in admin.site._registry.items():
        if getattr(page, "platform_only", False):
            continue
        with tenant_transaction(stocked.tenant_id):
            row = model._default_manager.first()
        if row is not None:
            stem = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            answer = client.get(reverse(f"{stem}_change", args=[row.pk]))
            assert answer.status_code == 200, stem


def test_platform_pages_do_not_open_for_a_tenants_administrator(alice: User) -> None:
    client = office(alice)
    for name in (
        "admin:tenants_tenant_changelist",
        "admin:tenants_user_changelist",
        "admin:chargepoints_gateway_changelist",
    ):
        assert client.get(reverse(name)).status_code == 403


def test_a_person_without_a_tenant_cannot_sign_in(db: None) -> None:
    make_user("nobody", None)
    answer = Client().post(reverse("admin:login"), {"username": "nobody", "password": "nobodynobody"})
    assert answer.status_code == 200
    assert "no tenant" in answer.content.decode()


def test_another_tenants_rows_do_not_exist(stocked: Transaction, charlie: User) -> None:
    client = office(charlie)
    for model, page in admin.site._registry.items():
        if getattr(page, "platform_only", False):
            continue
        stem = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        with tenant_transaction(stocked.tenant_id):
            row = model._default_manager.first()
            name = str(row)
        if row is None or model._meta.model_name == "membership":
            continue
        assert client.get(reverse(f"{stem}_change", args=[row.pk])).status_code == 302, stem
        assert name not in client.get(reverse(f"{stem}_changelist")).content.decode(), stem
    for name in ("admin:transaction_stop", "admin:transaction_close"):
        assert client.post(reverse(name, args=[stocked.pk])).status_code == 404
    for url in (
        reverse("admin:charge_point_remote_start", args=[stocked.charge_point_id]),
        reverse("admin:charge_point_do", args=[stocked.charge_point_id, "password"]),
    ):
        assert client.post(url, {"id_tag": "X"}).status_code == 404


def test_viewers_see_and_may_do_nothing(stocked: Transaction, bob: User) -> None:
    client = office(bob)
    page = reverse("admin:chargepoints_chargepoint_change", args=[stocked.charge_point_id])
    assert "Start a session" not in client.get(page).content.decode()
    assert client.post(page, {"name": "changed"}).status_code == 403
    assert client.get(reverse("admin:chargepoints_idtag_add")).status_code == 403
    assert client.post(reverse("admin:transaction_close", args=[stocked.pk]), {"reason": "x"}).status_code == 404
    assert client.post(reverse("admin:charge_point_do", args=[stocked.charge_point_id, "password"])).status_code == 404


def test_changes_are_audited_with_before_and_after(stocked: Transaction, alice: User) -> None:
    client = office(alice)
    with tenant_transaction(stocked.tenant_id):
        site = Site.objects.get()
    answer = client.post(
        reverse("admin:chargepoints_site_change", args=[site.pk]),
        {"name": "Depot North", "address": "", "timezone": ""},
    )
    assert answer.status_code == 302
    with tenant_transaction(stocked.tenant_id):
        entry = AuditEntry.objects.get(action="change")
    assert (entry.actor, entry.action, entry.changes) == ("alice", "change", {"name": ["Depot", "Depot North"]})


def test_a_new_charge_point_shows_its_password_once(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    data = {"identity": "CP9", "name": "", "tags": "[]", "notes": "", "security_profile": "1"}
    answer = client.post(reverse("admin:chargepoints_chargepoint_add"), data, follow=True)
    assert "copy it now" in answer.content.decode()
    with tenant_transaction(tenant.pk):
        station = ChargePoint.objects.get()
    again = client.get(reverse("admin:chargepoints_chargepoint_change", args=[station.pk]))
    assert "copy it now" not in again.content.decode()


def test_a_taken_identity_is_a_form_error(stocked: Transaction, alice: User) -> None:
    data = {"identity": "cp1", "name": "", "tags": "[]", "notes": "", "security_profile": "1"}
    answer = office(alice).post(reverse("admin:chargepoints_chargepoint_add"), data)
    assert answer.status_code == 200
    assert "exists already" in answer.content.decode()


def test_a_refused_sign_in_is_accepted_in_one_click(stocked: Transaction, alice: User) -> None:
    with tenant_transaction(stocked.tenant_id):
        attempt = SignInAttempt.objects.get()
    data = {"action": "accept", "_selected_action": [attempt.pk]}
    answer = office(alice).post(reverse("admin:chargepoints_signinattempt_changelist"), data, follow=True)
    assert "NEW: the password is" in answer.content.decode()
    with tenant_transaction(stocked.tenant_id):
        assert ChargePoint.objects.filter(identity="NEW").exists()
        assert not SignInAttempt.objects.exists()


def test_an_offline_station_gets_nothing_sent(stocked: Transaction, alice: User) -> None:
    url = reverse("admin:charge_point_remote_start", args=[stocked.charge_point_id])
    assert "asked to start charging" in office(alice).get(url).content.decode()
    answer = office(alice).post(url, {"id_tag": "CARD", "connector": "1"}, follow=True)
    assert "offline: nothing was sent" in answer.content.decode()


def test_a_hanging_session_is_closed_by_hand(stocked: Transaction, alice: User) -> None:
    client = office(alice)
    url = reverse("admin:transaction_close", args=[stocked.pk])
    assert "ends with its last reading" in client.get(url).content.decode()
    client.post(url, {"reason": "Other"})
    with tenant_transaction(stocked.tenant_id):
        session = Transaction.objects.get()
    assert (session.state, session.stopped_by) == ("inferred", "alice")


def test_an_api_key_is_shown_once_and_can_be_revoked(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    data = {"name": "billing", "role": Role.VIEWER, "expires_at_0": "", "expires_at_1": ""}
    answer = client.post(reverse("admin:tenants_apikey_add"), data, follow=True)
    assert "csms_" in answer.content.decode()
    with tenant_transaction(tenant.pk):
        key = ApiKey.objects.get()
    client.post(reverse("admin:tenants_apikey_changelist"), {"action": "revoke", "_selected_action": [key.pk]})
    with tenant_transaction(tenant.pk):
        assert ApiKey.objects.get().revoked_at is not None


def test_a_person_with_two_tenants_changes_between_them(
    tenant: Tenant, other_tenant: Tenant, alice: User, stocked: Transaction
) -> None:
    from tenants.services.tenants import add_member

    add_member(tenant=other_tenant, user=alice, role=Role.VIEWER)
    client = office(alice)
    client.post(reverse("admin:choose_tenant"), {"tenant": "umbrella"})
    assert "CP1" not in client.get(reverse("admin:chargepoints_chargepoint_changelist")).content.decode()
    client.post(reverse("admin:choose_tenant"), {"tenant": "acme"})
    assert "CP1" in client.get(reverse("admin:chargepoints_chargepoint_changelist")).content.decode()


def test_a_suspended_tenant_is_read_only(stocked: Transaction, alice: User) -> None:
    client = office(alice)
    with system_transaction():
        Tenant.objects.filter(pk=stocked.tenant_id).update(status="suspended")
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.post(reverse("admin:transaction_close", args=[stocked.pk]), {"reason": "x"}).status_code == 403


def test_lists_take_a_fixed_number_of_queries(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    names = ["admin:chargepoints_chargepoint_changelist", "admin:chargepoints_transaction_changelist"]

    def queries(name: str) -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            client.get(reverse(name))
        return len(captured)

    make_session(make_station(tenant, "CP1"), "1")
    few = {name: queries(name) for name in names}
    for number in range(2, 9):
        make_session(make_station(tenant, f"CP{number}"), str(number))
    many = {name: queries(name) for name in names}
    assert many == few, [one["sql"][:90] for one in connections["default"].queries_log][-12:]
