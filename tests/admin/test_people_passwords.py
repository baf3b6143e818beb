"""Forgotten passwords, and changed ones."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core import mail
from django.db import connections
from django.test import Client
from django.urls import reverse

from tenants.models import Tenant, User
from tenants.services import passwords
from tenants.services.attempts import Limit
from tenants.services.passwords import reset_password, reset_token
from tenants.services.people_mail import mail_reset_links
from tests.admin.conftest import office
from tests.admin.people_cast import PASSWORD, is_in, link_in_mail, sign_in, trail
from tests.api.conftest import client_of

TOKEN = "/api/v1/auth/token"
EVENTS = "/api/v1/events"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


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


def test_of_two_who_use_one_link_at_the_same_time_one_sets_the_password(alice: User) -> None:
    token, begin = reset_token(alice), threading.Barrier(4)

    def try_it(number: int) -> bool:
        try:
            begin.wait(60)
            return reset_password(token, f"{PASSWORD}-{number}")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(try_it, range(4)))
    assert done.count(True) == 1
    assert sign_in(Client(), "alice", f"{PASSWORD}-{done.index(True)}").status_code == 302


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
