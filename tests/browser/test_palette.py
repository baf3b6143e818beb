"""The search palette in a browser: by keys alone, on a phone, in dark; the newest answer wins; the focus goes back."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from chargepoints.models import ChargePoint
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import make_session, make_station
from tests.browser.axe import serious_faults
from tests.browser.conftest import Open
from tests.browser.ways import come_to_rest, leaving

pytestmark = pytest.mark.browser
OVERVIEW = "/admin/"
ACTIVE = "document.activeElement"
BOX, OPTION = ".palette [role=combobox]", ".palette [role=option]"


@pytest.fixture
def fleet(tenant: Tenant) -> list[ChargePoint]:
    stations = [make_station(tenant, f"DEPOT-{number}") for number in range(1, 4)]
    make_session(stations[0], "4711")
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=stations[0].pk).update(name="By the gate")
    return stations


def type_at_once(page: Any, text: str) -> None:
    """Into what has the focus. Key by key a slow typist would be answered in between as well."""
    page.keyboard.insert_text(text)


def expect_selected(page: Any, title: str) -> None:
    """It is what a screen reader would say is chosen."""
    chosen = page.locator(f"{OPTION}[aria-selected=true]")
    expect(chosen.locator("b")).to_have_text(title)
    expect(page.locator(BOX)).to_have_attribute("aria-activedescendant", chosen.get_attribute("id"))


def test_a_station_is_found_and_opened_with_the_keyboard(fleet: list[ChargePoint], signed_in: Open) -> None:
    page = signed_in(OVERVIEW)
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[data-palette][open]")
    type_at_once(page, "depot")
    expect_selected(page, "DEPOT-1")
    page.keyboard.press("ArrowDown")
    expect_selected(page, "DEPOT-2")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect_selected(page, "DEPOT-3")
    with leaving(page):
        page.keyboard.press("Enter")
    page.wait_for_url(f"**{reverse('admin:chargepoints_chargepoint_change', args=[fleet[2].pk])}")


def test_escape_closes_it_and_gives_the_focus_back(fleet: list[ChargePoint], signed_in: Open) -> None:
    page = signed_in("/admin/messages/")
    page.focus("#content input >> nth=0")
    before = page.evaluate(f"{ACTIVE}.name || {ACTIVE}.id")
    page.keyboard.press("/")
    # In a field it is a letter.
    assert page.query_selector("dialog[data-palette][open]") is None
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[data-palette][open]")
    expect(page.locator(BOX)).to_be_focused()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[data-palette]:not([open])", state="attached")
    page.wait_for_function(f"(before) => ({ACTIVE}.name || {ACTIVE}.id) === before", arg=before)


def test_the_newest_answer_wins(fleet: list[ChargePoint], signed_in: Open) -> None:
    page = signed_in(OVERVIEW)
    held: list[Any] = []

    def answer(route: Any) -> None:
        # The first question is answered last.
        if "q=depot" in route.request.url:
            held.append(route)
        else:
            route.continue_()

    page.route("**/admin/search/**", answer)
    page.keyboard.press("/")
    page.wait_for_selector("dialog[data-palette][open]")
    with page.expect_request("**/search/?q=depot"):
        type_at_once(page, "depot")
    with page.expect_response("**/search/?q=4711"):
        page.fill(BOX, "4711")
    page.wait_for_selector(OPTION)
    for route in held:
        try:
            route.continue_()
        except Exception:
            continue
    expect(page.locator(f"{OPTION} b")).to_have_text("4711")
    expect(page.locator("[data-count]")).to_have_text("1 result")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1440, "dark")])
def test_it_opens_by_a_button_fits_and_breaks_no_rule(
    fleet: list[ChargePoint], signed_in: Open, width: int, scheme: str
) -> None:
    page = signed_in(OVERVIEW, width, scheme)
    page.click("[data-palette-open]:visible")
    page.wait_for_selector("dialog[data-palette][open]")
    page.fill(BOX, "depot")
    page.wait_for_selector(OPTION)
    come_to_rest(page)
    box = page.locator(".palette-box").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert serious_faults(page, "dialog[data-palette]") == []
    page.mouse.click(5, 890)
    page.wait_for_selector("dialog[data-palette]:not([open])", state="attached")


def test_a_list_keeps_its_own_search_for_the_slash(fleet: list[ChargePoint], signed_in: Open) -> None:
    page = signed_in("/admin/chargepoints/chargepoint/")
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement.id === 'searchbar'")
    assert page.query_selector("dialog[data-palette][open]") is None


def test_nothing_found_is_said(fleet: list[ChargePoint], signed_in: Open) -> None:
    page = signed_in(OVERVIEW)
    page.keyboard.press("Control+k")
    page.fill(BOX, "nowhere")
    page.wait_for_selector("text=Nothing found.")
