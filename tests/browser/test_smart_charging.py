"""Smart charging in a browser: a profile is drawn while it is typed and then sent; a circuit's load refreshes itself."""

from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chargepoints.models import ChargePoint, Command
from smartcharging.models import Allotment, Circuit
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.admin.smart_charging_data import make_circuit, make_connectors, make_member, make_profile, make_rounds
from tests.api.conftest import bring_online, make_session, make_station
from tests.browser.axe import assert_fits
from tests.browser.conftest import Open
from tests.browser.ways import follow

pytestmark = pytest.mark.browser
POINTS = "(canvas) => Chart.getChart(canvas).data.datasets.map((set) => set.data.map((point) => point.y))"
HAS_POINT = f"([key, line, wanted]) => ({POINTS})(document.querySelector(`[data-chart=${{key}}] canvas`))[line]?.includes(wanted)"


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    made = make_station(tenant)
    make_session(made)
    make_connectors(made, 2)
    bring_online(made)
    make_profile(made)
    return made


@pytest.fixture
def circuit(tenant: Tenant, station: ChargePoint) -> Circuit:
    root = make_circuit(tenant, base_load_a=Decimal(10))
    feeder = make_circuit(tenant, "Feeder", parent=root, kind="feeder", capacity=Decimal(32))
    with tenant_transaction(tenant.pk):
        session = station.transactions.get()
    ledger = {"worst_a": 16, "sent_a": 16, "transaction_id": session.pk, "default_a": 0, "state": "confirmed"}
    make_member(feeder, station, allotment=ledger)
    make_rounds(root, timezone.now(), 60)
    return root


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_profile_is_drawn_while_it_is_typed_and_sent(
    station: ChargePoint, tenant: Tenant, signed_in: Open, width: int, scheme: str
) -> None:
    page = signed_in(f"/admin/chargepoints/chargepoint/{station.pk}/profiles/", width, scheme)
    page.wait_for_function(HAS_POINT, arg=["composite", 0, 16])
    page.click("button[data-unit=W]")
    page.wait_for_function(HAS_POINT, arg=["composite", 0, 11.04])
    assert_fits(page)

    follow(page, "text=New profile")
    page.wait_for_selector("[data-chart=result] .chart-key")
    page.wait_for_selector("text=It changes nothing in this time")
    page.fill("input[name=stack_level]", "2")
    page.locator("input[name=limit]").nth(0).fill("24")
    # At once, without the server.
    page.wait_for_function(HAS_POINT, arg=["profile", 0, 24])
    page.wait_for_function(HAS_POINT, arg=["result", 0, 24])
    # With the keyboard: a row below, and its fault at its field.
    page.locator("input[name=limit]").nth(1).press("Enter")
    expect(page.locator("[data-periods] tr")).to_have_count(3)
    page.wait_for_selector("[data-periods] tr:nth-child(3) [data-fault=limit] li")
    page.locator("input[name=limit]").nth(2).press("Alt+Delete")
    expect(page.locator("[data-periods] tr")).to_have_count(2)
    page.fill("input[name=stack_level]", "99")
    page.wait_for_selector("[data-fault=stack_level] >> text=stack_level_too_high")
    page.fill("input[name=stack_level]", "2")
    expect(page.locator("[data-fault=stack_level]")).to_be_empty()
    page.select_option("select[name=kind]", "weekly")
    expect(page.locator("select[name=day]").nth(0)).to_be_visible()
    page.select_option("select[name=kind]", "daily")
    assert_fits(page)
    follow(page, "text=Send to the charge point")
    page.wait_for_selector("text=Waiting for the station")
    with tenant_transaction(tenant.pk):
        payload = Command.objects.get(action="SetChargingProfile").payload
    assert payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 24


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_the_load_of_a_circuit_refreshes_itself(
    circuit: Circuit, tenant: Tenant, signed_in: Open, width: int, scheme: str
) -> None:
    page = signed_in("/admin/smartcharging/circuit/", width, scheme)
    page.wait_for_selector("text=0 A of 16 A allotted")
    assert_fits(page)
    follow(page, "a:has-text('Depot')")
    expect(page.locator("[data-range]")).not_to_be_empty()
    assert max(page.locator("[data-chart=load-L1] canvas").evaluate(POINTS)[1]) > 40
    assert_fits(page)
    with tenant_transaction(tenant.pk):
        Allotment.objects.update(sent_a=9, worst_a=9)
    page.wait_for_selector("text=0 A of 9 A allotted")
