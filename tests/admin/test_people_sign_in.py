"""Signing in with two factors: set up, asked for, used once, taken off."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from tenants.context import system_transaction
from tenants.models import Authenticator, Role, Tenant, User
from tenants.services.second_factor import Verdict, check_code
from tests.admin.conftest import office
from tests.admin.people_cast import (
    PASSWORD,
    begin_setting_up,
    code_of,
    enrol,
    forget_throttle,
    is_in,
    sign_in,
    trail,
)
from tests.api.conftest import client_of
from tests.conftest import make_user
from tests.stations import PATIENCE_S

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


def test_setting_up_takes_a_code_of_the_app_and_gives_recovery_codes_once(tenant: Tenant, alice: User) -> None:
    browser, other, api = office(alice), office(alice), client_of(alice)
    page = begin_setting_up(browser, "alice")
    with system_transaction():
        device = Authenticator.objects.get()
    assert "<svg" in page.content.decode()
    assert device.key_text in page.content.decode()
    assert device.key.hex() not in device.sealed_key
    # Until the app has shown a code nothing is asked for.
    assert is_in(office(alice))
    assert "is wrong" in browser.post(reverse("admin:two_factor"), {"code": "000000"}).content.decode()
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


def test_wrong_codes_make_one_wait_longer_and_longer(
    tenant: Tenant, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(alice)
    browser = waiting()
    with monkeypatch.context() as longer:
        longer.setattr(Authenticator, "get_throttle_factor", lambda device: PATIENCE_S)
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


def test_what_has_shown_a_second_factor_ends_with_it(tenant: Tenant, alice: User, redis_clean: Any) -> None:
    codes = enrol(alice)
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(two_factor=Role.VIEWER)
    browser, other = waiting(), waiting()
    show(browser, code_of(alice))
    show(other, codes[0])
    given = {"username": "alice", "password": "alicealice", "otp": codes[1]}
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {api.post(TOKEN, given).json()['data']['access']}")
    assert (is_in(browser), is_in(other), api.get(EVENTS).status_code) == (True, True, 200)
    browser.post(reverse("admin:two_factor_off"), {"password": "alicealice"})
    assert browser.get(reverse("admin:index"), follow=True).redirect_chain[-1][0] == reverse("admin:two_factor")
    assert not is_in(other)
    assert other.get(reverse("admin:account"), follow=True).redirect_chain[-1][0].startswith(reverse("admin:login"))
    assert api.get(EVENTS).status_code == 401


def test_wrong_codes_while_setting_up_keep_nobody_waiting(alice: User) -> None:
    browser = office(alice)
    begin_setting_up(browser, "alice")
    for _ in range(3):
        assert "is wrong" in browser.post(reverse("admin:two_factor"), {"code": "000000"}).content.decode()
    assert len(browser.post(reverse("admin:two_factor"), {"code": code_of(alice)}).context["codes"]) == 10


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_two_who_show_one_code_at_the_same_time_one_gets_in(alice: User, kind: str) -> None:
    codes = enrol(alice)
    shown = code_of(alice) if kind == "app" else codes[0]
    begin = threading.Barrier(6)

    def try_it(_: int) -> Verdict:
        try:
            begin.wait(60)
            return check_code(alice, shown, address="192.0.2.1", origin="admin")[0]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        verdicts = list(threads.map(try_it, range(6)))
    assert verdicts.count(Verdict.PASSED) == 1, verdicts


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


def test_a_token_takes_the_code_as_well(alice: User, redis_clean: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Authenticator, "get_throttle_factor", lambda device: PATIENCE_S)
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
