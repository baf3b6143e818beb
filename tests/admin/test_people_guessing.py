"""Guessing of people's passwords: it is slowed down, and keeps nobody else out."""

import time
from typing import Any

from django.db import connections
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tenants.models import Tenant, User
from tenants.services import passwords
from tenants.services import sign_in as signing_in
from tenants.services.attempts import Limit
from tests.admin.conftest import office
from tests.admin.people_cast import PASSWORD, enrol, sign_in, trail

TOKEN = "/api/v1/auth/token"


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


def guess(name: str, address: str, times: int = 1) -> str:
    """The answer to the last of so many wrong passwords."""
    for _ in range(times):
        answer = sign_in(Client(REMOTE_ADDR=address), name, "guess").content.decode()
    return answer


def test_a_stranger_at_one_address_uses_nothing_up_elsewhere(alice: User, redis_clean: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(signing_in, "AT_ADDRESS", Limit("sign-in-name-address", 2, 300))
    monkeypatch.setattr(signing_in, "OF_NAME", Limit("sign-in-name", 5, 900))
    assert "Too many attempts" in guess("alice", "192.0.2.66", 8)
    assert sign_in(Client(REMOTE_ADDR="192.0.2.7"), "alice").status_code == 302


def test_strangers_at_many_addresses_do_not_keep_a_person_out_where_they_are_known(
    alice: User, redis_clean: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(signing_in, "OF_NAME", Limit("sign-in-name", 5, 900))
    home = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(home, "alice").status_code == 302
    for number in range(100, 107):
        guess("alice", f"192.0.2.{number}")
    assert "Too many attempts" in guess("alice", "192.0.2.200")
    assert sign_in(Client(REMOTE_ADDR="192.0.2.7"), "alice").status_code == 302
    # And still nobody guesses for ever from there.
    monkeypatch.setattr(signing_in, "AT_ADDRESS", Limit("sign-in-name-address", 2, 300))
    assert "Too many attempts" in guess("alice", "192.0.2.7", 3)


def test_the_addresses_of_one_network_are_one_guesser(alice: User, redis_clean: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(signing_in, "AT_ADDRESS", Limit("sign-in-name-address", 3, 300))
    answers = [guess("alice", f"2001:db8:0:1::{number}") for number in range(1, 5)]
    assert ["Too many attempts" in answer for answer in answers] == [False, False, False, True]
    assert "Too many attempts" not in guess("alice", "2001:db8:0:2::1")


def test_another_spelling_of_a_name_is_no_other_name(alice: User, redis_clean: Any, monkeypatch: Any) -> None:
    """The database compares in capitals, and so does the limit."""
    User.objects.using("system").filter(pk=alice.pk).update(email="sissi@acme.example")
    assert sign_in(Client(), "\u017fissi@acme.example", "alicealice").status_code == 302
    monkeypatch.setattr(signing_in, "AT_ADDRESS", Limit("sign-in-name-address", 3, 300))
    for name in ("sissi@acme.example", "\u017fissi@acme.example", "SIS\u017fI@acme.example"):
        assert "Too many attempts" not in guess(name, "192.0.2.9")
    assert "Too many attempts" in guess("s\u0131ssi@acme.example", "192.0.2.9")


def test_who_finds_an_open_browser_does_not_find_the_password_out_there(
    alice: User, redis_clean: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(passwords, "OF_PERSON", Limit("own-password", 3, 900))
    browser = office(alice)
    new = {"old_password": "guess", "password": PASSWORD, "again": PASSWORD}
    for _ in range(3):
        assert "not your password" in browser.post(reverse("admin:password_change"), new).content.decode()
    right = browser.post(reverse("admin:password_change"), new | {"old_password": "alicealice"})
    assert "Too many attempts" in right.content.decode()
    enrol(alice)
    assert "Too many attempts" in browser.post(reverse("admin:two_factor_off"), {"password": "x"}).content.decode()
    # At the sign-in the person is let in as ever.
    assert sign_in(Client(), "alice")["Location"] == reverse("admin:second_factor")


def test_failures_take_as_long_for_a_name_that_nobody_has(alice: User, redis_clean: Any, settings: Any) -> None:
    """What is written down for alice takes time; the answer does not tell."""

    def seconds(name: str, password: str) -> float:
        began = time.monotonic()
        signing_in.sign_in_with_password(name=name, password=password, address="192.0.2.1", origin="admin")
        return time.monotonic() - began

    settings.SIGN_IN_PAUSE_SECONDS = 0.5
    assert min(seconds("alice", "guess"), seconds("nobody", "guess")) >= 0.5
    settings.SIGN_IN_PAUSE_SECONDS = 60.0
    assert seconds("alice", "alicealice") < 30


def test_a_failure_that_waits_keeps_no_connection_from_others(alice: User, redis_clean: Any, monkeypatch: Any) -> None:
    held: list[str] = []

    def wait(seconds: float) -> None:
        opened = connections.all(initialized_only=True)
        held.append(" ".join(one.alias for one in opened if one.connection is not None))

    monkeypatch.setattr(time, "sleep", wait)
    sign_in(Client(), "alice", "guess")
    assert APIClient().post(TOKEN, {"username": "alice", "password": "guess"}).status_code == 401
    # Other threads of the tests may sleep as well.
    assert len(held) >= 2
    assert set(held) == {""}
