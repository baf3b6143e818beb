"""The back office in German: the sign-in, the board with decimal commas, charts that draw, no word too long for its place."""

import re
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import expect

from tenants.models import Tenant, User
from tests.browser.axe import TOLERATED_PX, overflow
from tests.browser.conftest import Open
from tests.browser.test_board import fleet
from tests.browser.ways import leaving

__all__ = ["fleet"]
pytestmark = pytest.mark.browser


def in_german(signed_in: Open, path: str, width: int = 1440) -> Any:
    """Alice's page, after she chose German."""
    page = signed_in("/admin/account/", width)
    address = page.url.split("/admin/")[0]
    page.context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": "de", "url": address}])
    page.goto(address + path)
    return page


def test_a_german_browser_is_asked_to_sign_in_in_german(web: str, new_page: Open) -> None:
    page = new_page(390)
    page.set_extra_http_headers({"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"})
    page.goto(f"{web}/admin/login/")
    expect(page.get_by_role("button", name="Anmelden", exact=True)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_somebody_chooses_german_in_the_menu_and_it_stays(alice: User, signed_in: Open) -> None:
    page = signed_in("/admin/account/")
    form = page.locator('form[action="/admin/language/"]', has=page.locator('input[name="language"][value="de"]')).first
    with leaving(page):
        form.evaluate("form => form.requestSubmit()")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.goto(page.url.split("/admin/")[0] + "/admin/board/")
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_the_board_speaks_german_with_decimal_commas(fleet: list[Any], tenant: Tenant, signed_in: Open) -> None:
    page = in_german(signed_in, "/admin/board/")
    tile = page.locator(".board-tile", has_text="CP1")
    expect(tile).to_contain_text("11,0 kW")
    expect(tile).to_contain_text("Lädt")
    expect(page.locator(".board-tile", has_text="CP2")).to_contain_text("Gestört")


def test_charts_draw_in_german(fleet: list[Any], tenant: Tenant, signed_in: Open) -> None:
    """Their numbers come as JSON: with a comma none would be drawn, and the console would say so."""
    page = in_german(signed_in, "/admin/")
    expect(page.locator("body")).to_contain_text(re.compile("laden jetzt", re.IGNORECASE))
    page = in_german(signed_in, f"/admin/chargepoints/chargepoint/{fleet[0].pk}/change/")
    expect(page.locator("body")).to_contain_text("11,0 kW")


PAGES = (
    *("/admin/", "/admin/board/", "/admin/chargepoints/chargepoint/", "/admin/chargepoints/transaction/"),
    *("/admin/metering/alert/", "/admin/account/", "/admin/tenants/membership/", "/admin/smartcharging/circuit/"),
    *("/admin/metering/tariff/add/", "/admin/chargepoints/chargepoint/add/"),
)


@pytest.mark.parametrize("width", [1440, 390])
def test_german_words_fit(fleet: list[Any], tenant: Tenant, signed_in: Open, width: int) -> None:
    page = in_german(signed_in, PAGES[0], width)
    address = page.url.split("/admin/")[0]
    wide = {}
    for path in [*PAGES, f"/admin/chargepoints/chargepoint/{fleet[0].pk}/change/"]:
        page.goto(address + path)
        beyond = overflow(page)
        if beyond > TOLERATED_PX:
            wide[path] = beyond
    assert wide == {}
