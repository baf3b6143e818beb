"""The overview in a browser: figures that change by themselves, charts that can be read, light and dark, desk and phone."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chargepoints.models import FleetOnlineDay, Transaction
from metering.models import FleetBucket, Period
from smartcharging.models import Circuit
from smartcharging.services.fleet_load import record_fleet_load
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import make_session, make_station
from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.browser.ways import follow, leaving

pytestmark = pytest.mark.browser


@pytest.fixture
def session(tenant: Tenant) -> Transaction:
    """A fleet with a past: power of the last minutes, energy and uptime of the last days."""
    now = timezone.now()
    found = make_session(
        make_station(tenant), started_at=now - timedelta(hours=1), last_power_w=Decimal(11_000), last_reading_at=now
    )
    with tenant_transaction(tenant.pk):
        Circuit.objects.create(tenant=tenant, name="Transformer", capacity=44_000, unit="W")
    for minutes in (20, 10, 0):
        record_fleet_load(now - timedelta(minutes=minutes))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with system_transaction():
        for days in range(3):
            start = midnight - timedelta(days=days)
            FleetBucket.objects.create(
                **{"tenant": tenant, "period": Period.DAY, "start": start, "end": start + timedelta(days=1)},
                energy_wh=10_000,
            )
            FleetOnlineDay.objects.create(
                **{"tenant": tenant, "day": start.date(), "stations": 1, "online_s": 43_200, "expected_s": 86_400},
                computed_at=now,
            )
    return found


def test_figures_change_without_a_reload_and_what_is_open_stays_open(signed_in: Open, session: Transaction) -> None:
    page = signed_in("/admin/")
    power = page.locator("[data-tile=power]")
    expect(power).to_contain_text("11.0 kW")
    page.evaluate("window.notReloaded = true")
    page.click(".uptime-ends + details summary")
    page.focus("[data-tile=alerts] a")
    with tenant_transaction(session.tenant_id):
        Transaction.objects.filter(pk=session.pk).update(last_power_w=22_000, last_reading_at=timezone.now())
    expect(power).to_contain_text("22.0 kW")
    assert page.evaluate("window.notReloaded") is True
    expect(page.locator(".uptime-ends + details")).to_have_attribute("open", "")
    # Who goes by keyboard is where they were.
    expect(page.locator("[data-tile=alerts] a")).to_be_focused()
    expect(page.locator("[data-refresh-mark]")).to_have_text("live")


def test_a_click_is_not_lost_where_its_figure_changes_meanwhile(signed_in: Open, session: Transaction) -> None:
    page = signed_in("/admin/")
    link = page.locator("[data-tile=power] a")
    link.hover()
    with page.expect_response("**/tiles/") as answered:
        page.route("**/tiles/", lambda route: press_and_go_on(page, session, route), times=1)
    answered.value.finished()
    before = page.url
    with leaving(page):
        page.mouse.up()
    assert page.url != before


def press_and_go_on(page: Any, session: Transaction, route: Any) -> None:
    """While the page asks for its figures, the button goes down, and one of them changes."""
    with tenant_transaction(session.tenant_id):
        Transaction.objects.filter(pk=session.pk).update(last_power_w=22_000, last_reading_at=timezone.now())
    page.mouse.down()
    route.continue_()


def test_charts_say_in_words_and_tables_what_they_draw(signed_in: Open, session: Transaction) -> None:
    page = signed_in("/admin/")
    said = "aria-label"
    expect(page.locator("[data-power] canvas")).to_have_attribute(said, re.compile("Power: 11 kW now"))
    expect(page.locator("[data-power] canvas")).to_have_attribute(said, re.compile("Limit: 44 kW now"))
    expect(page.locator("[data-energy] canvas")).to_have_attribute(said, re.compile("30 kWh in 3 days"))
    page.click("[data-energy] summary")
    rows = page.locator("[data-energy] tbody tr")
    expect(rows).to_have_count(30)
    expect(rows.first).to_contain_text("still running")
    page.click("[data-power] summary")
    expect(page.locator("[data-power] tbody")).to_contain_text("44 kW")
    expect(page.locator(".uptime")).to_have_attribute(said, re.compile("Online for 50.0 %"))


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_it_fits_the_window_and_can_be_read(signed_in: Open, session: Transaction, width: int, scheme: str) -> None:
    page = signed_in("/admin/", width, scheme)
    page.wait_for_selector("[data-power] canvas[aria-label*='now']")
    assert faults(page, ".overview") == []


def test_a_new_tenant_is_led_to_its_first_session(signed_in: Open, tenant: Tenant) -> None:
    page = signed_in("/admin/", 390)
    page.wait_for_selector("text=0 of 6 done")
    make_station(tenant, "WALL-1")
    # The panel refreshes itself: what to type into the station appears beside the page being looked at.
    page.wait_for_selector("code:has-text('/ocpp/acme/WALL-1')")
    follow(page, "text=Hide for everyone")
    page.wait_for_selector("[data-tile=online]")
    expect(page.locator("text=First steps")).to_have_count(0)
