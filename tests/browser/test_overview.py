"""The overview in a browser: figures that change by themselves, charts that can be read, light and dark, desk and phone."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from chargepoints.models import FleetOnlineDay, Transaction
from metering.models import FleetBucket, Period
from smartcharging.models import Circuit
from smartcharging.services.fleet_load import record_fleet_load
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import make_session, make_station
from tests.browser.axe import faults
from tests.browser.conftest import Open

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
    page.wait_for_selector("[data-tile=power] >> text=11.0 kW")
    page.evaluate("window.notReloaded = true")
    page.click(".uptime-ends + details summary")
    page.focus("[data-tile=alerts] a")
    with tenant_transaction(session.tenant_id):
        Transaction.objects.filter(pk=session.pk).update(last_power_w=22_000, last_reading_at=timezone.now())
    page.wait_for_selector("[data-tile=power] >> text=22.0 kW")
    assert page.evaluate("window.notReloaded") is True
    assert page.locator(".uptime-ends + details").get_attribute("open") is not None
    # Who goes by keyboard is where they were.
    assert page.evaluate("document.activeElement.closest('[data-tile]')?.dataset.tile") == "alerts"
    assert page.inner_text("[data-refresh-mark]") == "live"


def test_charts_say_in_words_and_tables_what_they_draw(signed_in: Open, session: Transaction) -> None:
    page = signed_in("/admin/")
    page.wait_for_selector("[data-power] canvas[aria-label*='Power: 11 kW now']")
    assert "Limit: 44 kW now" in page.get_attribute("[data-power] canvas", "aria-label")
    page.wait_for_selector("[data-energy] canvas[aria-label*='30 kWh in 3 days']")
    page.click("[data-energy] summary")
    rows = page.locator("[data-energy] tbody tr")
    assert rows.count() == 30
    assert "still running" in rows.first.inner_text()
    page.click("[data-power] summary")
    assert "44 kW" in page.inner_text("[data-power] tbody")
    assert "Online for 50.0 %" in page.get_attribute(".uptime", "aria-label")


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
    page.click("text=Hide for everyone")
    page.wait_for_selector("[data-tile=online]")
    assert page.locator("text=First steps").count() == 0
