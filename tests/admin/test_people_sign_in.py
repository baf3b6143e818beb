"""Signing in with two factors, guessing that is slowed down, forgotten passwords, sessions that are seen and ended."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from tenants.context import system_transaction
from tenants.models import Authenticator, BrowserSession, Role, Tenant, User
from tenants.services import passwords
from tenants.services import sign_in as signing_in
from tenants.services.attempts import Limit
from tenants.services.browser_sessions import sessions_of
from tenants.services.people_mail import mail_reset_links
from tenants.tasks import purge_sessions
from tests.admin.conftest import office
from tests.admin.people_cast import PASSWORD, code_of, enrol, forget_throttle, is_in, link_in_mail, sign_in, trail
from tests.api.conftest import client_of
from tests.conftest import make_user

TOKEN = "/api/v1/auth/token"
EVENTS = "/api/v1/events"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def waiting(name: str = "alice") -> Client:
    """A browser that has shown the password and is asked for the code."""
    browser = Client()
    assert sign_in(browser, name)["Location"] == reverse("admin:second_factor")
    return browser


def show(browser: Client, code: str) -> Any:
    return browser.post(reverse("admin:second_factor"), {"code": code})


# --- two factors


def test_setting_up_takes_a_code_of_the_app_and_gives_recovery_codes_once(tenant: Tenant, alice: User) -> None:
    browser, other, api = office(alice), office(alice), client_of(alice)
    page = browser.get(reverse("admin:two_factor"))
    with system_transaction():
        device = Authenticator.objects.get()
    assert "<svg" in page.content.decode()
    assert device.key_text in page.content.decode()
    assert device.key.hex() not in device.sealed_key
    # Until the app has shown a code nothing is asked for.
    assert is_in(office(alice))
    assert "is wrong" in browser.post(reverse("admin:two_factor"), {"code": "000000"}).content.decode()
    forget_throttle(alice)
    shown = browser.post(reverse("admin:two_factor"), {"code": code_of(alice)})
    codes = shown.context["codes"]
    assert len(set(codes)) == 10
    with system_transaction():
        assert not set(codes) & set(Authenticator.objects.get().recovery_hashes)
    # What was signed in with the password alone is not any more.
    assert is_in(browser)
    assert not is_in(other)
    assert api.get(EVENTS).status_code == 401
    assert trail(tenant)[-1] == ("alice", "set up second factor")


def test_the_password_alone_does_not_sign_in(alice: User) -> None:
    enrol(alice)
    browser = waiting()
    assert not is_in(browser)
    assert is_in_after(browser, code_of(alice))


def is_in_after(browser: Client, code: str) -> bool:
    return show(browser, code).status_code == 302 and is_in(browser)


def test_a_code_passes_once(alice: User) -> None:
    enrol(alice)
    code = code_of(alice)
    assert is_in_after(waiting(), code)
    assert "used already" in show(waiting(), code).content.decode()


def test_wrong_codes_make_one_wait_longer_and_longer(tenant: Tenant, alice: User) -> None:
    enrol(alice)
    browser = waiting()
    show(browser, "000000")
    # Even the right one, for a while.
    assert "Try again in" in show(browser, code_of(alice)).content.decode()
    with system_transaction():
        device = Authenticator.objects.get()
        device.throttling_failure_count = 40
        device.throttle_increment()
        assert device.locked_until is not None
        assert device.locked_until - timezone.now() < timedelta(minutes=10)
    forget_throttle(alice)
    assert is_in_after(browser, code_of(alice))
    assert ("alice", "second factor refused") in trail(tenant)


def test_a_recovery_code_signs_in_once(tenant: Tenant, alice: User) -> None:
    codes = enrol(alice)
    assert is_in_after(waiting(), codes[0].upper().replace("-", " "))
    again = waiting()
    assert show(again, codes[0]).status_code == 200
    forget_throttle(alice)
    assert is_in_after(again, codes[1])
    assert trail(tenant).count(("alice", "use recovery code")) == 2


def test_who_has_waited_too_long_or_changed_the_password_begins_anew(alice: User, monkeypatch: Any) -> None:
    enrol(alice)
    late = waiting()
    with monkeypatch.context() as later:
        later.setattr("csms.entrance.sign_in.WAITS_S", -1)
        assert show(late, code_of(alice))["Location"] == reverse("admin:login")
    changed = waiting()
    alice.refresh_from_db(using="system")
    alice.set_password(PASSWORD)
    alice.save(using="system")
    assert show(changed, code_of(alice))["Location"] == reverse("admin:login")


def test_codes_are_renewed_and_two_factors_turned_off_with_the_password(tenant: Tenant, alice: User) -> None:
    old = enrol(alice)
    browser = waiting()
    show(browser, code_of(alice))
    for name in ("two_factor_codes", "two_factor_off"):
        assert "not your password" in browser.post(reverse(f"admin:{name}"), {"password": "x"}).content.decode()
    new = browser.post(reverse("admin:two_factor_codes"), {"password": "alicealice"}).context["codes"]
    assert not set(old) & set(new)
    assert show(waiting(), old[0]).status_code == 200
    assert browser.post(reverse("admin:two_factor_off"), {"password": "alicealice"}).status_code == 302
    assert is_in(office(alice))
    assert trail(tenant)[-1] == ("alice", "turn off second factor")


def test_a_tenant_that_asks_for_two_factors_lets_nobody_get_on_without(
    tenant: Tenant, alice: User, bob: User, redis_clean: Any
) -> None:
    admin, viewer, api = office(alice), office(bob), client_of(alice)
    answer = admin.get(reverse("admin:people_two_factor")).content.decode()
    assert "Without a second factor now: alice, bob." in answer
    assert admin.post(reverse("admin:people_two_factor"), {"two_factor": "operator"}).status_code == 302
    # The very next click leads to the set-up; viewers are not asked.
    assert admin.get(reverse("admin:index"), follow=True).redirect_chain[-1][0] == reverse("admin:two_factor")
    assert is_in(viewer)
    refused = api.get(EVENTS)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "two_factor_required")
    assert admin.post(reverse("admin:chargepoints_site_add"), {"name": "X"}).status_code == 302
    admin.get(reverse("admin:two_factor"))
    assert admin.post(reverse("admin:two_factor"), {"code": code_of(alice)}).status_code == 200
    assert is_in(admin)
    assert trail(tenant)[0] == ("alice", "change")


def test_platform_staff_are_asked_where_the_system_is_set_so(tenant: Tenant, settings: Any) -> None:
    root = make_user("root", None, superuser=True)
    assert is_in(office(root))
    settings.STAFF_TWO_FACTOR = True
    answer = office(root).get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0] == reverse("admin:two_factor")


def test_a_token_takes_the_code_as_well(alice: User, redis_clean: Any) -> None:
    codes = enrol(alice)
    given = {"username": "alice", "password": "alicealice"}
    client = APIClient()

    def code(**more: str) -> str:
        return str(client.post(TOKEN, given | more).json()["errors"][0]["code"])

    assert code() == "otp_required"
    assert code(otp="000000") == "otp_invalid"
    waits = client.post(TOKEN, given | {"otp": code_of(alice)})
    assert (waits.status_code, "Retry-After" in waits) == (429, True)
    forget_throttle(alice)
    for otp in (code_of(alice), codes[0]):
        tokens = client.post(TOKEN, given | {"otp": otp}).json()["data"]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
        assert client.get(EVENTS).status_code == 200
        client.credentials()
        assert client.post(f"{TOKEN}/refresh", {"refresh": tokens["refresh"]}).status_code == 200
    # A wrong password says nothing of the code.
    assert client.post(TOKEN, given | {"password": "x"}).json()["errors"][0]["code"] == "authentication_failed"


# --- guessing


def test_guessing_is_refused_after_a_while_and_both_are_in_the_trail(
    tenant: Tenant, alice: User, redis_clean: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(signing_in, "AT_ADDRESS", Limit("sign-in-name-address", 3, 300))
    browser = Client()
    for _ in range(3):
        assert "is wrong" in sign_in(browser, "alice", "guess").content.decode()
    for _ in range(2):
        # Also with the right password, and through the API.
        assert "Too many attempts" in sign_in(browser, "alice").content.decode()
    assert APIClient().post(TOKEN, {"username": "alice", "password": "alicealice"}).status_code == 429
    assert trail(tenant) == [("alice", "sign-in failed")] * 3 + [("alice", "sign-ins refused")]
    # From elsewhere she is let in.
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(elsewhere, "alice").status_code == 302


def test_a_right_password_forgives_what_was_mistyped(alice: User, redis_clean: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(signing_in, "AT_ADDRESS", Limit("sign-in-name-address", 2, 300))
    for _ in range(3):
        sign_in(Client(), "alice", "guess")
        assert sign_in(Client(), "alice").status_code == 302


def test_an_unknown_name_and_a_wrong_password_are_answered_alike(alice: User, redis_clean: Any) -> None:
    answers = [sign_in(Client(), name, "guess").context["form"].errors for name in ("alice", "nobody")]
    assert answers[0] == answers[1]


def test_people_sign_in_with_their_mail_address_where_it_is_theirs_alone(
    tenant: Tenant, alice: User, bob: User
) -> None:
    User.objects.using("system").filter(pk=alice.pk).update(email="Alice@acme.example")
    assert sign_in(Client(), "alice@acme.example", "alicealice").status_code == 302
    User.objects.using("system").filter(pk=bob.pk).update(email="alice@acme.example")
    assert sign_in(Client(), "alice@acme.example", "alicealice").status_code == 200


# --- passwords


@pytest.fixture
def mailed(settings: Any, redis_clean: Any, monkeypatch: Any) -> list[str]:
    """Mail is set; the addresses that the worker is told."""
    settings.PUBLIC_URL = "https://csms.example.com"
    told: list[str] = []
    monkeypatch.setattr("csms.entrance.reset.mail_password_reset.delay", told.append)
    return told


def ask(email: str) -> Any:
    return Client().post(reverse("admin:admin_password_reset"), {"email": email})


def test_a_forgotten_password_is_set_with_a_link_that_works_once(
    tenant: Tenant, alice: User, mailed: list[str]
) -> None:
    User.objects.using("system").filter(pk=alice.pk).update(email="alice@acme.example")
    other, api = office(alice), client_of(alice)
    assert "on its way" in ask("alice@acme.example").content.decode()
    assert mail_reset_links(*mailed) == 1
    assert mail.outbox[-1].to == ["alice@acme.example"]
    browser = Client()
    link = link_in_mail()
    new = browser.get(link)["Location"]
    assert "too short" in browser.post(new, {"password": "x", "again": "x"}).content.decode()
    assert browser.post(new, {"password": PASSWORD, "again": PASSWORD}).status_code == 302
    assert not is_in(other)
    assert api.get(EVENTS).status_code == 401
    assert sign_in(Client(), "alice", PASSWORD).status_code == 302
    assert Client().get(link).status_code == 404
    assert trail(tenant)[-1] == ("alice", "reset password")


def test_nobody_learns_whether_an_address_has_an_account(alice: User, mailed: list[str]) -> None:
    User.objects.using("system").filter(pk=alice.pk).update(email="alice@acme.example")
    answers = [ask(email) for email in ("alice@acme.example", "nobody@acme.example")]
    texts = [one.content.decode().replace("nobody@", "alice@") for one in answers]
    csrf_free = [text.split("Look into your mailbox")[1].split("</p>")[0] for text in texts]
    assert csrf_free[0] == csrf_free[1]
    assert mailed == ["alice@acme.example", "nobody@acme.example"]
    assert mail_reset_links("nobody@acme.example") == 0


def test_links_are_mailed_only_so_often(alice: User, mailed: list[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(passwords, "OF_EMAIL", Limit("reset-email", 2, 3600))
    codes = [ask(email).status_code for email in ("a@x.example", "A@x.example", "a@x.example", "b@x.example")]
    assert codes == [200, 200, 429, 200]
    assert len(mailed) == 3


def test_a_made_up_link_opens_nothing(alice: User) -> None:
    for token in ("1.abc-def", "zzzzzzzzzzzzzzzzzzzzzz.abc", "x", f"{alice.pk}.c0ffee-0"):
        assert Client().get(reverse("admin:password_reset_link", args=[token])).status_code == 404


def test_changing_the_password_signs_out_all_others(tenant: Tenant, alice: User, redis_clean: Any) -> None:
    browser, other, api = office(alice), office(alice), client_of(alice)
    wrong = {"old_password": "x", "password": PASSWORD, "again": PASSWORD}
    assert "not your password" in browser.post(reverse("admin:password_change"), wrong).content.decode()
    assert browser.post(reverse("admin:password_change"), wrong | {"old_password": "alicealice"}).status_code == 302
    assert (is_in(browser), is_in(other)) == (True, False)
    assert api.get(EVENTS).status_code == 401
    assert trail(tenant) == [("alice", "change password")]


# --- sessions


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
    from django.db import DatabaseError, connections

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
