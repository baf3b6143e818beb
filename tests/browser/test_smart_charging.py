"""Smart charging in a browser: a profile is drawn while it is typed and then sent; a circuit's load refreshes itself."""

from decimal import Decimal

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command
from smartcharging.models import Allotment, Circuit
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.admin.smart_charging_data import make_circuit, make_connectors, make_member, make_profile, make_rounds
from tests.api.conftest import bring_online, make_session, make_station
from tests.browser.conftest import Open

pytestmark = pytest.mark.browser
POINTS = "(canvas) => Chart.getChart(canvas).data.datasets.map((set) => set.data.map((point) => point.y))"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


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
    page.wait_for_function("!!Chart.getChart(document.querySelector('[data-chart=composite] canvas'))")
    assert 16 in page.locator("[data-chart=composite] canvas").evaluate(POINTS)[0]
    page.click("button[data-unit=W]")
    assert 11.04 in page.locator("[data-chart=composite] canvas").evaluate(POINTS)[0]
    assert page.evaluate(OVERFLOW) <= 1

    page.click("text=New profile")
    page.wait_for_selector("[data-chart=result] .chart-key")
    page.wait_for_selector("text=It changes nothing in this time")
    page.fill("input[name=stack_level]", "2")
    page.locator("input[name=limit]").nth(0).fill("24")
    # At once, without the server.
    assert 24 in page.locator("[data-chart=profile] canvas").evaluate(POINTS)[0]
    page.wait_for_function(f"({POINTS})(document.querySelector('[data-chart=result] canvas'))[0].includes(24)")
    # With the keyboard: a row below, and its fault at its field.
    page.locator("input[name=limit]").nth(1).press("Enter")
    assert page.locator("[data-periods] tr").count() == 3
    page.wait_for_selector("[data-periods] tr:nth-child(3) [data-fault=limit] li")
    page.locator("input[name=limit]").nth(2).press("Alt+Delete")
    assert page.locator("[data-periods] tr").count() == 2
    page.fill("input[name=stack_level]", "99")
    page.wait_for_selector("[data-fault=stack_level] >> text=stack_level_too_high")
    page.fill("input[name=stack_level]", "2")
    page.wait_for_function("!document.querySelector('[data-fault=stack_level]').textContent")
    page.select_option("select[name=kind]", "weekly")
    assert page.locator("select[name=day]").nth(0).is_visible()
    page.select_option("select[name=kind]", "daily")
    assert page.evaluate(OVERFLOW) <= 1
    page.click("text=Send to the charge point")
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
    assert page.evaluate(OVERFLOW) <= 1
    page.click("a:has-text('Depot')")
    page.wait_for_function("!!document.querySelector('[data-range]').textContent")
    assert max(page.locator("[data-chart=load-L1] canvas").evaluate(POINTS)[1]) > 40
    assert page.evaluate(OVERFLOW) <= 1
    with tenant_transaction(tenant.pk):
        Allotment.objects.update(sent_a=9, worst_a=9)
    page.wait_for_selector("text=0 A of 9 A allotted")
