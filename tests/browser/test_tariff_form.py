"""A tariff written in a browser: rows come and go without a reload, the server works out the example beside them."""

import re

import pytest
from playwright.sync_api import expect

from metering.models import Tariff
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.browser.axe import look_over
from tests.browser.conftest import Open
from tests.browser.ways import come_to_rest, follow

pytestmark = pytest.mark.browser
DAY = {
    "price_components": [{"type": "ENERGY", "price": 0.5, "vat": 20, "step_size": 1}],
    "restrictions": {"start_time": "08:00", "end_time": "20:00", "day_of_week": ["TUESDAY"]},
}
ALWAYS = {"price_components": [{"type": "ENERGY", "price": 0.3, "vat": 20, "step_size": 1}]}


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_tariff_is_written_row_by_row(tenant: Tenant, signed_in: Open, width: int, scheme: str) -> None:
    page = signed_in("/admin/metering/tariff/add/", width, scheme)
    expect(page.locator("#tariff-answer")).to_be_attached()
    come_to_rest(page)
    # Nothing is wrong before anything was typed.
    expect(page.locator("[data-fault] li")).to_have_count(0)
    rate = page.locator("[data-rows] > [data-rate]")
    total = page.locator("[data-total]")
    page.fill("input[name=name]", "Day and night")
    rate.nth(0).locator("[data-slot=energy_price]").fill("0,30")
    rate.nth(0).locator("[data-slot=energy_vat]").fill("20")
    # 22 kWh on a Tuesday at 18:00.
    expect(total).to_have_text("This session costs 7.92 € with tax.")

    # A copy below it, moved up by the keyboard: it is the particular one.
    rate.nth(0).locator("[data-do=copy]").click()
    expect(rate.nth(1).locator("[data-slot=energy_price]")).to_be_focused()
    rate.nth(1).locator("[data-slot=energy_price]").fill("0,50")
    rate.nth(1).locator("[data-slot=start_time]").fill("08:00")
    rate.nth(1).locator("[data-slot=end_time]").fill("20:00")
    rate.nth(1).locator(".tariff-days span", has_text="Tue").click()
    page.keyboard.press("Alt+ArrowUp")
    expect(rate.nth(0).locator("[data-slot=energy_price]")).to_have_value("0,50")
    expect(page.locator("[data-status]")).to_have_text("Rate moved to place 1")
    expect(total).to_have_text("This session costs 13.20 € with tax.")

    # A fault stands at its field while one types, also where it was folded away.
    page.click("[data-add]")
    rate.nth(2).locator("[data-slot=flat_price]").fill("1")
    rate.nth(2).locator("summary").click()
    rate.nth(2).locator("[data-slot=min_duration]").fill("4h")
    expect(rate.nth(2).locator("[data-fault=min_duration]")).to_have_text("Hours and minutes, such as 4:00.")
    look_over(page)
    page.keyboard.press("Alt+Delete")
    expect(rate).to_have_count(2)
    expect(total).to_have_text("This session costs 13.20 € with tax.")

    # The same as JSON, and back.
    page.click("[data-switch]")
    expect(page.locator("textarea[name=elements]")).to_have_value(re.compile('"TUESDAY"'))
    look_over(page)
    page.click("[data-switch]")
    expect(rate).to_have_count(2)
    look_over(page)
    follow(page, "button[name=_save]")
    page.wait_for_url("**/admin/metering/tariff/")
    with tenant_transaction(tenant.pk):
        assert Tariff.objects.get().elements == [DAY, ALWAYS]
