"""Roles changed, people removed, sessions and second factors ended: at once, and never the last administrator."""

import threading
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tenants.context import system_transaction
from tenants.models import Membership, Role, Tenant, User
from tenants.services.members import LastAdministrator, remove_member
from tests.admin.conftest import office
from tests.admin.people_cast import enrol, is_in, trail
from tests.api.conftest import client_of
from tests.conftest import make_user

EVENTS = "/api/v1/events"


def member(user: User, tenant: Tenant) -> Membership:
    with system_transaction():
        return Membership.objects.select_related("user").get(user=user, tenant=tenant)


def url(what: str, user: User, tenant: Tenant) -> str:
    return reverse(f"admin:member_{what}", args=[member(user, tenant).pk])


def test_a_role_is_changed_at_once_in_the_back_office_and_in_the_api(
    tenant: Tenant, alice: User, bob: User, redis_clean: Any
) -> None:
    api, admin = client_of(bob), office(alice)
    refused = api.post("/api/v1/id-tags", {"idTag": "X1"})
    assert refused.status_code == 403
    page = url("role", bob, tenant)
    assert "at their next click" in admin.get(page).content.decode()
    assert admin.post(page, {"role": Role.OPERATOR}).status_code == 302
    assert api.post("/api/v1/id-tags", {"idTag": "X1"}).status_code == 201
    assert ("alice", "change role") in trail(tenant)


def test_a_removed_member_is_out_at_once(tenant: Tenant, alice: User, bob: User, redis_clean: Any) -> None:
    browser, api, page = office(bob), client_of(bob), url("remove", bob, tenant)
    admin = office(alice)
    assert "API keys stay" in admin.get(page).content.decode()
    assert admin.post(page).status_code == 302
    assert not is_in(browser)
    assert api.get(EVENTS).status_code == 401
    assert trail(tenant)[-1] == ("alice", "remove member")


def test_the_last_administrator_is_neither_removed_nor_lowered(tenant: Tenant, alice: User, bob: User) -> None:
    admin = office(alice)
    assert "last administrator" in admin.get(url("remove", alice, tenant)).content.decode()
    assert "last administrator" in admin.post(url("remove", alice, tenant), follow=True).content.decode()
    assert (
        "last administrator"
        in admin.post(url("role", alice, tenant), {"role": Role.VIEWER}, follow=True).content.decode()
    )
    assert member(alice, tenant).role == Role.ADMIN
    # An administrator who can't sign in answers for nothing.
    carol = make_user("carol", tenant)
    User.objects.using("system").filter(pk=carol.pk).update(is_active=False)
    with pytest.raises(LastAdministrator):
        remove_member(membership=member(alice, tenant), actor="alice", origin="admin")


def test_two_administrators_who_remove_each_other_leave_one(tenant: Tenant, alice: User) -> None:
    carol, outcomes = make_user("carol", tenant), []
    rows, start = [member(alice, tenant), member(carol, tenant)], threading.Barrier(2)

    def remove(row: Membership) -> None:
        start.wait()
        try:
            remove_member(membership=row, actor="x", origin="admin")
            outcomes.append("removed")
        except LastAdministrator:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=remove, args=[row]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "removed"]


def test_an_administrator_signs_out_somebody_whom_nobody_else_answers_for(
    tenant: Tenant, alice: User, bob: User, redis_clean: Any
) -> None:
    browsers, api = [office(bob), office(bob)], client_of(bob)
    assert api.get(EVENTS).status_code == 200
    admin = office(alice)
    answer = admin.post(url("sign_out", bob, tenant), follow=True)
    assert "2 browsers were signed out" in answer.content.decode()
    assert not any(is_in(browser) for browser in browsers)
    assert api.get(EVENTS).status_code == 401
    assert is_in(admin)
    # Who knows the password comes in again.
    assert is_in(office(bob))


def test_a_lost_second_factor_is_reset_by_an_administrator(tenant: Tenant, alice: User, bob: User) -> None:
    enrol(bob)
    admin, page = office(alice), url("reset_two_factor", bob, tenant)
    assert "call them" in admin.get(page).content.decode()
    admin.post(page)
    assert is_in(office(bob))
    assert trail(tenant)[-1] == ("alice", "reset second factor")


