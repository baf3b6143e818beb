"""An administrator signs somebody out of their tenant: there at once and for good, and nowhere else."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tenants.context import system_transaction
from tenants.models import Membership, Role, Tenant, User
from tests.admin.conftest import office
from tests.admin.people_cast import is_in, trail
from tests.conftest import make_user

TOKEN = "/api/v1/auth/token"
EVENTS = "/api/v1/events"


@pytest.fixture
def in_both(bob: User, other_tenant: Tenant) -> User:
    """Bob, who belongs to Umbrella too: Charlie, its administrator, is about to sign him out there."""
    with system_transaction():
        Membership.objects.create(tenant=other_tenant, user=bob, role=Role.ADMIN)
    return bob


def working_in(user: User, tenant: Tenant) -> Client:
    browser = office(user)
    browser.post(reverse("admin:choose_tenant"), {"tenant": tenant.slug})
    return browser


def works_in(browser: Client) -> str:
    return str(browser.get(reverse("admin:index")).wsgi_request.access.tenant.slug)  # type: ignore[attr-defined]


def tokens(user: User, tenant: Tenant) -> dict[str, str]:
    given = {"username": user.username, "password": user.username * 2, "tenant": tenant.slug}
    found: dict[str, str] = APIClient().post(TOKEN, given).json()["data"]
    return found


def answer_to(access: str) -> int:
    return int(APIClient().get(EVENTS, HTTP_AUTHORIZATION=f"Bearer {access}").status_code)


def renewed(refresh: str) -> Any:
    return APIClient().post(f"{TOKEN}/refresh", {"refresh": refresh})


def sign_out(admin: User, user: User, tenant: Tenant) -> str:
    with system_transaction():
        pk = Membership.objects.get(user=user, tenant=tenant).pk
    answer = office(admin).post(reverse("admin:member_sign_out", args=[pk]), follow=True)
    return str(answer.content.decode())


def test_browsers_and_tokens_of_the_tenant_end_and_those_of_another_go_on(
    tenant: Tenant, other_tenant: Tenant, in_both: User, charlie: User, redis_clean: Any
) -> None:
    here, there = working_in(in_both, other_tenant), working_in(in_both, tenant)
    api_here, api_there = tokens(in_both, other_tenant), tokens(in_both, tenant)
    assert "1 browser was signed out" in sign_out(charlie, in_both, other_tenant)
    assert not is_in(here)
    assert (answer_to(api_here["access"]), renewed(api_here["refresh"]).status_code) == (401, 401)
    # What he does at Acme, Umbrella's administrator doesn't touch.
    assert works_in(there) == tenant.slug
    assert answer_to(api_there["access"]) == 200
    again = renewed(api_there["refresh"]).json()["data"]
    assert answer_to(again["access"]) == 200
    assert trail(other_tenant) == [("charlie", "end sessions")]
    assert trail(tenant) == []


def test_a_browser_that_worked_elsewhere_does_not_turn_to_the_tenant_until_he_signs_in_anew(
    tenant: Tenant, other_tenant: Tenant, in_both: User, charlie: User, redis_clean: Any
) -> None:
    stolen = working_in(in_both, tenant)
    sign_out(charlie, in_both, other_tenant)
    stolen.post(reverse("admin:choose_tenant"), {"tenant": other_tenant.slug})
    assert works_in(stolen) == tenant.slug
    # Who knows the password comes in again: in another browser, and in this one.
    assert works_in(working_in(in_both, other_tenant)) == other_tenant.slug
    assert answer_to(tokens(in_both, other_tenant)["access"]) == 200
    stolen.post(reverse("admin:login"), {"username": "bob", "password": "bobbob"})
    stolen.post(reverse("admin:choose_tenant"), {"tenant": other_tenant.slug})
    assert works_in(stolen) == other_tenant.slug


def test_a_token_renewed_before_keeps_the_hour_of_its_sign_in(
    tenant: Tenant, other_tenant: Tenant, in_both: User, charlie: User, redis_clean: Any
) -> None:
    """Or a renewal that is just under way would outlive it."""
    first = tokens(in_both, other_tenant)
    second = renewed(first["refresh"]).json()["data"]
    sign_out(charlie, in_both, other_tenant)
    assert [answer_to(one["access"]) for one in (first, second)] == [401, 401]


def test_a_browser_in_which_nothing_was_chosen_is_of_the_tenant_that_it_shows(
    tenant: Tenant, other_tenant: Tenant, in_both: User, alice: User, charlie: User
) -> None:
    browser = office(in_both)
    assert works_in(browser) == tenant.slug
    sign_out(charlie, in_both, other_tenant)
    assert is_in(browser)
    sign_out(alice, in_both, tenant)
    assert not is_in(browser)


def test_platform_staff_end_all_of_a_persons_sessions(
    tenant: Tenant, other_tenant: Tenant, in_both: User, redis_clean: Any
) -> None:
    browsers = [working_in(in_both, one) for one in (tenant, other_tenant)]
    access = tokens(in_both, tenant)["access"]
    root = office(make_user("root", None, superuser=True))
    root.post(reverse("admin:tenants_user_changelist"), {"action": "sign_out", "_selected_action": [in_both.pk]})
    assert not any(is_in(browser) for browser in browsers)
    assert answer_to(access) == 401


@pytest.mark.parametrize("what", ["remove", "role"])
def test_removed_or_lowered_in_one_tenant_a_person_loses_it_at_once_and_goes_on_in_another(
    tenant: Tenant, other_tenant: Tenant, in_both: User, charlie: User, redis_clean: Any, what: str
) -> None:
    here, there = working_in(in_both, other_tenant), working_in(in_both, tenant)
    access = tokens(in_both, other_tenant)["access"]
    invite = reverse("admin:people_invite")
    assert here.get(invite).status_code == 200
    with system_transaction():
        pk = Membership.objects.get(user=in_both, tenant=other_tenant).pk
    office(charlie).post(reverse(f"admin:member_{what}", args=[pk]), {"role": Role.VIEWER})
    assert here.get(invite).status_code == 404
    assert answer_to(access) == (401 if what == "remove" else 200)
    if what == "remove":
        assert works_in(here) == tenant.slug
    assert works_in(there) == tenant.slug
