"""Inviting somebody: by mail or by a link that is shown once, accepted once, with a new account or the one that one has."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.context import system_transaction
from tenants.models import Invitation, Membership, Role, Tenant, User
from tenants.services.invitations import hash_token
from tenants.services.people_mail import mail_due_invitations
from tests.admin.conftest import office
from tests.admin.people_cast import PASSWORD, is_in, link_in_mail, sign_in, trail
from tests.conftest import make_user

ZOE = "zoe@acme.example"
NEW_ACCOUNT = {"first_name": "Zoe", "last_name": "Zorn", "password": PASSWORD, "again": PASSWORD}


def invite(admin: Client, email: str = ZOE, role: str = Role.OPERATOR) -> Any:
    return admin.post(reverse("admin:people_invite"), {"email": email, "role": role})


@pytest.fixture
def invited(alice: User, redis_clean: Any, settings: Any) -> str:
    """Zoe has a mail; the path of its link."""
    settings.PUBLIC_URL = "https://csms.example.com"
    assert invite(office(alice)).status_code == 302
    assert mail_due_invitations() == 1
    assert mail.outbox[-1].to == [ZOE]
    return link_in_mail()


def opened(link: str) -> Client:
    """A stranger's browser that has opened the link: its address tells nothing of the token then."""
    browser = Client()
    answer = browser.get(link)
    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:accept_invitation"))
    return browser


def test_the_invited_make_an_account_and_are_in(invited: str, tenant: Tenant) -> None:
    browser = opened(invited)
    assert "as <strong>Operator</strong>" in browser.get(reverse("admin:accept_invitation")).content.decode()
    answer = browser.post(reverse("admin:accept_invitation"), NEW_ACCOUNT)
    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:index"))
    assert is_in(browser)
    with system_transaction():
        member = Membership.objects.select_related("user").get(user__email=ZOE)
    assert (member.role, member.user.username, member.user.get_full_name()) == (Role.OPERATOR, ZOE, "Zoe Zorn")
    assert trail(tenant) == [("alice", "invite"), (ZOE, "accept invitation")]


def test_a_link_works_once(invited: str) -> None:
    first, second = opened(invited), opened(invited)
    assert first.post(reverse("admin:accept_invitation"), NEW_ACCOUNT).status_code == 302
    assert second.post(reverse("admin:accept_invitation"), NEW_ACCOUNT).status_code == 404
    assert Client().get(invited).status_code == 404


def test_only_a_hash_of_the_token_is_kept(invited: str) -> None:
    token = invited.rstrip("/").rpartition("/")[2]
    with system_transaction():
        assert Invitation.objects.get().token_hash == hash_token(token) != token


@pytest.mark.parametrize(
    "change", [{"expires_at": timezone.now() - timedelta(seconds=1)}, {"revoked_at": timezone.now()}]
)
def test_links_that_ran_out_or_were_revoked_open_nothing(invited: str, change: dict[str, Any]) -> None:
    browser = opened(invited)
    with system_transaction():
        Invitation.objects.update(**change)
    assert browser.post(reverse("admin:accept_invitation"), NEW_ACCOUNT).status_code == 404
    assert Client().get(invited).status_code == 404
    with system_transaction():
        assert not User.objects.filter(email=ZOE).exists()


def test_a_link_of_a_suspended_tenant_opens_nothing(invited: str, tenant: Tenant) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(status="suspended")
    assert Client().get(invited).status_code == 404


def test_sending_again_makes_the_link_before_worthless(invited: str, alice: User) -> None:
    with system_transaction():
        row = Invitation.objects.get()
    admin = office(alice)
    assert "opens nothing any more" in admin.get(reverse("admin:invitation_send_again", args=[row.pk])).content.decode()
    assert admin.post(reverse("admin:invitation_send_again", args=[row.pk])).status_code == 302
    assert mail_due_invitations() == 1
    assert Client().get(invited).status_code == 404
    assert Client().get(link_in_mail()).status_code == 302


def test_revoking_asks_once_and_holds(invited: str, alice: User, tenant: Tenant) -> None:
    with system_transaction():
        row = Invitation.objects.get()
    url, admin = reverse("admin:invitation_revoke", args=[row.pk]), office(alice)
    assert "opens nothing any more" in admin.get(url).content.decode()
    admin.post(url)
    assert Client().get(invited).status_code == 404
    # Somebody's second click.
    assert "revoked meanwhile" in admin.post(url, follow=True).content.decode()
    assert trail(tenant)[-1] == ("alice", "revoke invitation")


