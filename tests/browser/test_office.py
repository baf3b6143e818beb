"""The back office in a browser: light and dark, desk and phone, nothing from other hosts, no console errors."""

from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chargepoints.models import Connector
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.api.conftest import make_session, make_station
from tests.browser.axe import assert_fits
from tests.browser.conftest import Open
from tests.browser.ways import follow

pytestmark = pytest.mark.browser
PAGES = ["/admin/", "/admin/chargepoints/chargepoint/", "/admin/chargepoints/transaction/", "/admin/messages/"]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_an_operator_walks_through_the_pages(
    web: str, new_page: Open, alice: User, tenant: Tenant, width: int, scheme: str
) -> None:
    for number in range(1, 4):
        session = make_session(make_station(tenant, f"CP{number}"), str(number), last_register_wh=Decimal(5000))
        with tenant_transaction(tenant.pk):
            type(session).objects.filter(pk=session.pk).update(last_power_w=11000, last_reading_at=timezone.now())
            Connector.objects.filter(charge_point__identity=f"CP{number}").update(status="Charging")
    page = new_page(width, scheme)
    page.goto(f"{web}/admin/")
    page.fill("input[name=username]", "alice")
    page.fill("input[name=password]", "alicealice")
    follow(page, "button[type=submit]")
    page.wait_for_selector("text=stations online")
    expect(page.locator("[data-tile=power] b")).to_have_text("33.0 kW")
    for path in [*PAGES, None]:
        if path is None:
            page.goto(f"{web}/admin/chargepoints/chargepoint/")
            follow(page, "text=CP2")
            page.wait_for_selector("text=Start a session")
        else:
            page.goto(web + path)
        assert_fits(page)