def test_no_tenant_takes_off_a_second_factor_that_another_relies_on(
    tenant: Tenant, other_tenant: Tenant, alice: User, bob: User
) -> None:
    enrol(bob)
    with system_transaction():
        Membership.objects.create(tenant=other_tenant, user=bob, role=Role.ADMIN)
    answer = office(alice).post(url("reset_two_factor", bob, tenant))
    assert "Not only this tenant relies" in answer.content.decode()
    waits = Client().post(reverse("admin:login"), {"username": "bob", "password": "bobbob"})
    assert waits["Location"] == reverse("admin:second_factor")


@pytest.mark.parametrize("what", ["role", "remove", "sign_out", "reset_two_factor"])
def test_these_pages_are_there_for_administrators_of_the_tenant_only(
    tenant: Tenant, alice: User, bob: User, charlie: User, what: str
) -> None:
    page = url(what, alice, tenant)
    for stranger in (bob, charlie):
        browser = office(stranger)
        assert browser.get(page).status_code == 404
        assert browser.post(page, {"role": Role.VIEWER}).status_code == 404
    assert member(alice, tenant).role == Role.ADMIN


def test_the_list_says_who_has_two_factors_and_when_they_were_seen(tenant: Tenant, alice: User, bob: User) -> None:
    enrol(bob)
    office(alice)
    page = office(alice).get(reverse("admin:tenants_membership_changelist"))
    rows = {row.user.username: row.doing for row in page.context["cl"].result_list}
    assert (rows["alice"].two_factor, rows["bob"].two_factor) == (False, True)
    assert (rows["alice"].sessions, rows["bob"].sessions) == (2, 0)
    assert rows["alice"].last_seen is not None
    # To administrators.
    assert "Last seen" in page.content.decode()
    url_of_bob = url("role", bob, tenant).replace("role/", "change/")
    for shown in (page.request["PATH_INFO"], url_of_bob):
        assert (
            "Last seen" not in office(make_user(f"eve{len(shown)}", tenant, Role.OPERATOR)).get(shown).content.decode()
        )


def test_platform_staff_act_in_the_platforms_trail_and_not_in_that_of_the_tenant_they_look_at(
    tenant: Tenant, other_tenant: Tenant, charlie: User
) -> None:
    root = office(make_user("root", None, superuser=True))
    enrol(charlie)
    listed = reverse("admin:tenants_user_changelist")
    root.post(listed, {"action": "reset_two_factor", "_selected_action": [charlie.pk]})
    root.post(
        reverse("admin:auth_user_password_change", args=[charlie.pk]),
        {"password1": "another-long-one", "password2": "another-long-one"},
    )
    page = root.get(reverse("admin:tenants_platformentry_changelist")).content.decode()
    assert "Reset a second factor" in page
    assert "Set a password" in page
    assert "charlie" not in str(trail(tenant))


def test_a_token_ends_with_the_password_that_it_was_got_with(alice: User, redis_clean: Any) -> None:
    api = client_of(alice)
    assert api.get(EVENTS).status_code == 200
    refresh = APIClient().post("/api/v1/auth/token", {"username": "alice", "password": "alicealice"}).json()["data"]
    alice.set_password("quite-another-secret")
    alice.save(using="system")
    assert api.get(EVENTS).status_code == 401
    again = APIClient().post("/api/v1/auth/token/refresh", {"refresh": refresh["refresh"]})
    assert again.status_code == 401


def test_what_a_person_does_in_another_tenant_is_not_seen(
    tenant: Tenant, other_tenant: Tenant, alice: User, charlie: User
) -> None:
    with system_transaction():
        Membership.objects.create(tenant=tenant, user=charlie, role=Role.VIEWER)
    elsewhere = office(charlie)
    elsewhere.post(reverse("admin:choose_tenant"), {"tenant": other_tenant.slug})

    def seen() -> Any:
        page = office(alice).get(reverse("admin:tenants_membership_changelist"))
        return {row.user.username: row.doing for row in page.context["cl"].result_list}["charlie"]

    assert (seen().sessions, seen().last_seen) == (0, None)
    elsewhere.post(reverse("admin:choose_tenant"), {"tenant": tenant.slug})
    assert (seen().sessions, seen().last_seen is None) == (1, False)