def test_a_weak_password_is_refused_by_field(invited: str) -> None:
    browser = opened(invited)
    for weak in ("short", "password1234", "zoe@acme.example"):
        answer = browser.post(reverse("admin:accept_invitation"), NEW_ACCOUNT | {"password": weak, "again": weak})
        assert answer.status_code == 200
        assert answer.context["form"].errors.keys() == {"password"}, weak
    answer = browser.post(reverse("admin:accept_invitation"), NEW_ACCOUNT | {"again": "another-password"})
    assert answer.context["form"].errors.keys() == {"again"}


def test_who_has_an_account_signs_in_and_accepts(invited: str, other_tenant: Tenant, tenant: Tenant) -> None:
    zoe = make_user("zoe", other_tenant, Role.VIEWER)
    User.objects.using("system").filter(pk=zoe.pk).update(email=ZOE.upper())
    browser = opened(invited)
    page = browser.get(reverse("admin:accept_invitation")).content.decode()
    assert "There is an account with this address" in page
    # No second account of that address.
    assert browser.post(reverse("admin:accept_invitation"), NEW_ACCOUNT).status_code == 200
    login = reverse("admin:login") + "?next=" + reverse("admin:accept_invitation")
    answer = browser.post(login, {"username": "zoe", "password": "zoezoe"})
    assert answer["Location"] == reverse("admin:accept_invitation")
    assert "Accept as zoe" in browser.get(answer["Location"]).content.decode()
    browser.post(answer["Location"])
    with system_transaction():
        roles = dict(Membership.objects.filter(user=zoe).values_list("tenant__slug", "role"))
        assert User.objects.filter(email__iexact=ZOE).count() == 1
    assert roles == {"umbrella": Role.VIEWER, "acme": Role.OPERATOR}


def test_an_account_without_a_tenant_gets_in_with_an_invitation_only(invited: str) -> None:
    make_user("nobody", None)
    assert "belongs to no tenant" in sign_in(Client(), "nobody").content.decode()
    browser = opened(invited)
    assert sign_in(browser, "nobody").status_code == 302
    assert browser.get(reverse("admin:index"), follow=True).redirect_chain[-1][0] == reverse("admin:accept_invitation")
    browser.post(reverse("admin:accept_invitation"))
    assert is_in(browser)


def test_without_a_mail_server_the_link_is_shown_once(alice: User, redis_clean: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    answer = invite(office(alice))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    link = answer.context["link"]
    assert link in answer.content.decode()
    assert opened(link[link.index("/admin/") :]).get(reverse("admin:accept_invitation")).status_code == 200
    assert mail_due_invitations() == 0


def test_mail_that_fails_is_tried_again_and_seen(
    alice: User, redis_clean: Any, settings: Any, monkeypatch: Any
) -> None:
    settings.PUBLIC_URL = "https://csms.example.com"
    admin = office(alice)
    invite(admin)

    def refused(**_: Any) -> None:
        raise ConnectionRefusedError("mail server away")

    with monkeypatch.context() as broken:
        broken.setattr("tenants.services.people_mail.send_text", refused)
        assert mail_due_invitations() == 0
    page = reverse("admin:tenants_membership_changelist")
    assert "Mail fails" in admin.get(page).content.decode()
    # Not before its pause is over.
    assert mail_due_invitations() == 0
    with system_transaction():
        Invitation.objects.update(mail_due_at=timezone.now())
    assert mail_due_invitations() == 1
    assert "Mail fails" not in admin.get(page).content.decode()


def test_nobody_is_invited_twice(invited: str, alice: User, bob: User) -> None:
    User.objects.using("system").filter(pk=bob.pk).update(email="bob@acme.example")
    for email, said in ((ZOE, "invited already"), ("BOB@acme.example", "belongs to your people already")):
        answer = invite(office(alice), email)
        assert answer.status_code == 200
        assert said in str(answer.context["form"].errors["email"])


def test_inviting_tells_nothing_of_accounts_elsewhere(
    alice: User, charlie: User, redis_clean: Any, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://csms.example.com"
    User.objects.using("system").filter(pk=charlie.pk).update(email="charlie@umbrella.example")
    admin = office(alice)
    answers = [invite(admin, email) for email in ("charlie@umbrella.example", "nobody@umbrella.example")]
    assert {(one.status_code, one["Location"]) for one in answers} == {
        (302, reverse("admin:tenants_membership_changelist"))
    }


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_inviting_is_for_administrators(tenant: Tenant, invited: str, role: str) -> None:
    browser = office(make_user("person", tenant, role))
    with system_transaction():
        pk = Invitation.objects.get().pk
    urls = [reverse("admin:people_invite")]
    urls += [reverse(f"admin:invitation_{what}", args=[pk]) for what in ("send_again", "revoke")]
    for url in urls:
        assert browser.get(url).status_code == 404
        assert browser.post(url, {"email": "x@example.com", "role": "admin"}).status_code == 404
    assert "Invite somebody" not in browser.get(reverse("admin:tenants_membership_changelist")).content.decode()
