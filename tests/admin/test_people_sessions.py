"""Where people are signed in, and their own account."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.context import system_transaction
from tenants.models import BrowserSession, Role, Tenant, User
from tenants.services.browser_sessions import sessions_of
from tenants.tasks import purge_sessions
from tests.admin.conftest import office
from tests.admin.people_cast import is_in, sign_in, trail
from tests.conftest import make_user

TOKEN = "/api/v1/auth/token"
EVENTS = "/api/v1/events"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_one_sees_where_one_is_signed_in_and_ends_one_or_all_others(tenant: Tenant, alice: User) -> None:
    browser, phone, desk = office(alice), office(alice), office(alice)
    agent = Client(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.7")
    sign_in(agent, "alice")
    shown = browser.get(reverse("admin:account")).content.decode()
    assert "Firefox 140 · Linux" in shown
    assert "192.0.2.7" in shown
    (foreign,) = [one for one in sessions_of(alice) if one.address == "192.0.2.7"]
    assert [one.is_this for one in sessions_of(alice, browser.session.session_key)] == [True, False, False, False]
    browser.post(reverse("admin:end_session"), {"session": foreign.handle})
    assert [is_in(one) for one in (browser, phone, desk, agent)] == [True, True, True, False]
    browser.post(reverse("admin:end_other_sessions"))
    assert [is_in(one) for one in (browser, phone, desk)] == [True, False, False]
    assert trail(tenant) == [("alice", "end session"), ("alice", "end sessions")]


def test_nobody_ends_the_session_of_somebody_else(tenant: Tenant, alice: User, bob: User) -> None:
    hers = office(alice)
    (session,) = sessions_of(alice)
    office(bob).post(reverse("admin:end_session"), {"session": session.handle})
    assert is_in(hers)


def test_a_session_is_noted_as_seen_at_most_once_a_minute(alice: User) -> None:
    browser = office(alice)
    with system_transaction():
        first = BrowserSession.objects.get(user=alice).last_seen_at
    is_in(browser)
    with system_transaction():
        assert BrowserSession.objects.get(user=alice).last_seen_at == first
        BrowserSession.objects.update(last_seen_at=first and first - timedelta(minutes=2), address="")
    is_in(browser)
    with system_transaction():
        row = BrowserSession.objects.get(user=alice)
    assert first is not None
    assert row.last_seen_at is not None
    assert row.last_seen_at > first - timedelta(seconds=1)
    assert row.address == "127.0.0.1"
    assert row.created_at is not None


def test_sessions_that_have_run_out_are_forgotten(alice: User) -> None:
    browser = office(alice)
    with system_transaction():
        BrowserSession.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert sessions_of(alice) == []
    assert purge_sessions() == 1
    assert not is_in(browser)


def test_the_app_role_sees_neither_sessions_nor_second_factors(tenant: Tenant, alice: User) -> None:
    from django.db import DatabaseError

    from tenants.context import tenant_transaction

    for table in ("tenants_browsersession", "tenants_authenticator"):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            tenant_transaction(tenant.pk),
            connections["default"].cursor() as cursor,
        ):
            cursor.execute(f"SELECT 1 FROM {table}")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_ones_own_name_is_changed_with_a_trace(tenant: Tenant, role: str) -> None:
    browser = office(make_user("dora", tenant, role))
    browser.post(reverse("admin:account"), {"first_name": "Dora", "last_name": "Day"})
    assert "Dora" in browser.get(reverse("admin:account")).content.decode()
    assert trail(tenant) == [("dora", "change")]
