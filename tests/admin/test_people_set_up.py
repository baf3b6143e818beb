"""Before a phone is added, the password: an open browser is nobody's proof of being somebody."""

import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tenants.context import system_transaction
from tenants.models import Authenticator, Role, Tenant, User
from tenants.services import passwords
from tenants.services.attempts import Limit
from tenants.sessions import SINCE
from tests.admin.conftest import office
from tests.admin.people_cast import begin_setting_up, code_of


@pytest.fixture
def asking(tenant: Tenant) -> None:
    """The tenant asks everybody for two factors."""
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(two_factor=Role.VIEWER)


def later(browser: Client, key: str, seconds: float) -> None:
    """As if what the session notes under `key` had been so long ago."""
    session = browser.session
    session[key] = time.time() - seconds
    session.save()


def page_of(browser: Client) -> str:
    return str(browser.get(reverse("admin:two_factor")).content.decode())


def test_nothing_of_the_secret_is_shown_or_made_before_the_password(alice: User, redis_clean: Any) -> None:
    browser, url = office(alice), reverse("admin:two_factor")
    for answer in (browser.get(url), browser.post(url, {"code": "000000"}), browser.post(url, {"password": "guess"})):
        assert answer.status_code == 200
        assert "<svg" not in answer.content.decode().partition("Two-factor sign-in")[2]
        assert "Your password" in answer.content.decode()
    assert "not your password" in answer.content.decode()
    with system_transaction():
        assert not Authenticator.objects.exists()
    shown = begin_setting_up(browser, "alice").content.decode()
    assert "Type the code that it shows" in shown
    assert len(browser.post(url, {"code": code_of(alice)}).context["codes"]) == 10


def test_a_known_secret_is_not_confirmed_without_the_password(alice: User) -> None:
    begin_setting_up(office(alice), "alice")
    other = office(alice)
    answer = other.post(reverse("admin:two_factor"), {"code": code_of(alice)})
    assert "Your password" in answer.content.decode()
    with system_transaction():
        assert not Authenticator.objects.get().confirmed


def test_a_password_that_is_stored_in_an_older_form_signs_nobody_out(alice: User, settings: Any) -> None:
    browser = office(alice)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    assert "Type the code that it shows" in begin_setting_up(browser, "alice").content.decode()


def test_wrong_passwords_are_counted_with_those_of_the_other_pages(
    alice: User, redis_clean: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(passwords, "OF_PERSON", Limit("own-password", 2, 900))
    browser, url = office(alice), reverse("admin:two_factor")
    browser.post(reverse("admin:password_change"), {"old_password": "guess", "password": "x", "again": "x"})
    assert "not your password" in browser.post(url, {"password": "guess"}).content.decode()
    assert "Too many attempts" in browser.post(url, {"password": "alicealice"}).content.decode()


def test_the_password_holds_for_a_quarter_of_an_hour(alice: User) -> None:
    browser = office(alice)
    begin_setting_up(browser, "alice")
    later(browser, "sets_up_since", 890)
    assert "Type the code that it shows" in page_of(browser)
    later(browser, "sets_up_since", 901)
    assert "Your password" in page_of(browser)


@pytest.mark.usefixtures("asking")
def test_who_must_have_two_factors_and_has_just_signed_in_is_not_asked_twice(alice: User) -> None:
    browser = office(alice)
    assert "Type the code that it shows" in page_of(browser)
    # Who began in time has the time to install an app.
    later(browser, SINCE, 3600)
    assert len(browser.post(reverse("admin:two_factor"), {"code": code_of(alice)}).context["codes"]) == 10


@pytest.mark.usefixtures("asking")
def test_who_must_have_two_factors_and_signed_in_a_while_ago_is_asked(alice: User) -> None:
    browser = office(alice)
    later(browser, SINCE, 301)
    shown = page_of(browser)
    assert "asks for two-factor sign-in of people with your role" in shown
    assert "Your password" in shown
    # Nowhere to go back to; but out.
    assert reverse("admin:logout") in shown
    assert "Not now" not in shown
    assert "Type the code that it shows" in begin_setting_up(browser, "alice").content.decode()
