"""A person's language goes with the person: into every browser that they sign in at, and into mails to them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from tenants.context import system_transaction
from tenants.models import Role, Tenant, User
from tenants.services.invitations import invite
from tenants.services.people_mail import mail_due_invitations, mail_reset_links
from tests.admin.conftest import office
from tests.admin.people_cast import code_of, enrol, sign_in, trail

pytestmark = pytest.mark.django_db(transaction=True)
COOKIE = settings.LANGUAGE_COOKIE_NAME


@pytest.fixture(autouse=True)
def mailing(redis_clean: Any, settings: Any) -> Iterator[None]:
    """A server that takes mails; and nothing of a request's language is left to the tests after it."""
    settings.PUBLIC_URL = "https://charge.example"
    yield
    translation.deactivate()


def speaking(user: User, language: str) -> User:
    with system_transaction():
        User.objects.filter(pk=user.pk).update(language=language)
    return user


def language_of(user: User) -> str:
    with system_transaction():
        return User.objects.get(pk=user.pk).language


def text_of(client: Client, name: str = "account") -> str:
    return str(client.get(reverse(f"admin:{name}")).content.decode())


def profile(client: Client, language: str) -> Any:
    given = {"first_name": "Ada", "last_name": "", "language": language}
    return client.post(reverse("admin:account"), given, follow=True)


def test_the_switch_keeps_the_choice_for_the_next_browser(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    assert '<html lang="en"' in text_of(client)
    client.post(reverse("set_language"), {"language": "de", "next": "/admin/"})
    assert language_of(alice) == "de"
    other = office(alice)
    assert other.cookies[COOKIE].value == "de"
    assert '<html lang="de"' in text_of(other)


def test_the_profile_sets_and_forgets_it(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    assert '<html lang="de"' in profile(client, "de").content.decode()
    assert language_of(alice) == "de"
    assert '<html lang="en"' in profile(client, "").content.decode()
    assert (language_of(alice), client.cookies[COOKIE].value) == ("", "")
    assert trail(tenant) == [("alice", "change"), ("alice", "change")]


def test_a_language_that_there_is_not_is_not_kept(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    client.post(reverse("set_language"), {"language": "fr", "next": "/admin/"})
    assert "Select a valid choice" in profile(client, "fr").content.decode()
    assert language_of(alice) == ""


def test_who_chose_before_signing_in_takes_it_along(tenant: Tenant, alice: User) -> None:
    client = Client()
    client.post(reverse("set_language"), {"language": "de", "next": "/admin/login/"})
    assert sign_in(client, "alice").status_code == 302
    assert language_of(alice) == "de"


def test_a_second_factor_is_asked_for_first(tenant: Tenant, alice: User) -> None:
    """Whoever has the password alone does not learn it, and changes nothing of it."""
    enrol(speaking(alice, "de"))
    client = Client()
    sign_in(client, "alice")
    assert COOKIE not in client.cookies
    client.post(reverse("set_language"), {"language": "en", "next": "/admin/login/code/"})
    assert language_of(alice) == "de"
    client.post(reverse("admin:second_factor"), {"code": code_of(alice)})
    assert client.cookies[COOKIE].value == "de"


def test_the_link_for_a_new_password_comes_in_their_language(tenant: Tenant, alice: User) -> None:
    with system_transaction():
        User.objects.filter(pk=alice.pk).update(email="alice@acme.example", language="de")
    assert mail_reset_links("alice@acme.example") == 1
    assert mail.outbox[-1].subject == "Neues Passwort setzen"


def test_an_invitation_is_in_the_language_of_the_invited_else_of_who_invites(
    tenant: Tenant, alice: User, other_tenant: Tenant, charlie: User
) -> None:
    speaking(alice, "de")
    with system_transaction():
        User.objects.filter(pk=charlie.pk).update(email="charlie@acme.example", language="en")
    for email in ("charlie@acme.example", "new@acme.example"):
        invite(tenant_id=tenant.pk, email=email, role=Role.VIEWER, actor="alice", origin="admin", by_mail=True)
    assert mail_due_invitations() == 2
    subjects = {one.to[0]: one.subject for one in mail.outbox}
    assert subjects["charlie@acme.example"].startswith("Invitation to")
    assert subjects["new@acme.example"].startswith("Einladung")
