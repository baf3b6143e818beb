"""Whose an address is: one account for it however many tenants invite, and in the end its owner's."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.db import connections
from django.test import Client
from django.urls import reverse

from tenants.context import system_transaction
from tenants.models import Invitation, Membership, Role, Tenant, User
from tenants.services import invitations
from tenants.services.invitations import invite, link_path
from tenants.services.people_mail import mail_due_invitations, mail_reset_links
from tests.admin.people_cast import PASSWORD, is_in, link_in_mail, sign_in, trail

ZOE = "zoe@acme.example"
ACCEPT = "admin:accept_invitation"


def new_account(password: str = PASSWORD) -> dict[str, str]:
    return {"first_name": "Zoe", "last_name": "Zorn", "password": password, "again": password}


def holding(tenant: Tenant) -> Client:
    """A stranger's browser that has opened the link of an invitation, which was handed over without a mail."""
    _row, token = invite(tenant_id=tenant.pk, email=ZOE, role=Role.ADMIN, actor="x", origin="admin", by_mail=False)
    browser = Client()
    browser.get(link_path(token))
    return browser


def tenants_of(address: str) -> set[str]:
    with system_transaction():
        return set(Membership.objects.filter(user__email=address).values_list("tenant__slug", flat=True))


@pytest.fixture
def both_see_nobody(monkeypatch: Any) -> Iterator[None]:
    """Two who ask at one instant whether there is an account: both hear no, before either makes one."""
    have_asked = threading.Barrier(2)

    def validate_when_both_have_asked(password: str, user: User) -> None:
        have_asked.wait(60)
        validate_password(password, user)

    # What follows the question.
    with monkeypatch.context() as here:
        here.setattr(invitations, "validate_password", validate_when_both_have_asked)
        yield


@pytest.mark.usefixtures("both_see_nobody")
def test_two_tenants_invitations_to_one_new_address_accepted_at_the_same_instant_lose_nothing(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    browsers = [holding(tenant), holding(other_tenant)]

    def accept(number: int) -> Any:
        try:
            return browsers[number].post(reverse(ACCEPT), new_account(f"{PASSWORD}-{number}"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(accept, range(2)))
    assert sorted(one.status_code for one in answers) == [200, 302]
    first, second = sorted(range(2), key=lambda number: -answers[number].status_code)
    said = answers[second].content.decode()
    assert "There is an account with this address. Sign in with it to accept." in said
    assert "Make my account" not in said
    assert is_in(browsers[first])
    with system_transaction():
        assert User.objects.get(email=ZOE).check_password(f"{PASSWORD}-{first}")
        assert Invitation.objects.filter(accepted_at=None, revoked_at=None).count() == 1
    # Their invitation is as open as before: signed in with the account that there is now, they accept.
    sign_in(browsers[second], ZOE, f"{PASSWORD}-{first}")
    assert browsers[second].post(reverse(ACCEPT)).status_code == 302
    assert is_in(browsers[second])
    assert tenants_of(ZOE) == {"acme", "umbrella"}
    for one in (tenant, other_tenant):
        assert trail(one) == [("x", "invite"), (ZOE, "accept invitation")]


def test_who_is_invited_by_mail_takes_over_an_account_that_a_stranger_made_under_their_address(
    tenant: Tenant, other_tenant: Tenant, redis_clean: Any, settings: Any
) -> None:
    """An administrator of Umbrella has opened the link himself that he should have handed over."""
    squatter = holding(other_tenant)
    assert squatter.post(reverse(ACCEPT), new_account("of-the-squatter")).status_code == 302
    assert is_in(squatter)

    settings.PUBLIC_URL = "https://csms.example.com"
    invite(tenant_id=tenant.pk, email=ZOE, role=Role.OPERATOR, actor="alice", origin="admin", by_mail=True)
    assert mail_due_invitations() == 1
    zoe = Client()
    invited = zoe.get(link_in_mail())["Location"]
    assert "Sign in with it" in zoe.get(invited).content.decode()
    # She has no password for it: the sign-in has the way, and only her mailbox gets the link.
    assert reverse("admin:admin_password_reset") in zoe.get(reverse("admin:login")).content.decode()
    assert mail_reset_links(ZOE) == 1
    zoe.post(zoe.get(link_in_mail())["Location"], {"password": PASSWORD, "again": PASSWORD})
    assert not is_in(squatter)
    assert sign_in(squatter, ZOE, "of-the-squatter").status_code == 200
    sign_in(zoe, ZOE, PASSWORD)
    assert zoe.post(invited).status_code == 302
    assert is_in(zoe)
    assert tenants_of(ZOE) == {"acme", "umbrella"}
