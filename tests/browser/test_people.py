"""The way in, in a browser: invited by a link, an account made, two factors set up, and what the trail says of it."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tenants.models import Tenant, User
from tests.admin.people_cast import PASSWORD, code_of, forget_throttle
from tests.browser.axe import look_over
from tests.browser.conftest import Open
from tests.browser.ways import follow

pytestmark = pytest.mark.browser
ZOE = "zoe.zorn@charging-company.example"


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_invited_make_an_account_with_two_factors_and_the_trail_tells_of_it(
    web: str, new_page: Open, signed_in: Open, tenant: Tenant, alice: User, width: int, scheme: str
) -> None:
    admin = signed_in(reverse("admin:tenants_membership_changelist"), width, scheme)
    look_over(admin, "people")
    follow(admin, "text=Invite somebody")
    look_over(admin, "invite")
    admin.fill("input[name=email]", ZOE)
    admin.select_option("select[name=role]", "admin")
    follow(admin, "button:has-text('Invite')")
    link = admin.inner_text("[data-invitation-link]").strip()
    look_over(admin, "link")

    page = new_page(width, scheme)
    page.goto(web + link[link.index("/admin/") :])
    look_over(page, "invitation")
    for name, value in (("first_name", "Zoe"), ("last_name", "Zorn"), ("password", PASSWORD), ("again", PASSWORD)):
        page.fill(f"input[name={name}]", value)
    follow(page, "text=Make my account and accept")
    page.wait_for_selector("text=Welcome to Acme")

    zoe = User.objects.using("system").get(username=ZOE)
    page.goto(web + reverse("admin:account"))
    look_over(page, "account")
    follow(page, "text=Set it up")
    look_over(page, "who sits there?")
    page.fill("input[name=password]", PASSWORD)
    follow(page, "button[type=submit]:visible")
    page.wait_for_selector("input[name=code]")
    look_over(page, "two factors")
    page.fill("input[name=code]", code_of(zoe))
    follow(page, "text=Turn it on")
    page.wait_for_selector(".entrance-codes")
    look_over(page, "recovery codes")
    recovery = page.inner_text(".entrance-codes li >> nth=0")
    page.goto(web + reverse("admin:account"))
    page.wait_for_selector("text=Recovery codes left")

    page.context.clear_cookies()
    page.goto(web + reverse("admin:login"))
    look_over(page, "sign-in")
    for password in ("wrong", PASSWORD):
        page.fill("input[name=username]", ZOE)
        page.fill("input[name=password]", password)
        follow(page, "button[type=submit]")
        page.wait_for_selector("text=is wrong" if password == "wrong" else "input[name=code]")
    look_over(page, "code")
    forget_throttle(zoe)
    page.fill("input[name=code]", recovery)
    follow(page, "button[type=submit]")
    page.wait_for_url(f"**{reverse('admin:index')}")

    page.goto(web + reverse("admin:tenants_auditentry_changelist"))
    look_over(page, "trail")
    for said in ("Invited", "Accepted an invitation", "Set up a second factor", "Wrong password", "recovery code"):
        expect(page.locator("#result_list")).to_contain_text(said)
