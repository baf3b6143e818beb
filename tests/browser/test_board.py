"""The live board in a browser: what happens at the stations shows without a reload."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chargepoints.models import ChargePoint, Connector, Site, Transaction
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.api.conftest import bring_online, make_session, make_station
from tests.browser.axe import assert_fits, faults
from tests.browser.conftest import Open
from tests.browser.ways import follow

pytestmark = pytest.mark.browser


@pytest.fixture
def fleet(tenant: Tenant, db: None) -> list[Any]:
    """Four stations at two places: one charges, one is faulted, one free, one offline."""
    now = timezone.now()
    stations = [make_station(tenant, f"CP{number}") for number in range(1, 5)]
    make_session(stations[0], "1")
    with tenant_transaction(tenant.pk):
        depot = Site.objects.create(tenant=tenant, name="Depot")
        type(stations[0]).objects.filter(pk__in=[stations[0].pk, stations[1].pk]).update(site=depot)
        Transaction.objects.update(last_power_w=Decimal(11000), last_register_wh=Decimal(9500), started_at=now)
        for station, status in zip(stations, ["Charging", "Faulted", "Available", "Available"], strict=True):
            Connector.objects.filter(charge_point=station).update(status=status, status_at=now)
    bring_online(*stations[:3])
    return stations


def test_power_rises_and_a_fault_shows_without_a_reload(
    fleet: list[Any], tenant: Tenant, alice: User, signed_in: Open
) -> None:
    page = signed_in("/admin/board/")
    tile = page.locator(".board-tile", has_text="CP1")
    expect(tile).to_contain_text("11.0 kW")
    expect(tile).to_have_class(re.compile("board-busy"))
    expect(page.locator(".board-tile", has_text="CP2")).to_contain_text("Faulted")
    expect(page.locator(".board-tile", has_text="CP4")).to_have_class(re.compile("board-off"))
    expect(page.locator("[data-mark]")).to_have_text("live")
    page.evaluate("window.notReloaded = true")
    with tenant_transaction(tenant.pk):
        Transaction.objects.update(last_power_w=Decimal(21900))
        Connector.objects.filter(charge_point=fleet[2]).update(status="Faulted", error_code="GroundFailure")
    expect(tile).to_contain_text("21.9 kW")
    expect(page.locator(".board-tile", has_text="CP3")).to_contain_text("Faulted: GroundFailure")
    assert page.evaluate("window.notReloaded")


def test_filters_stand_in_the_address_and_hold_after_a_reload(fleet: list[Any], alice: User, signed_in: Open) -> None:
    page = signed_in("/admin/board/")
    expect(page.locator(".board-tile")).to_have_count(4)
    page.select_option("select[name=site]", label="Depot")
    page.click(".board-counts button:has-text('Faulted')")
    expect(page.locator(".board-tile:visible")).to_have_count(1)
    expect(page).to_have_url(re.compile("status=Faulted"))
    page.reload()
    expect(page.locator(".board-tile:visible")).to_have_count(1)
    expect(page.locator(".board-tile:visible")).to_contain_text("CP2")
    page.click("text=Show all")
    expect(page.locator(".board-tile:visible")).to_have_count(4)
    expect(page).to_have_url(re.compile(r"^[^?]*$"))


def test_a_large_board_is_drawn_to_its_end_in_order_and_newcomers_find_their_place(
    tenant: Tenant, alice: User, signed_in: Open
) -> None:
    """It begins with what is in view: the rest, and what a filter left out, follows."""
    names = [f"S{number}" for number in range(1, 601)]

    def create(*identities: str) -> None:
        with tenant_transaction(tenant.pk):
            ChargePoint.objects.bulk_create(
                ChargePoint(tenant=tenant, identity=one, identity_key=one.casefold()) for one in identities
            )

    create(*(name for name in reversed(names) if name != "S17"))
    page = signed_in("/admin/board/?q=S60")
    expect(page.locator(".board-tile")).to_have_text([re.compile(f"^{name}\\D") for name in ("S60", "S600")])
    page.click("text=Show all")
    expect(page.locator(".board-tile")).to_have_count(len(names) - 1)
    create("S17")
    expect(page.locator(".board-tile")).to_have_count(len(names))
    expect(page.locator(".board-name")).to_have_text(names)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_it_fits_every_screen(fleet: list[Any], alice: User, signed_in: Open, width: int, scheme: str) -> None:
    page = signed_in("/admin/board/", width, scheme)
    expect(page.locator(".board-tile")).to_have_count(4)
    assert_fits(page)


KEEPS_SOCKETS = """
window.sockets = []; window.marks = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain { constructor(...given) { super(...given); window.sockets.push(this); } };
new MutationObserver(() => {
  const mark = document.querySelector("[data-mark]");
  if (mark && window.marks.at(-1) !== mark.textContent) window.marks.push(mark.textContent);
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


def test_a_lost_line_is_said_and_all_is_drawn_anew(
    fleet: list[Any], tenant: Tenant, alice: User, signed_in: Open
) -> None:
    page = signed_in("/admin/board/")
    page.context.add_init_script(KEEPS_SOCKETS)
    page.reload()
    expect(page.locator("[data-mark]")).to_have_text("live")
    page.evaluate("window.marks = []; sockets[0].close()")
    page.wait_for_function("window.sockets.length > 1 && window.marks.at(-1) === 'live'")
    assert page.evaluate("window.marks")[0] == "reconnecting …"
    with tenant_transaction(tenant.pk):
        Connector.objects.filter(charge_point=fleet[2]).update(status="Preparing")
    expect(page.locator(".board-tile", has_text="CP3")).to_contain_text("Preparing")


@pytest.fixture
def mapped(fleet: list[Any], tenant: Tenant) -> list[Any]:
    """The depot stands in Hamburg; two more sites in Munich, close to each other; one nobody knows where."""
    with tenant_transaction(tenant.pk):
        Site.objects.filter(name="Depot").update(latitude=Decimal("53.55"), longitude=Decimal("9.99"))
        near = [
            Site.objects.create(
                tenant=tenant, name=name, latitude=Decimal(north), longitude=Decimal("11.57") if north else None
            )
            for name, north in (("Mitte", "48.137"), ("Ost", "48.138"))
        ]
        lost = Site.objects.create(tenant=tenant, name="Somewhere")
        type(fleet[0]).objects.filter(pk=fleet[2].pk).update(site=near[0])
        type(fleet[0]).objects.filter(pk=fleet[3].pk).update(site=lost)
        spare = make_station(tenant, "CP5")
        type(fleet[0]).objects.filter(pk=spare.pk).update(site=near[1])
    return fleet


def test_the_map_has_a_marker_per_place_and_follows(
    mapped: list[Any], tenant: Tenant, alice: User, signed_in: Open
) -> None:
    page = signed_in("/admin/board/?view=map")
    depot = page.locator(".board-pin-place[aria-label^='Depot']")
    expect(depot).to_have_attribute("aria-label", "Depot: 1 faulted, 1 charging")
    expect(depot.locator(".board-pin")).to_have_class(re.compile("board-pin-bad"))
    both = page.locator(".board-pin-place[aria-label^='2 sites']")
    expect(both).to_have_attribute("aria-label", "2 sites: 1 offline, 1 free")
    expect(page.locator(".board-place", has_text="Somewhere")).to_contain_text("no coordinates")
    with tenant_transaction(tenant.pk):
        Connector.objects.filter(charge_point=mapped[1]).update(status="Available", error_code="NoError")
    expect(depot).to_have_attribute("aria-label", "Depot: 1 charging, 1 free")
    both.click()
    expect(page.locator(".board-pin-place[aria-label^='Mitte']")).to_have_attribute("aria-label", "Mitte: 1 free")


def test_a_site_opens_by_keyboard_and_leads_to_its_stations(mapped: list[Any], alice: User, signed_in: Open) -> None:
    page = signed_in("/admin/board/")
    page.click("[data-view=map]")
    depot = page.locator(".board-pin-place[aria-label^='Depot']")
    expect(depot).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?view=map$"))
    depot.focus()
    page.keyboard.press("Enter")
    popup = page.locator(".board-popup")
    expect(popup.locator(".board-line").first).to_be_focused()
    expect(popup).to_contain_text("CP2")
    page.keyboard.press("Escape")
    expect(popup).to_have_count(0)
    expect(depot).to_be_focused()
    page.keyboard.press("Enter")
    follow(page, popup.locator("a", has_text="CP2"))
    page.wait_for_url(f"**/chargepoint/{mapped[1].pk}/change/")


def test_filters_hold_on_the_map_and_in_its_address(mapped: list[Any], alice: User, signed_in: Open) -> None:
    page = signed_in("/admin/board/?view=map")
    expect(page.locator(".board-pin-place")).to_have_count(2)
    page.click(".board-counts button:has-text('Faulted')")
    expect(page.locator(".board-pin-place")).to_have_count(1)
    expect(page.locator(".board-pin-place")).to_have_attribute("aria-label", "Depot: 1 faulted")
    expect(page).to_have_url(re.compile("status=Faulted"))
    expect(page).to_have_url(re.compile("view=map"))
    page.reload()
    expect(page.locator(".board-pin-place")).to_have_count(1)


# As if the setting named a server: before the map's script reads it.
NAMES_TILES = """
new MutationObserver(() => {
  const config = document.getElementById("board-map");
  if (!config || config.dataset.named || !config.nextElementSibling) return;
  config.dataset.named = "1";
  const tiles = "/tiles/{z}/{x}/{y}.svg", attribution = "Maps by Somebody";
  config.textContent = JSON.stringify({ ...JSON.parse(config.textContent), tiles, attribution });
}).observe(document, { childList: true, subtree: true });
"""


def test_tiles_are_fetched_from_where_the_setting_says(mapped: list[Any], alice: User, signed_in: Open) -> None:
    page = signed_in("/admin/board/")
    asked: list[str] = []

    def tile(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=200, content_type="image/svg+xml", body="<svg xmlns='http://www.w3.org/2000/svg'/>")

    page.route("**/tiles/*/*/*.svg", tile)
    page.add_init_script(NAMES_TILES)
    page.goto(page.url + "?view=map")
    expect(page.locator(".leaflet-control-attribution")).to_have_text("Maps by Somebody")
    expect(page.locator(".leaflet-tile-loaded").first).to_be_attached()
    assert all(re.search(r"/tiles/\d+/\d+/\d+\.svg$", url) for url in asked)
    expect(page.locator(".board-graticule")).to_have_count(0)
    page.unroute_all(behavior="wait")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_map_fits_every_screen_and_everybody_can_read_it(
    mapped: list[Any], alice: User, signed_in: Open, width: int, scheme: str
) -> None:
    page = signed_in("/admin/board/?view=map", width, scheme)
    expect(page.locator(".board-pin-place").first).to_be_visible()
    expect(page.locator(".board-graticule").first).to_be_attached()
    assert faults(page, ".board") == []
